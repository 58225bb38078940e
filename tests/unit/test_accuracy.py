"""Accuracy: errors worked out by hand, and a NaN is never a number to compare."""

import json

import numpy as np
import pytest

from ouroboros.accuracy import errors, measure
from ouroboros.error_table import error_table
from ouroboros.frames import Frames
from ouroboros.predictions import Prediction
from ouroboros.units import CHEMICAL_ACCURACY_MEV


@pytest.fixture
def labelled():
    """A frame of two atoms at 300 K and one of one atom at 600 K, all forces zero."""
    return Frames(
        numbers=np.array([1, 1, 2]),
        positions=np.zeros((3, 3)),
        n_atoms=np.array([2, 1]),
        energy=np.array([-10.0, -20.0]),
        forces=np.zeros((3, 3)),
        cell=np.zeros((2, 3, 3)),
        pbc=np.zeros((2, 3), bool),
        columns={"temperature_K": np.array([300.0, 600.0])},
    )


@pytest.fixture
def prediction():
    """Two members, whose mean is off by +2 and -4 meV and by 1 and 5 meV/Å on one component each."""
    forces = np.zeros((2, 3, 3))
    forces[:, 0, 1] = 0.000, 0.002
    forces[:, 2, 0] = -0.010, 0.000
    energy = np.array([[-9.997, -20.004], [-9.999, -20.004]])
    return Prediction(energy, forces, np.array([2, 1]))


def relabelled(frames, **changed):
    return Frames(**{**frames.__dict__, **changed})


def molecules(energy, forces=None, numbers=(1, 8), columns=None):
    """Frames of the same atoms with these labels."""
    n, size = len(energy), len(numbers)
    return Frames(
        numbers=np.tile(numbers, n),
        positions=np.zeros((n * size, 3)),
        n_atoms=np.full(n, size),
        energy=np.asarray(energy, dtype=float),
        forces=np.zeros((n * size, 3)) if forces is None else forces,
        cell=np.zeros((n, 3, 3)),
        pbc=np.zeros((n, 3), bool),
        columns=columns or {},
    )


def exactly(frames, energy=None, forces=None, stress=None):
    """A committee of one that predicts this, and the labels where nothing is given."""
    energy, forces = (frames.energy if energy is None else energy), (frames.forces if forces is None else forces)
    return Prediction(energy[None], forces[None], frames.n_atoms, None if stress is None else stress[None])


def test_errors_by_hand(prediction, labelled):
    expected = {
        "energy_mae_meV": 3.0,
        "energy_rmse_meV": np.sqrt(10.0),
        "energy_max_meV": 4.0,
        "energy_bias_meV": -1.0,
        "energy_mae_meV_per_atom": 2.5,
        "energy_rmse_meV_per_atom": np.sqrt(8.5),
        "energy_max_meV_per_atom": 4.0,
        "energy_r2": None,
        "force_mae_meV_per_A": 6 / 9,
        "force_rmse_meV_per_A": np.sqrt(26 / 9),
        "force_max_meV_per_A": 5.0,
        "force_r2": None,
        "force_vector_mae_meV_per_A": 2.0,
        "force_vector_rmse_meV_per_A": np.sqrt(26 / 3),
        "force_vector_max_meV_per_A": 5.0,
        "force_cosine": None,
    }
    assert errors(prediction, labelled) == pytest.approx(expected)
    assert measure(prediction, labelled)["committee"] == pytest.approx(expected)


def test_the_error_of_a_force_vector_is_its_length():
    frames = molecules([0.0], forces=np.array([[1.0, 0, 0], [0, 2.0, 0]]))
    found = errors(exactly(frames, forces=np.array([[1.003, 0.004, 0], [0, 2.0, 0]])), frames)
    assert found["force_vector_max_meV_per_A"] == pytest.approx(5.0)
    assert found["force_vector_mae_meV_per_A"] == pytest.approx(2.5)
    assert found["force_max_meV_per_A"] == pytest.approx(4.0)
    assert found["force_mae_meV_per_A"] == pytest.approx(7 / 6)


def test_the_cosine_tells_direction_and_not_length():
    frames = molecules([0.0], forces=np.array([[1.0, 0, 0], [0, 2.0, 0]]))
    assert errors(exactly(frames, forces=3 * frames.forces), frames)["force_cosine"] == pytest.approx(1.0)
    turned = np.array([[-1.0, 0, 0], [2.0, 2.0, 0]])
    assert errors(exactly(frames, forces=turned), frames)["force_cosine"] == pytest.approx((-1 + np.sqrt(0.5)) / 2)


