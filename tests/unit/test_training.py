"""Training: reproducible, able to learn, honest about its best epoch and about failure."""

import numpy as np
import pytest
import torch

from ouroboros.frames import Frames
from ouroboros.graphs import Graphs
from ouroboros.models import load_model, save_model
from ouroboros.training import TrainingError, number_of_epochs, train_member

SHORT = {"epochs": 4, "validate_every_epochs": 1}


@pytest.fixture
def short(training_settings):
    return {**training_settings, **SHORT}


def weights(fit):
    return torch.cat([p.detach().flatten() for p in fit.model.parameters()])


def force_mae(model, offsets, frames, cutoff):
    """meV/Å over the components of all atoms."""
    batch = Graphs(frames, cutoff, offsets).batch(np.arange(len(frames)))
    return 1000 * (model(batch.copy())["forces"] - batch["forces"]).abs().mean().item()


def test_the_same_seed_gives_the_same_weights_and_metrics(frames, model_settings, short):
    one, other = (train_member(frames, model_settings, short, seed=3) for _ in range(2))
    assert torch.equal(weights(one), weights(other))
    assert one.history.drop(columns="seconds").equals(other.history.drop(columns="seconds"))
    np.testing.assert_array_equal(one.energy_offsets, other.energy_offsets)


def test_the_caller_s_random_numbers_do_not_matter(frames, model_settings, short):
    one = train_member(frames, model_settings, short, seed=3)
    torch.manual_seed(99)
    np.random.seed(99)
    assert torch.equal(weights(one), weights(train_member(frames, model_settings, short, seed=3)))


def test_another_seed_gives_another_model(frames, model_settings, short):
    one, other = (train_member(frames, model_settings, short, seed=seed) for seed in (3, 4))
    assert not torch.equal(weights(one), weights(other))
    assert one.history["train_loss"].iloc[-1] != other.history["train_loss"].iloc[-1]


def test_a_handful_of_frames_is_learnt_by_heart(water, model_settings, training_settings):
    few = water.take(np.arange(4)).with_columns(subset=["train"] * 3 + ["validation"])
    few = Frames.concatenate([few, few.take([0]).with_columns(subset="validation")])
    settings = {**training_settings, "epochs": 200, "validate_every_epochs": 50, "batch_size": 3}
    fit = train_member(few, model_settings, settings, seed=0)
    loss = fit.history["train_loss"]
    assert loss.iloc[-1] < loss.iloc[0] / 20
    train = few.take(few.columns["subset"] == "train")
    assert force_mae(fit.model, fit.energy_offsets, train, model_settings["cutoff_A"]) < 150


def test_the_kept_weights_are_those_of_the_best_validation_epoch(frames, model_settings, short):
    # A learning rate far too large and no schedule: the loss jumps up and down.
    jumpy = {**short, "schedule": "constant", "learning_rate": 0.03, "epochs": 12}
    fit = train_member(frames, model_settings, jumpy, seed=1)
    losses = fit.history["val_loss"]
    assert losses.idxmin() < len(losses) - 1, "the last epoch is the best one, so that this test would show nothing"
    best = fit.history.loc[losses.idxmin()]
    assert fit.summary["best_epoch"] == best["epoch"]
    validation = frames.take(frames.columns["subset"] == "validation")
    mae = force_mae(fit.model, fit.energy_offsets, validation, model_settings["cutoff_A"])
    assert mae == pytest.approx(best["val_force_mae_meV_per_A"], rel=1e-4)
    assert fit.summary["validation"]["force_mae_meV_per_A"] == best["val_force_mae_meV_per_A"]


def test_validation_errors_are_those_of_the_potential(frames, model_settings, short):
    """In meV a frame and meV/Å a component, over a set whose frames differ in size."""
    fit = train_member(frames, model_settings, {**short, "epochs": 1}, seed=0)
    validation = frames.take(frames.columns["subset"] == "validation")
    graphs = Graphs(validation, model_settings["cutoff_A"], fit.energy_offsets)
    batch = graphs.batch(np.arange(len(validation)))
    error = 1000 * (fit.model(batch.copy())["energy"] - batch["energy"]).abs().mean().item()
    assert fit.summary["validation"]["energy_mae_meV"] == pytest.approx(error, rel=1e-4)


def test_a_warm_start_goes_on_from_the_given_weights(frames, model_settings, short, committee_files):
    crawl = {**short, "schedule": "constant", "learning_rate": 1e-12, "epochs": 1}
    start, _, offsets = load_model(committee_files[0])
    fit = train_member(frames, model_settings, crawl, seed=77, start_from=committee_files[0])
    torch.testing.assert_close(weights(fit), torch.cat([p.flatten() for p in start.parameters()]), rtol=0, atol=1e-9)
    np.testing.assert_array_equal(fit.energy_offsets, offsets)
    cold = train_member(frames, model_settings, crawl, seed=77)
    assert fit.summary["validation"]["loss"] < cold.summary["validation"]["loss"] / 3


