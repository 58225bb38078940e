"""Trainings that break: killed, out of memory, diverging, fed with nonsense. Each fault is a real one."""

import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import torch
from ase.build import molecule
from ase.calculators.singlepoint import SinglePointCalculator

from ouroboros.frames import Frames
from ouroboros.graphs import Graphs
from ouroboros.models import build_model, save_model
from ouroboros.training import TrainingError, prepare, train_member
from ouroboros.training.checks import diagnosis, first_batch, overfitting, still_falling
from ouroboros.training.force_matching import ForceMatching

SHORT = {"epochs": 4, "validate_every_epochs": 1}
IN_A_PROCESS = """
import json, resource, sys
import torch
from ouroboros.frames import Frames
from ouroboros.models import save_model
from ouroboros.training import train_member

def memory(name):
    return next(int(line.split()[1]) * 1024 for line in open("/proc/self/status") if line.startswith(name))

torch.set_num_threads(1)
job = json.load(open(sys.argv[1]))
frames = Frames.load(job["frames"])
if job.get("limit"):
    first = train_member(frames.take([*range(6), -1, -2]), job["model"], {**job["training"], "epochs": 1}, seed=0)
    limit = memory("VmSize") + job["limit"]
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
before = memory("VmSize")
fit = train_member(frames, job["model"], job["training"], seed=3, state=job.get("state"), keep_every_s=0.0)
save_model(job["out"], fit.model, job["model"], fit.energy_offsets)
fit.history.drop(columns="seconds").to_csv(job["out"] + ".csv", index=False)
json.dump({**fit.summary, "growth": memory("VmPeak") - before}, open(job["out"] + ".json", "w"))
"""


@pytest.fixture
def short(training_settings):
    return {**training_settings, **SHORT}


def changed(frames, **values):
    return Frames(**{**frames.__dict__, **values})


@pytest.fixture
def process(tmp_path, frames, model_settings):
    """Start a training in a process of its own."""

    def start(training, model=model_settings, on=frames, **job):
        number = len(list(tmp_path.glob("*.job")))
        out, path = str(tmp_path / f"{number}.pt"), tmp_path / f"{number}.job"
        on.save(tmp_path / f"{number}.npz")
        job |= {"frames": str(tmp_path / f"{number}.npz"), "model": model, "training": training, "out": out}
        path.write_text(json.dumps(job))
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join(sys.path)}
        running = subprocess.Popen(
            [sys.executable, "-c", IN_A_PROCESS, path], env=environment, stdout=subprocess.PIPE, text=True, bufsize=1
        )
        return running, out

    return start


def finished(running, out):
    output = running.communicate()[0]
    assert running.returncode == 0, output
    with open(out + ".csv") as history, open(out + ".json") as summary:
        return torch.load(out, weights_only=True)["state_dict"], history.read(), json.load(summary), output


def test_a_training_killed_twice_ends_as_the_unbroken_one(process, training_settings, tmp_path):
    settings = {**training_settings, "epochs": 150, "validate_every_epochs": 3, "average_decay": 0.9}
    unbroken = finished(*process(settings))
    seen = []
    for kill_after in (40, 90):
        running, _ = process(settings, state=str(tmp_path / "state"))
        for line in running.stdout:
            if line.startswith("epoch "):
                seen.append(int(line.split()[1].split("/")[0]))
                if seen[-1] >= kill_after:
                    break
        running.send_signal(signal.SIGKILL)
        running.wait()
    second_start = seen[next(i for i, epoch in enumerate(seen) if epoch >= 40) + 1]
    assert second_start > 36, "the second process began where the first one was killed"
    weights, history, summary, output = finished(*process(settings, state=str(tmp_path / "state")))
    assert "going on after epoch" in output
    assert history == unbroken[1]
    assert all(torch.equal(weights[name], unbroken[0][name]) for name in weights)
    assert summary["best_epoch"] == unbroken[2]["best_epoch"]
    first, second = summary["resumed_after_epochs"]
    assert 36 < first < second and second > 85
    assert unbroken[2]["resumed_after_epochs"] == []


def test_the_state_of_other_work_is_not_gone_on_from(frames, model_settings, short, tmp_path):
    first = train_member(frames, model_settings, short, seed=0, state=tmp_path / "state", keep_every_s=0.0)
    assert (tmp_path / "state/last.ckpt").exists()
    other = {**short, "learning_rate": 2e-3}
    fit = train_member(frames, model_settings, other, seed=0, state=tmp_path / "state", keep_every_s=0.0)
    fresh = train_member(frames, model_settings, other, seed=0)
    assert fit.history.drop(columns="seconds").equals(fresh.history.drop(columns="seconds"))
    assert not fit.history["train_loss"].equals(first.history["train_loss"])