def test_r_squared_is_that_of_torchmetrics_for_one_composition():
    import torch
    from torchmetrics.functional import r2_score

    generator = np.random.default_rng(0)
    frames = molecules(-100 + generator.normal(size=50), forces=generator.normal(size=(100, 3)))
    energy, forces = frames.energy + 0.1 * generator.normal(size=50), frames.forces + 0.2
    found = errors(exactly(frames, energy, forces), frames)
    for name, pair in {
        "energy_r2": (energy, frames.energy),
        "force_r2": (forces.ravel(), frames.forces.ravel()),
    }.items():
        assert found[name] == pytest.approx(r2_score(*(torch.from_numpy(values) for values in pair)).item())


def test_r_squared_of_energies_gives_no_credit_for_the_composition():
    """A model that knows the energies of the elements and nothing else has R² 0, not 0.9999."""
    generator = np.random.default_rng(0)
    small, large = (molecules(generator.normal(size=40), numbers=z) for z in ((1, 8), (1, 8, 8, 6)))
    frames = Frames.concatenate([small, large])
    frames = relabelled(frames, energy=frames.energy + np.where(frames.n_atoms == 2, -2000.0, -4000.0))
    of_composition = np.where(frames.n_atoms == 2, frames.energy[:40].mean(), frames.energy[40:].mean())
    found = errors(exactly(frames, of_composition), frames)
    assert found["energy_r2"] == pytest.approx(0.0, abs=1e-6)
    assert 1 - ((of_composition - frames.energy) ** 2).sum() / frames.energy.var() / 80 > 0.9999


@pytest.mark.parametrize("energy", [[-97080.0], [-97080.0] * 20], ids=["one frame", "labels all equal"])
def test_r_squared_is_none_where_labels_do_not_vary(energy):
    frames = molecules(energy)
    found = errors(exactly(frames, frames.energy + 0.01), frames)
    assert found["energy_r2"] is None and found["force_r2"] is None
    assert found["energy_mae_meV"] == pytest.approx(10.0)


def test_each_member_has_its_own_errors(prediction, labelled):
    one, other = measure(prediction, labelled)["members"]
    assert (one["energy_mae_meV"], other["energy_mae_meV"]) == pytest.approx((3.5, 2.5))
    assert (one["force_max_meV_per_A"], other["force_max_meV_per_A"]) == pytest.approx((10.0, 2.0))


def test_a_committee_of_one_is_its_member(prediction, labelled):
    alone = Prediction(prediction.member_energy[:1], prediction.member_forces[:1], prediction.n_atoms)
    metrics = measure(alone, labelled)
    assert metrics["members"] == [metrics["committee"]]
    assert metrics["committee"]["energy_mae_meV"] == pytest.approx(3.5)


def test_errors_by_temperature_are_those_of_its_frames_alone(prediction, labelled):
    parts = measure(prediction, labelled)["by_temperature_K"]
    assert list(parts) == ["300", "600"]
    assert [(part["frames"], part["atoms"]) for part in parts.values()] == [(1, 2), (1, 1)]
    assert parts["300"]["energy_mae_meV"] == pytest.approx(2.0)
    assert parts["300"]["force_mae_meV_per_A"] == pytest.approx(1 / 6)
    assert parts["600"]["energy_mae_meV"] == pytest.approx(4.0)
    assert parts["600"]["force_mae_meV_per_A"] == pytest.approx(5 / 3)


def test_errors_by_element_are_those_of_its_atoms_alone(prediction, labelled):
    parts = measure(prediction, labelled)["by_element"]
    assert list(parts) == ["H", "He"]
    assert [(part["frames"], part["atoms"]) for part in parts.values()] == [(1, 2), (1, 1)]
    assert parts["H"]["force_mae_meV_per_A"] == pytest.approx(1 / 6)
    assert parts["He"]["force_vector_mae_meV_per_A"] == pytest.approx(5.0)
    assert not any(name.startswith("energy") for name in parts["H"])  # an energy belongs to a frame


def test_errors_by_other_columns(prediction, labelled):
    frames = labelled.with_columns(source=np.array(["b.xyz", "a.xyz"]), element=np.array(["x", "y"]))
    metrics = measure(prediction, frames, by=("temperature_K", "source", "element", "no_such_column"))
    assert list(metrics["by_source"]) == ["a.xyz", "b.xyz"]
    assert metrics["by_source"]["a.xyz"]["energy_mae_meV"] == pytest.approx(4.0)
    assert list(metrics["by_element"]) == ["H", "He"]  # not overwritten by a column of that name
    assert list(metrics["by_column_element"]) == ["x", "y"]
    assert "by_no_such_column" not in metrics


