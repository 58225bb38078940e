"""Accuracy: errors worked out by hand, and a NaN is never a number to compare."""

import json

import numpy as np
import pytest

from ouroboros.accuracy import CHEMICAL_ACCURACY_MEV, errors, measure
from ouroboros.committee import Prediction
from ouroboros.frames import Frames


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


def test_errors_by_hand(prediction, labelled):
    expected = {
        "energy_mae_meV": 3.0,
        "energy_rmse_meV": np.sqrt(10.0),
        "energy_mae_meV_per_atom": 2.5,
        "force_mae_meV_per_A": 6 / 9,
        "force_rmse_meV_per_A": np.sqrt(26 / 9),
        "force_max_meV_per_A": 5.0,
    }
    assert errors(prediction.energy, prediction.forces, labelled) == pytest.approx(expected)
    assert measure(prediction, labelled)["committee"] == pytest.approx(expected)


def test_each_member_has_its_own_errors(prediction, labelled):
    one, other = measure(prediction, labelled)["members"]
    assert (one["energy_mae_meV"], other["energy_mae_meV"]) == pytest.approx((3.5, 2.5))
    assert (one["force_max_meV_per_A"], other["force_max_meV_per_A"]) == pytest.approx((10.0, 2.0))


def test_errors_by_temperature_are_those_of_its_frames_alone(prediction, labelled):
    parts = measure(prediction, labelled)["by_temperature_K"]
    assert set(parts) == {"300", "600"}
    assert parts["300"]["energy_mae_meV"] == pytest.approx(2.0)
    assert parts["300"]["force_mae_meV_per_A"] == pytest.approx(1 / 6)
    assert parts["600"]["energy_mae_meV"] == pytest.approx(4.0)
    assert parts["600"]["force_mae_meV_per_A"] == pytest.approx(5 / 3)


def test_frames_without_the_column_are_measured_without_groups(prediction, labelled):
    assert measure(prediction, Frames(**{**labelled.__dict__, "columns": {}}))["by_temperature_K"] == {}


def test_chemical_accuracy_is_one_kcal_per_mol():
    from ase import units

    assert pytest.approx(1000 * units.kcal / units.mol, rel=1e-6) == CHEMICAL_ACCURACY_MEV


@pytest.mark.parametrize(("error_meV", "within"), [(43.0, True), (44.0, False)])
def test_chemical_accuracy_is_reported(labelled, error_meV, within):
    energy = np.tile(labelled.energy + error_meV / 1000, (2, 1))
    accuracy = measure(Prediction(energy, np.zeros((2, 3, 3)), labelled.n_atoms), labelled)
    assert accuracy["within_chemical_accuracy"] == {"energy": within, "forces": True}


def test_a_perfect_committee_has_no_error(labelled):
    perfect = Prediction(np.tile(labelled.energy, (3, 1)), np.zeros((3, 3, 3)), labelled.n_atoms)
    assert set(measure(perfect, labelled)["committee"].values()) == {0.0}


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
        measure(prediction, Frames(**{**labelled.__dict__, where: values}))


def test_the_result_is_plain_json(prediction, labelled):
    accuracy = measure(prediction, labelled)
    assert json.loads(json.dumps(accuracy, allow_nan=False)) == accuracy