def test_out_of_memory_doubles_the_parts_and_keeps_the_step(process, model_settings, training_settings, frames):
    """The limit on the address space is a third of what the whole batch needs."""
    many = frames.take(np.arange(1200) % len(frames)).with_columns(
        subset=np.repeat(["train", "validation"], [1000, 200])
    )
    model = {**model_settings, "n_atom_basis": 64}
    training = {**training_settings, "batch_size": 1000, "epochs": 2, "validate_every_epochs": 2}
    weights, _, unlimited, _ = finished(*process(training, model, many))
    limited_weights, _, limited, output = finished(*process(training, model, many, limit=unlimited["growth"] // 3))
    assert limited["parts_of_a_step"] >= 2 and unlimited["parts_of_a_step"] == 1
    assert limited["interventions"][0]["what"] == "out of memory"
    assert "out of memory" in output
    assert limited["steps"] == unlimited["steps"] == 2
    for name, tensor in weights.items():
        torch.testing.assert_close(limited_weights[name], tensor, rtol=0, atol=2e-4)


def test_validation_in_smaller_batches_where_a_step_is_one_frame(water, model_settings, short, monkeypatch):
    validate = ForceMatching.validation_step

    def short_of_memory(task, batch, batch_idx):
        if len(batch["energy"]) > 1:
            raise MemoryError
        validate(task, batch, batch_idx)

    monkeypatch.setattr(ForceMatching, "validation_step", short_of_memory)
    fit = train_member(water, model_settings, {**short, "epochs": 1, "batch_size": 1}, seed=0)
    (what,) = fit.summary["interventions"]
    assert (what["what"], what["reason"]) == ("out of memory", "MemoryError")
    assert fit.summary["steps"] == (water.columns["subset"] == "train").sum()


def test_the_look_at_a_first_batch_needs_no_more_memory_than_a_step(water, model_settings, short, monkeypatch):
    def short_of_memory(model, batch):
        if len(batch["energy"]) > 2:
            raise RuntimeError("std::bad_alloc")
        return first_batch(model, batch)

    monkeypatch.setattr(prepare, "first_batch", short_of_memory)
    fit = train_member(water, model_settings, {**short, "epochs": 1, "batch_size": 8}, seed=0)
    assert [what["reason"] for what in fit.summary["interventions"]] == ["std::bad_alloc"] * 2
    assert fit.summary["parts_of_a_step"] == 4


def test_a_fault_that_is_no_lack_of_memory_is_not_tried_again(water, model_settings, short, monkeypatch):
    def broken(model, batch):
        raise RuntimeError("shapes do not fit")

    monkeypatch.setattr(prepare, "first_batch", broken)
    with pytest.raises(RuntimeError, match="shapes do not fit"):
        train_member(water, model_settings, short, seed=0)


@pytest.mark.parametrize("subset", ["train", "validation"])
def test_a_nan_label_is_named_before_the_first_step(frames, model_settings, short, subset):
    forces = frames.forces.copy()
    bad = np.flatnonzero(frames.columns["subset"] == subset)[2]
    forces[frames.starts[bad]] = np.nan
    with pytest.raises(TrainingError, match=rf"frame {bad} \(round 0\).*NaN.*label.*forces"):
        train_member(changed(frames, forces=forces), model_settings, short, seed=0)


def test_a_loss_that_blows_up_is_tried_once_more_at_a_tenth(frames, model_settings, short):
    """The best epoch so far is no excuse: a run that broke must not read as one that stalled."""
    wild = {**short, "learning_rate": 0.9, "loss": "mse", "warmup_fraction": 0.5, "batch_size": 40, "epochs": 30}
    fit = train_member(frames, model_settings, wild, seed=0)
    (what,) = fit.summary["interventions"]
    assert what["what"] == "diverged" and "training.learning_rate (0.9)" in what["reason"]
    assert what["action"] == "started anew with learning_rate 0.09"
    assert fit.summary["learning_rate"] == pytest.approx(0.09)
    assert fit.history["learning_rate"].max() < 0.091 and len(fit.history) == 30
    fresh = train_member(frames, model_settings, {**wild, "learning_rate": 0.09}, seed=0)
    assert fit.history["train_loss"].equals(fresh.history["train_loss"]), "the second try starts from nothing"


def test_a_loss_that_blows_up_twice_ends_with_the_likely_causes(frames, model_settings, short):
    forces, bad = frames.forces.copy(), int(np.flatnonzero(frames.columns["subset"] == "train")[5])
    forces[frames.starts[bad]] = 1e30
    wild = {**short, "learning_rate": 0.99, "loss": "mse", "schedule": "constant", "epochs": 40}
    with pytest.raises(
        TrainingError, match=rf"at a tenth of training.learning_rate .* too.*frame {bad} .*largest force"
    ):
        train_member(changed(frames, forces=forces), model_settings, wild, seed=0)


def causes(frames, model_settings, training, offsets=None):
    frames = frames.with_columns(row=np.arange(len(frames)))
    train, validation = (
        Graphs(frames.take(frames.columns["subset"] == name), model_settings["cutoff_A"], offsets)
        for name in ("train", "validation")
    )
    return diagnosis(train, validation, build_model(model_settings), training, at_once=5)


def test_a_set_without_validation_frames_is_refused(water, model_settings, short):
    with pytest.raises(TrainingError, match="0 frames for validation"):
        train_member(water.with_columns(subset="train"), model_settings, short, seed=0)


def with_two_atoms_at_one_place(frames, bad):
    positions = frames.positions.copy()
    positions[frames.starts[bad] + 1] = positions[frames.starts[bad]]
    return changed(frames, positions=positions)


@pytest.mark.parametrize("subset", ["train", "validation"])
def test_two_atoms_at_one_place_are_named(water, model_settings, short, subset):
    bad = int(np.flatnonzero(water.columns["subset"] == subset)[2])
    with pytest.raises(TrainingError, match=rf"Likely causes: frame {bad} \(round 0\).*at one place"):
        train_member(with_two_atoms_at_one_place(water, bad), model_settings, short, seed=0)


def test_a_validation_epoch_that_ends_in_nan_has_diverged(water, model_settings, short, monkeypatch):
    """As on a GPU, where single batches are not looked at."""
    bad = int(np.flatnonzero(water.columns["subset"] == "validation")[2])
    monkeypatch.setattr(ForceMatching, "_watch", lambda *_: None)
    with pytest.raises(TrainingError, match=rf"validation loss became NaN or infinite in epoch 1, .*frame {bad} "):
        train_member(with_two_atoms_at_one_place(water, bad), model_settings, short, seed=0)


def test_an_energy_offset_that_is_left_is_named(water, model_settings, short):
    assert "energy offset" in causes(water, model_settings, short)[0]


def test_a_force_weight_too_small_is_named(water, model_settings, short):
    offsets = np.zeros(100)
    offsets[8] = water.energy.mean()
    found = causes(water, model_settings, {**short, "energy_weight": 10.0, "force_weight": 1e-4}, offsets)
    assert "training.force_weight (0.0001)" in found[0] and "training.learning_rate" in found[-1]


def test_a_stress_far_from_the_others_and_a_weight_too_large_for_it_are_named(water, model_settings, short):
    size = 20.0 * np.eye(3)
    cells, stress = np.tile(size, (len(water), 1, 1)), np.full((len(water), 3, 3), 0.001)
    bad = int(np.flatnonzero(water.columns["subset"] == "train")[3])
    stress += 1e-5 * np.arange(len(water))[:, None, None]
    stress[bad] = 16.0
    crystal = changed(water, cell=cells, pbc=np.ones_like(water.pbc), stress=stress)
    offsets = np.zeros(100)
    offsets[8] = water.energy.mean()
    found = causes(crystal, model_settings, {**short, "stress_weight": 1e6}, offsets)
    assert f"frame {bad} " in found[0] and "stress is 16 eV/Å³" in found[0]
    assert "training.stress_weight (1e+06)" in found[1]


def test_a_warm_start_whose_offsets_do_not_fit_is_refused(water, model_settings, short, tmp_path):
    """Its first batch shows that predictions and targets are not of one scale."""
    save_model(tmp_path / "model.pt", build_model(model_settings), model_settings, np.zeros(100))
    with pytest.raises(TrainingError, match=r"energy offset of the atoms is not removed.*warm_start: false"):
        train_member(water, model_settings, short, seed=0, start_from=tmp_path / "model.pt")


def test_labels_of_another_scale_than_the_predictions_are_told(water, model_settings, short):
    small = changed(water, forces=1e-6 * water.forces, energy=1e-6 * (water.energy - water.energy.mean()))
    fit = train_member(small, model_settings, {**short, "epochs": 1}, seed=0)
    assert any("first batch's forces" in warning and "units" in warning for warning in fit.summary["warnings"])
    assert train_member(water, model_settings, {**short, "epochs": 1}, seed=0).summary["warnings"] == []


def test_overfitting_is_told_and_the_early_weights_are_kept(model_settings, training_settings):
    """Four frames close to the minimum, validation far from it: more epochs make it worse there."""
    rng, images = np.random.default_rng(0), []
    for i in range(24):
        atoms = molecule("H2O")
        atoms.rattle(0.15, seed=i)
        noise = rng.normal(scale=1.0, size=(3, 3))  # labels that hold nothing to learn
        atoms.calc = SinglePointCalculator(atoms, energy=0.0, forces=noise - noise.mean(axis=0))
        images.append(atoms)
    subset = np.where(np.arange(24) < 8, "train", "validation")
    frames = Frames.from_atoms(images).with_columns(subset=subset, round=0)
    settings = {**training_settings, "epochs": 300, "validate_every_epochs": 5, "schedule": "constant"}
    fit = train_member(frames, model_settings, settings, seed=0)
    assert fit.summary["overfitting"]
    (warning,) = (w for w in fit.summary["warnings"] if w.startswith("overfitting"))
    assert f"after epoch {fit.summary['best_epoch'] + 1} the validation loss rose" in warning
    assert fit.summary["best_epoch"] < 200


def test_a_training_that_just_ends_is_not_called_overfitting():
    improving = [{"epoch": e, "train_loss": 1 / (e + 1), "val_loss": 1.2 / (e + 1)} for e in range(40)]
    scatter = [{"epoch": e, "train_loss": 0.1, "val_loss": 0.2 + 0.05 * (e % 2)} for e in range(40)]
    assert overfitting(improving, 39) == ""
    assert overfitting(scatter, 0) == ""


def test_a_training_that_was_still_learning_at_its_end_is_told():
    falling = [{"epoch": e, "train_loss": 1.0, "val_loss": 1 / (e + 1)} for e in range(40)]
    flat = [{"epoch": e, "train_loss": 1.0, "val_loss": 0.1 + 0.9**e} for e in range(80)]
    assert still_falling(falling, 39, "plateau").startswith("still learning: the validation loss fell by 25%")
    assert still_falling(flat, 79, "plateau") == ""
    assert still_falling(falling, 20, "plateau") == ""  # the best epoch is long past
    assert still_falling(falling, 39, "one_cycle") == ""  # which is made so


def test_progress_is_shown_while_it_runs(process, training_settings):
    running, _ = process({**training_settings, "epochs": 4, "validate_every_epochs": 2})
    lines = [line for line in running.stdout if line.startswith("epoch ")]
    running.wait()
    assert len(lines) == 2 and "meV/Å" in lines[0] and "2/4" in lines[0]


def test_time_of_a_training_counts_what_was_before_the_kill(frames, model_settings, short, tmp_path):
    settings = {**short, "epochs": 6}
    first = train_member(frames, model_settings, settings, seed=0, state=tmp_path / "state", keep_every_s=0.0)
    time.sleep(1.0)
    again = train_member(frames, model_settings, settings, seed=0, state=tmp_path / "state", keep_every_s=0.0)
    assert again.history.iloc[:-1].equals(first.history.iloc[:-1])
    assert again.history["seconds"].is_monotonic_increasing
    assert again.summary["seconds"] >= first.history["seconds"].iloc[-2]


def test_a_training_whose_outputs_were_lost_after_its_end_repeats_no_more_than_its_last_epoch(
    frames, model_settings, short, tmp_path
):
    """As Snakemake has it where it is killed before it has noted that the job is done."""
    settings = {**short, "epochs": 6}
    first = train_member(frames, model_settings, settings, seed=0, state=tmp_path / "state", keep_every_s=0.0)
    again = train_member(frames, model_settings, settings, seed=0, state=tmp_path / "state", keep_every_s=0.0)
    assert again.summary["resumed_after_epochs"][0] >= 5
    ours, theirs = first.model.state_dict(), again.model.state_dict()
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)