def test_frames_without_the_column_are_measured_without_groups(prediction, labelled):
    assert measure(prediction, relabelled(labelled, columns={}))["by_temperature_K"] == {}


def test_groups_add_up_to_the_whole():
    """Frame-weighted means of the groups are the mean of all, whichever way the frames are divided."""
    generator = np.random.default_rng(1)
    frames = molecules(generator.normal(size=100), columns={"time_fs": np.arange(100.0)})
    member_forces = generator.normal(size=(2, 200, 3))
    metrics = measure(Prediction(generator.normal(size=(2, 100)), member_forces, frames.n_atoms), frames, ["time_fs"])
    for groups, weight, name in (
        (metrics["by_time_fs"], "frames", "energy_mae_meV"),
        (metrics["by_time_fs"], "atoms", "force_vector_mae_meV_per_A"),
        (metrics["by_element"], "atoms", "force_mae_meV_per_A"),
    ):
        assert len(groups) > 1
        total = sum(group[weight] * group[name] for group in groups.values()) / sum(g[weight] for g in groups.values())
        assert total == pytest.approx(metrics["committee"][name])


def test_the_worst_frame_and_atom_are_found(prediction, labelled):
    found = measure(prediction, labelled, indices=np.array([70, 41]))["worst"]
    assert found["energy"] == pytest.approx({"error_meV": -4.0, "frame": 41, "test_frame": 1})
    place = {"frame": 41, "test_frame": 1, "atom": 0, "element": "He"}
    assert found["force"].pop("error_meV_per_A") == pytest.approx(-5.0)
    assert found["force"] == {**place, "component": "x"}
    assert found["force_vector"].pop("error_meV_per_A") == pytest.approx(5.0)
    assert found["force_vector"] == place
    forces = prediction.member_forces.copy()
    forces[:, 1, 2] = 0.1
    found = measure(Prediction(prediction.member_energy, forces, prediction.n_atoms), labelled)["worst"]
    assert (found["force"]["test_frame"], found["force"]["atom"], found["force"]["component"]) == (0, 1, "z")


@pytest.fixture
def strained():
    """Three frames, of which the last has no stress for a label; 1 GPa is 1/160.21766 eV/Å³."""
    stress = np.full((3, 3, 3), np.nan)
    stress[0], stress[1] = np.diag([0.01, 0.02, 0.03]), 0.0
    columns = {"temperature_K": np.array([300.0, 300.0, 600.0])}
    return relabelled(molecules(np.zeros(3), columns=columns), stress=stress)


def test_errors_of_the_stress_are_of_six_components_where_there_is_a_label(strained):
    predicted = np.nan_to_num(strained.stress)
    predicted[0, 0, 1] = predicted[0, 1, 0] = 0.006
    predicted[1, 2, 2] = -0.003
    predicted[2] = 7.0  # nobody knows better
    prediction = exactly(strained, stress=predicted)
    found = errors(prediction, strained)
    assert found["stress_frames"] == 2
    assert found["stress_mae_meV_per_A3"] == pytest.approx(9 / 12)
    assert found["stress_rmse_meV_per_A3"] == pytest.approx(np.sqrt(45 / 12))
    assert found["stress_max_meV_per_A3"] == pytest.approx(6.0)
    assert found["stress_max_GPa"] == pytest.approx(0.006 * 160.21766, rel=1e-6)
    assert found["stress_r2"] == pytest.approx(1 - 45e-6 / (12 * np.var([0.01, 0.02, 0.03] + 9 * [0.0])))
    metrics = measure(prediction, strained)
    assert metrics["members"][0] == metrics["committee"] == found
    assert metrics["by_temperature_K"]["300"]["stress_mae_GPa"] == pytest.approx(0.00075 * 160.21766, rel=1e-6)
    assert "stress_mae_GPa" not in metrics["by_temperature_K"]["600"]
    assert not any(name.startswith("stress") for name in metrics["kcal_per_mol"]["committee"])
    json.dumps(metrics, allow_nan=False)


def test_without_a_predicted_stress_there_is_none_in_the_metrics(strained):
    assert not any(name.startswith("stress") for name in errors(exactly(strained), strained))


def test_a_stress_of_nan_is_refused_where_there_is_a_label(strained):
    with pytest.raises(ValueError, match="stress of NaN"):
        measure(exactly(strained, stress=np.full((3, 3, 3), np.nan)), strained)


