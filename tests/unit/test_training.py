"""Training: reproducible, able to learn, honest about its best epoch and about failure."""

import json
import platform
from importlib.metadata import version

import numpy as np
import pytest
import torch
from ase import Atoms
from ase.build import bulk
from ase.calculators.emt import EMT
from ase.calculators.singlepoint import SinglePointCalculator

import ouroboros
from ouroboros.code_version import code_version
from ouroboros.committee import Committee
from ouroboros.epochs import number_of_epochs
from ouroboros.frames import Frames
from ouroboros.graphs import Graphs
from ouroboros.models import load_model, save_model
from ouroboros.training import run, train_member
from ouroboros.training.bootstrap import resampled
from ouroboros.training.losses import summed_error

PACKAGES = {"torch": "torch", "schnetpack": "schnetpack", "lightning": "pytorch-lightning"}
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
    # A learning rate far too large and no schedule: the loss jumps up and down, and the last epoch seldom is the best.
    jumpy = {**short, "schedule": "constant", "learning_rate": 0.03, "epochs": 12}
    fits = (train_member(frames, model_settings, jumpy, seed=seed) for seed in range(1, 8))
    fit = next(fit for fit in fits if fit.history["val_loss"].idxmin() < 11)
    losses = fit.history["val_loss"]
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


def test_the_validation_loss_is_that_of_the_whole_set_whatever_its_batches(frames, model_settings, short, monkeypatch):
    """Frames of two sizes: means of the batches' means would change with the batches."""
    losses = []
    for frames_at_once in (64, 3):
        monkeypatch.setattr(run, "VALIDATION_BATCH", frames_at_once)
        settings = {**short, "epochs": 1, "batch_size": 3, "precision": "float64"}
        fit = train_member(frames, model_settings, settings, seed=0)
        losses.append(fit.summary["validation"]["loss"])
    assert losses[1] == pytest.approx(losses[0], rel=1e-9)
    validation = fit.summary["validation"]  # of an L1 loss, so that it can be put together again
    expected = (
        short["energy_weight"] * validation["energy_mae_meV"]
        + short["force_weight"] * validation["force_mae_meV_per_A"]
    )
    assert losses[0] == pytest.approx(expected / 1000, rel=1e-9)


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


def test_early_stopping_ends_when_validation_stalls(frames, model_settings, short):
    still = {**short, "schedule": "constant", "learning_rate": 1e-12, "epochs": 20, "early_stopping_patience": 2}
    fit = train_member(frames, model_settings, still, seed=0)
    assert fit.summary["epochs"] < 20
    assert fit.summary["stop_reason"] == "validation loss stalled"


@pytest.mark.parametrize("schedule", ["one_cycle", "cosine", "plateau", "constant"])
def test_the_learning_rate_follows_its_schedule(frames, model_settings, short, schedule):
    settings = {**short, "schedule": schedule, "epochs": 10, "warmup_fraction": 0.5}
    rates = train_member(frames, model_settings, settings, seed=0).history["learning_rate"].to_numpy()
    assert (np.diff(rates[:4]) > 0).all() and rates.max() == pytest.approx(short["learning_rate"], rel=0.05)
    if schedule in ("one_cycle", "cosine"):
        assert (np.diff(rates[5:]) < 0).all() and rates[-1] < 0.1 * rates.max()
    else:
        np.testing.assert_allclose(rates[5:], short["learning_rate"], rtol=1e-6)


def test_plateau_lowers_the_learning_rate_when_validation_stalls(frames, model_settings, short):
    still = {"schedule": "plateau", "warmup_fraction": 0.0, "plateau_patience": 1, "plateau_factor": 0.1, "epochs": 7}
    rates = train_member(frames, model_settings, {**short, **still, "learning_rate": 1e-7}, seed=0).history
    expected = 1e-7 * np.array([1, 1, 1, 0.1, 0.1, 0.1, 0.1])  # torch ignores steps below 1e-8
    np.testing.assert_allclose(rates["learning_rate"], expected, rtol=1e-6)


def test_the_average_of_the_weights_is_what_is_validated_and_kept(frames, model_settings, short):
    """At a learning rate that jumps about, the average over some steps is better than the last weights."""
    jumpy = {**short, "schedule": "constant", "learning_rate": 0.02, "epochs": 12}
    plain = train_member(frames, model_settings, jumpy, seed=1)
    averaged = train_member(frames, model_settings, {**jumpy, "average_decay": 0.9}, seed=1)
    assert averaged.history["train_loss"].equals(plain.history["train_loss"]), "the average must not change the steps"
    assert averaged.history["val_loss"].iloc[-1] < plain.history["val_loss"].iloc[-1]
    validation = frames.take(frames.columns["subset"] == "validation")
    mae = force_mae(averaged.model, averaged.energy_offsets, validation, model_settings["cutoff_A"])
    assert mae == pytest.approx(averaged.summary["validation"]["force_mae_meV_per_A"], rel=1e-4)


