"""One batch is learnt by heart where the labels allow it, and the sentence says so where they do not."""

import numpy as np
import pytest

from ouroboros.frames import Frames
from ouroboros.one_batch import judge
from ouroboros.training import train_member


@pytest.fixture
def one_batch(training_settings):
    return {**training_settings, "overfit_batches": 1, "batch_size": 4, "steps": 500, "validate_every_epochs": 50}


def test_honest_labels_are_learnt_by_heart(water, model_settings, one_batch):
    sentence, figures = judge(train_member(water, model_settings, one_batch, seed=0).summary)
    assert sentence.startswith("One batch is learnt by heart")
    assert figures["error_over_size"] < figures["limit"]


def test_the_error_is_measured_by_all_the_frames_trained_on(water, model_settings, one_batch):
    """Also where a step comes in parts, and the first of them is small."""
    summary = train_member(water, model_settings, {**one_batch, "steps": 1, "accumulation": 4}, seed=0).summary
    few = water.take(np.flatnonzero(water.columns["subset"] == "train")[: one_batch["batch_size"]])
    rms = np.sqrt(np.square(few.forces).mean())
    assert summary["labels"]["forces_rms_eV_per_A"] == pytest.approx(rms, rel=1e-6)
    with pytest.raises(ValueError, match=f"of the rms force {1000 * rms:.0f} meV/Å"):
        judge(summary)


def test_two_levels_of_theory_in_one_set_are_not(water, model_settings, one_batch):
    """The same structures twice, with forces that differ by a third: no function of the positions gives both."""
    few = water.take(np.flatnonzero(water.columns["subset"] == "train")[:2])
    other = Frames(**{**few.__dict__, "forces": few.forces * 4 / 3})
    mixed = Frames.concatenate([few, other])
    with pytest.raises(ValueError, match=r"not learnt by heart: .*\(two levels of theory"):
        judge(train_member(mixed, model_settings, one_batch, seed=0).summary)


def test_energies_are_judged_where_forces_have_no_weight():
    training = {
        "training": {"force_weight": 0.0},
        "labels": {"energy_rms_eV": 0.1, "forces_rms_eV_per_A": 1.0},
        "validation": {"energy_mae_meV": 2.0, "force_mae_meV_per_A": 900.0},
        "frames": {"train": 5},
        "steps": 100,
    }
    assert "energy MAE 2.0 meV" in judge(training)[0]
    training["validation"]["energy_mae_meV"] = float("nan")
    with pytest.raises(ValueError, match="not learnt"):
        judge(training)