def test_chemical_accuracy_is_one_kcal_per_mol():
    from ase import units

    assert pytest.approx(1000 * units.kcal / units.mol, rel=1e-6) == CHEMICAL_ACCURACY_MEV


def test_errors_in_kcal_per_mol(prediction, labelled):
    metrics = measure(prediction, labelled)
    found = metrics["kcal_per_mol"]["committee"]
    assert found["energy_mae_kcal_per_mol"] == pytest.approx(3.0 / 43.3641, rel=1e-5)
    assert found["energy_mae_kcal_per_mol_per_atom"] == pytest.approx(2.5 / 43.3641, rel=1e-5)
    assert found["force_max_kcal_per_mol_per_A"] == pytest.approx(5.0 / 43.3641, rel=1e-5)
    assert len(metrics["kcal_per_mol"]["members"]) == 2


@pytest.mark.parametrize(
    ("error_meV", "within", "words"),
    [
        (43.0, True, "energy MAE 43.0 meV (0.99 kcal/mol): within chemical accuracy (1 kcal/mol)"),
        (44.0, False, "energy MAE 44.0 meV (1.01 kcal/mol): not within chemical accuracy (1 kcal/mol)"),
    ],
)
def test_chemical_accuracy_is_reported(labelled, error_meV, within, words):
    energy = np.tile(labelled.energy + error_meV / 1000, (2, 1))
    accuracy = measure(Prediction(energy, np.zeros((2, 3, 3)), labelled.n_atoms), labelled)
    assert accuracy["within_chemical_accuracy"] == {"energy": within, "forces": True}
    assert accuracy["verdict"] == {
        "energy": words,
        "forces": "force MAE 0.0 meV/Å (0.00 kcal/mol/Å): within chemical accuracy (1 kcal/mol/Å)",
    }


def test_a_perfect_committee_has_no_error():
    generator = np.random.default_rng(2)
    frames = molecules(generator.normal(size=10), forces=generator.normal(size=(20, 3)))
    perfect = Prediction(np.tile(frames.energy, (2, 1)), np.tile(frames.forces, (2, 1, 1)), frames.n_atoms)
    found = measure(perfect, frames)["committee"]
    assert found.pop("force_cosine") == pytest.approx(1.0)
    assert {found.pop("energy_r2"), found.pop("force_r2")} == {1.0}
    assert set(found.values()) == {0.0}


@pytest.mark.parametrize("bad", [np.nan, np.inf])
@pytest.mark.parametrize("where", ["energy", "forces"])
def test_nan_of_a_single_member_is_refused(prediction, labelled, where, bad):
    values = {"energy": prediction.member_energy.copy(), "forces": prediction.member_forces.copy()}
    values[where][1, 1] = bad
    with pytest.raises(ValueError, match="committee predicts NaN"):
        measure(Prediction(values["energy"], values["forces"], prediction.n_atoms), labelled)


@pytest.mark.parametrize("where", ["energy", "forces"])
def test_a_test_frame_without_a_label_is_refused(prediction, labelled, where):
    values = getattr(labelled, where).copy()
    values[0] = np.nan
    with pytest.raises(ValueError, match="test frame has no label"):
        measure(prediction, relabelled(labelled, **{where: values}))


def test_the_result_is_plain_json(prediction, labelled):
    accuracy = measure(prediction, labelled, ["temperature_K"])
    assert json.loads(json.dumps(accuracy, allow_nan=False)) == accuracy


def test_the_table_has_a_row_for_all_that_was_measured(prediction, labelled, tmp_path):
    import pandas as pd

    metrics = measure(prediction, labelled)
    error_table(metrics).to_csv(tmp_path / "errors.csv", index=False)
    table = pd.read_csv(tmp_path / "errors.csv", dtype={"which": str})
    assert list(zip(table["what"], table["which"], strict=True)) == [
        ("committee", "mean"),
        ("member", "0"),
        ("member", "1"),
        ("element", "H"),
        ("element", "He"),
        ("temperature_K", "300"),
        ("temperature_K", "600"),
    ]
    rows = table.set_index(["what", "which"])
    assert rows.loc[("committee", "mean"), "energy_mae_meV"] == pytest.approx(3.0)
    assert rows.loc[("member", "1"), "energy_mae_meV"] == pytest.approx(2.5)
    assert rows.loc[("temperature_K", "600"), "force_mae_kcal_per_mol_per_A"] == pytest.approx(
        5 / 3 / 43.3641, rel=1e-5
    )
    assert rows.loc[("element", "He"), "atoms"] == 1
    assert np.isnan(rows.loc[("element", "He"), "energy_mae_meV"])