def test_a_step_in_parts_is_the_same_step(frames, model_settings, short):
    """Mixed sizes of frames: means of the parts' means would not be the mean of the whole."""
    exact = {**short, "precision": "float64", "epochs": 3}
    whole, parts = (train_member(frames, model_settings, {**exact, "accumulation": n}, seed=2) for n in (1, 3))
    np.testing.assert_allclose(weights(parts), weights(whole), rtol=0, atol=1e-9)
    np.testing.assert_allclose(parts.history["train_loss"], whole.history["train_loss"], rtol=1e-9)
    assert parts.summary["steps"] == whole.summary["steps"]


def test_the_length_of_errors_knows_no_axes():
    """The frame turned, its forces are turned: the loss and its share in each error are those of before."""
    predicted, labels = torch.randn(2, 5, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    turn = torch.linalg.qr(torch.randn(3, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(1)))[0]
    lengths = summed_error("l2norm", "forces")
    gradients = []
    for matrix in (torch.eye(3, dtype=torch.float64), turn):
        turned = (predicted @ matrix).requires_grad_()
        loss = lengths(turned, labels @ matrix)
        assert loss.item() == pytest.approx(3**0.5 * (predicted - labels).norm(dim=1).sum().item())
        gradients.append(torch.autograd.grad(loss, turned)[0] @ matrix.T)
    torch.testing.assert_close(gradients[0], gradients[1])
    same = labels.clone().requires_grad_()
    assert not torch.autograd.grad(lengths(same, labels), same)[0].any(), "an atom without an error pulls nowhere"
    alike = torch.full((1, 3), 0.1), torch.zeros(1, 3)
    assert lengths(*alike).item() == pytest.approx(summed_error("l1", "forces")(*alike).item())
    assert isinstance(summed_error("l2norm", "energy"), torch.nn.L1Loss)


def test_clipping_limits_the_gradient_that_the_optimiser_sees(frames, model_settings, short, monkeypatch):
    """Of parts of a step it is their sum that is clipped."""
    norms = []
    step = torch.optim.AdamW.step

    def noted(optimiser, closure=None):
        loss = closure()
        parameters = optimiser.param_groups[0]["params"]
        norms.append(torch.stack([p.grad.norm() for p in parameters if p.grad is not None]).norm().item())
        return step(optimiser, lambda: loss)

    monkeypatch.setattr(torch.optim.AdamW, "step", noted)
    settings = {**short, "epochs": 2, "accumulation": 2}
    free = train_member(frames, model_settings, settings, seed=0)
    unclipped, limit = list(norms), 0.5 * min(norms)
    norms.clear()
    clipped = train_member(frames, model_settings, {**settings, "gradient_clip": limit}, seed=0)
    assert len(norms) == len(unclipped) == 8
    np.testing.assert_allclose(norms, limit, rtol=1e-3)
    assert not torch.equal(weights(free), weights(clipped))


def test_the_record_tells_with_what_and_where_it_was_trained(frames, model_settings, short):
    fit = train_member(frames, model_settings, {**short, "epochs": 1}, seed=6, bootstrap_seed=7)
    told = fit.summary
    assert (told["seed"], told["bootstrap_seed"], told["started_from"]) == (6, 7, "random weights")
    assert told["model"] == model_settings and told["training"] == {**short, "epochs": 1}
    assert {name: text.split("+")[0] for name, text in told["versions"].items()} == {  # 2.15.0+cpu is 2.15.0
        "ouroboros": ouroboros.__version__,
        "code": code_version(),
        "python": platform.python_version(),
        **{name: version(package) for name, package in PACKAGES.items()},
    }
    assert told["versions"]["code"]
    assert told["device"].startswith("cpu (") and told["device"].endswith(", 1 threads")
    assert told["parameters"] == sum(p.numel() for p in fit.model.parameters())
    assert json.loads(json.dumps(told, allow_nan=False)) == told


def test_precision_is_that_of_weights_and_file(frames, model_settings, short, tmp_path):
    fit = train_member(frames, model_settings, {**short, "precision": "float64", "epochs": 1}, seed=0)
    save_model(tmp_path / "model.pt", fit.model, model_settings, fit.energy_offsets)
    model, _, _ = load_model(tmp_path / "model.pt")
    assert all(p.dtype == torch.float64 for p in model.parameters())


def test_one_batch_is_overfitted_to_almost_zero(frames, model_settings, training_settings):
    one = {**training_settings, "overfit_batches": 1, "batch_size": 4, "steps": 800, "validate_every_epochs": 100}
    fit = train_member(frames, model_settings, one, seed=0)
    assert fit.summary["frames"] == {"train": 4, "validation": 4}
    few = frames.take(np.flatnonzero(frames.columns["subset"] == "train")[:4])
    assert fit.summary["validation"]["force_mae_meV_per_A"] < 0.05 * 1000 * np.abs(few.forces).mean()


@pytest.fixture(scope="module")
def strained():
    """24 frames of copper under strain, labels of EMT; some have no stress and some no cell, which must not matter."""
    images = []
    for i in range(24):
        atoms = bulk("Cu", cubic=True)
        if i % 8 == 3:
            atoms = Atoms("Cu2", [[0, 0, 0], [0, 0, 2.3]])
        atoms.set_cell(atoms.cell * (1 + 0.01 * ((i % 7) - 3)), scale_atoms=True)
        atoms.rattle(0.05, seed=i)
        atoms.calc = EMT()
        label = {"energy": atoms.get_potential_energy(), "forces": atoms.get_forces()}
        label |= {"stress": atoms.get_stress()} if i % 3 and atoms.pbc.all() else {}
        atoms.calc = SinglePointCalculator(atoms, **label)
        images.append(atoms)
    subset = np.where(np.arange(24) % 6, "train", "validation")
    return Frames.from_atoms(images).with_columns(subset=subset, round=0)


def test_stress_is_learnt_where_its_weight_says_so(strained, model_settings, short):
    settings = {**short, "epochs": 60, "validate_every_epochs": 60, "batch_size": 4}

    def stress_error(weight):
        fit = train_member(strained, model_settings, {**settings, "stress_weight": weight}, seed=0)
        return stress_mae(fit, strained, model_settings["cutoff_A"])

    assert stress_error(20.0) < 0.6 * stress_error(0.0)


def stress_mae(fit, frames, cutoff):
    """eV/Å³ over all components of the frames that have a stress."""
    predicted = Committee([fit.model], fit.energy_offsets[None], cutoff, stress=True).predict(frames).stress
    return np.abs(predicted - frames.stress)[frames.has_stress].mean()


@pytest.mark.parametrize("accumulation", [1, 2])
def test_the_error_of_the_stress_is_recorded(strained, model_settings, short, accumulation):
    """Nothing moves at such a learning rate, so that the training error is that of the kept weights."""
    strained = strained.with_columns(subset=np.where(np.arange(24) % 5, "train", "validation"))
    still = {**short, "schedule": "constant", "learning_rate": 1e-12, "epochs": 1, "accumulation": accumulation}
    fit = train_member(strained, model_settings, {**still, "stress_weight": 20.0}, seed=0)
    for name in ("train", "validation"):
        part = strained.take(strained.columns["subset"] == name)
        told = fit.history[f"{name[:5].replace('valid', 'val')}_stress_mae_eV_per_A3"].iloc[-1]
        assert told == pytest.approx(stress_mae(fit, part, model_settings["cutoff_A"]), rel=1e-4)
    assert fit.summary["validation"]["stress_mae_eV_per_A3"] == told
    first = strained.take(np.flatnonzero(strained.columns["subset"] == "train")[: short["batch_size"] // accumulation])
    rms = np.sqrt(np.square(first.stress[first.has_stress]).mean())
    assert fit.summary["first_batch"]["stress_target_rms_eV_per_A3"] == pytest.approx(rms, rel=1e-5)
    without = train_member(strained, model_settings, still, seed=0)
    assert not [name for name in (*without.history, *without.summary["validation"]) if "stress" in name]


def test_bootstrap_members_see_sets_of_their_own_that_grow_with_the_rounds(frames):
    train = frames.with_columns(row=np.arange(len(frames)))
    first, second = (resampled(train, seed).columns["row"] for seed in (1, 2))
    assert not np.array_equal(first, second)
    assert 0.5 < len(np.unique(first)) / len(frames) < 0.8  # 1 - 1/e is 0.63
    earlier = resampled(train.take(np.arange(20)), 1).columns["row"]
    np.testing.assert_array_equal(first[first < 20], earlier)


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