def test_a_warm_start_from_another_network_is_refused(frames, model_settings, short, tmp_path, committee_files):
    """Or the summary and the stored settings would tell of a network that was never trained."""
    wider = {**model_settings, "n_atom_basis": 24}
    with pytest.raises(ValueError, match="n_atom_basis"):
        train_member(frames, wider, short, seed=0, start_from=committee_files[0])


@pytest.mark.parametrize("loss", ["l1", "mse"])
@pytest.mark.parametrize("subset", ["train", "validation"])
def test_a_nan_label_ends_in_a_sentence(frames, model_settings, short, subset, loss):
    """Torch gives the L1 loss of a NaN the gradient 0: the weights stay finite, and only the loss tells."""
    forces = frames.forces.copy()
    bad = np.flatnonzero(frames.columns["subset"] == subset)[0]
    forces[frames.starts[bad]] = np.nan
    settings = {**short, "loss": loss, "epochs": 2}
    with pytest.raises(TrainingError, match=r"NaN.*label"):
        train_member(Frames(**{**frames.__dict__, "forces": forces}), model_settings, settings, seed=0)


def test_weights_that_become_nan_after_a_good_epoch_end_in_a_sentence(frames, model_settings, short):
    """The best epoch so far is no excuse: a run that broke must not read as one that stalled."""
    wild = {**short, "learning_rate": 0.99, "loss": "mse", "warmup_fraction": 0.5, "batch_size": 40}
    with pytest.raises(TrainingError, match="NaN or infinite"):
        train_member(frames, model_settings, {**wild, "epochs": 16, "validate_every_epochs": 2}, seed=0)


def test_a_loss_that_blows_up_ends_in_a_sentence(frames, model_settings, short):
    wild = {**short, "schedule": "constant", "learning_rate": 0.99, "loss": "mse", "epochs": 30}
    energy = frames.energy * np.where(np.arange(len(frames)) % 2, 1e30, -1e30)
    with pytest.raises(TrainingError, match="NaN or infinite"):
        train_member(Frames(**{**frames.__dict__, "energy": energy}), model_settings, wild, seed=0)


def test_early_stopping_ends_when_validation_stalls(frames, model_settings, short):
    still = {**short, "schedule": "constant", "learning_rate": 1e-12, "epochs": 20, "early_stopping_patience": 2}
    fit = train_member(frames, model_settings, still, seed=0)
    assert fit.summary["epochs"] < 20
    assert fit.summary["stop_reason"] == "validation loss stalled"


@pytest.mark.parametrize("schedule", ["one_cycle", "plateau", "constant"])
def test_the_learning_rate_follows_its_schedule(frames, model_settings, short, schedule):
    rates = train_member(frames, model_settings, {**short, "schedule": schedule}, seed=0).history["learning_rate"]
    assert len(rates) == 4
    if schedule == "one_cycle":
        assert rates.iloc[-1] < 0.05 * rates.max()
    else:
        np.testing.assert_allclose(rates, short["learning_rate"], rtol=1e-6)


@pytest.mark.parametrize(
    ("steps", "steps_per_epoch", "every", "expected"),
    [(1500, 6, 10, 250), (1500, 7, 10, 210), (10, 6, 10, 2), (1, 100, 1, 1), (100, 10, 3, 9)],
)
def test_steps_make_whole_validations(steps, steps_per_epoch, every, expected):
    training = {"epochs": None, "steps": steps, "validate_every_epochs": every}
    assert number_of_epochs(training, steps_per_epoch) == expected
    assert expected % min(every, expected) == 0


def test_epochs_given_are_epochs_done(frames, model_settings, training_settings):
    assert number_of_epochs({"epochs": 3, "steps": 10**6, "validate_every_epochs": 10}, 5) == 3
    fit = train_member(frames, model_settings, {**training_settings, "epochs": 3, "validate_every_epochs": 10}, seed=0)
    assert fit.summary["epochs"] == 3 and fit.summary["steps"] == 3 * 4
    assert fit.history["epoch"].tolist() == [0, 1, 2]


def test_what_was_trained_can_be_stored_and_loaded(frames, model_settings, short, tmp_path):
    fit = train_member(frames, model_settings, short, seed=0, tensorboard=tmp_path / "board")
    save_model(tmp_path / "model.pt", fit.model, model_settings, fit.energy_offsets)
    model, _, offsets = load_model(tmp_path / "model.pt")
    cutoff = model_settings["cutoff_A"]
    assert force_mae(model, offsets, frames, cutoff) == force_mae(fit.model, fit.energy_offsets, frames, cutoff)
    assert list((tmp_path / "board").rglob("events.out.tfevents.*"))
