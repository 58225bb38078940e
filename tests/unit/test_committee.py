"""The committee: each member as in stock SchNetPack, the spread by its definition, features that know symmetry."""

from copy import deepcopy

import numpy as np
import pytest
import schnetpack
import torch
from ase import Atoms
from ase.build import bulk, molecule
from ase.calculators.calculator import PropertyNotImplementedError
from schnetpack.transform import MatScipyNeighborList

from ouroboros.calculator import CommitteeCalculator
from ouroboros.committee import Committee
from ouroboros.frames import Frames
from ouroboros.models import build_model, export_schnetpack, load_model, save_model
from ouroboros.predictions import Prediction

FRAME_OF = [0, 0, 1, 1, 1]
MEMBER_FORCES = np.random.default_rng(0).normal(size=(4, 5, 3))
MEMBER_ENERGY = np.array([[1.0, 5.0], [2.0, 5.0], [3.0, 5.0], [6.0, 5.0]])


@pytest.fixture
def prediction():
    return Prediction(MEMBER_ENERGY, MEMBER_FORCES, np.array([2, 3]))


def rotation(seed=0):
    """A random proper rotation."""
    matrix, _ = np.linalg.qr(np.random.default_rng(seed).normal(size=(3, 3)))
    return matrix * np.linalg.det(matrix)


def test_members_agree_with_stock_schnetpack_one_by_one(committee, committee_files, frames, tmp_path):
    some = frames.take(np.arange(6))
    prediction = committee.predict(some)
    for m, path in enumerate(committee_files):
        export_schnetpack(path, tmp_path / "stock.pt")
        stock = schnetpack.interfaces.SpkCalculator(
            str(tmp_path / "stock.pt"), neighbor_list=MatScipyNeighborList(cutoff=4.0), energy_unit="eV"
        )
        for i, atoms in enumerate(some.to_atoms()):
            atoms.calc = stock
            ours = prediction.member_forces[m, some.frame_of_atom == i]
            np.testing.assert_allclose(ours, atoms.get_forces(), atol=1e-5)
            # One unit in the last place of a float32 energy of some eV, summed over the atoms.
            assert prediction.member_energy[m, i] == pytest.approx(atoms.get_potential_energy(), abs=2e-5)


def test_calculator_gives_the_mean_and_the_spread(committee, frames):
    atoms = frames.take([3]).to_atoms()[0]
    expected = committee.predict(frames.take([3]))
    atoms.calc = CommitteeCalculator(committee)
    assert atoms.get_potential_energy() == pytest.approx(expected.member_energy.mean(), abs=1e-5)
    np.testing.assert_allclose(atoms.get_forces(), expected.member_forces.mean(axis=0), atol=1e-5)
    assert atoms.calc.results["energy_std"] == pytest.approx(expected.energy_std[0], abs=1e-6)
    np.testing.assert_allclose(atoms.calc.results["force_std"], expected.force_std, atol=1e-5)
    atoms.positions[0] += 0.1
    assert np.abs(atoms.get_forces() - expected.forces).max() > 0.1  # a moved atom is evaluated anew


def test_calculator_refuses_an_element_that_no_member_was_trained_on(committee):
    stranger = Atoms("HCl", [(0, 0, 0), (0, 0, 1.3)], calculator=CommitteeCalculator(committee))
    with pytest.raises(ValueError, match="not trained on Cl, only on"):
        stranger.get_potential_energy()


def test_mean_and_spread_by_definition(prediction):
    np.testing.assert_allclose(prediction.energy, [3.0, 5.0])
    # (4 + 1 + 0 + 9) / (4 - 1)
    np.testing.assert_allclose(prediction.energy_std, [np.sqrt(14 / 3), 0.0])
    mean = MEMBER_FORCES.sum(axis=0) / 4
    np.testing.assert_allclose(prediction.forces, mean)
    variance = ((MEMBER_FORCES - mean) ** 2).sum(axis=0) / 3
    np.testing.assert_allclose(prediction.force_std, np.sqrt(variance[:, 0] + variance[:, 1] + variance[:, 2]))


def test_the_largest_spread_of_a_frame_is_that_of_its_worst_atom(prediction):
    std = prediction.force_std
    assert prediction.max_force_std.tolist() == [max(std[:2]), max(std[2:])]


def test_force_spread_does_not_depend_on_the_axes(prediction):
    turned = Prediction(MEMBER_ENERGY, MEMBER_FORCES @ rotation(), prediction.n_atoms)
    np.testing.assert_allclose(turned.force_std, prediction.force_std)


def test_a_committee_of_one_has_no_spread(prediction):
    alone = Prediction(MEMBER_ENERGY[:1], MEMBER_FORCES[:1], prediction.n_atoms)
    assert alone.energy_std.tolist() == [0, 0] and alone.max_force_std.tolist() == [0, 0]


def test_nan_of_one_member_is_seen_in_the_largest_spread_of_the_frame(prediction):
    forces = MEMBER_FORCES.copy()
    forces[1, 0, 2] = np.nan
    broken = Prediction(MEMBER_ENERGY, forces, prediction.n_atoms)
    assert np.isnan(broken.max_force_std).tolist() == [True, False]


def test_members_of_different_seeds_differ(committee, water):
    prediction = committee.predict(water)
    for one, other in ((0, 1), (0, 2), (1, 2)):
        assert np.abs(prediction.member_forces[one] - prediction.member_forces[other]).max() > 1e-2
    assert (prediction.force_std > 0).all()


def test_the_committee_has_learnt_its_molecules(committee, frames):
    """Or agreement between implementations would be agreement about noise."""
    error = np.abs(committee.predict(frames).forces - frames.forces).mean()
    assert error < 0.25 * np.abs(frames.forces).mean()


@pytest.mark.parametrize("batch_size", [1, 7, 1000])
def test_batch_size_does_not_matter(committee, frames, batch_size):
    one, other = committee.predict(frames), committee.predict(frames, batch_size)
    np.testing.assert_allclose(other.member_energy, one.member_energy, atol=2e-5)
    np.testing.assert_allclose(other.member_forces, one.member_forces, atol=1e-5, rtol=1e-6)  # of float32, 2e-7
    np.testing.assert_allclose(
        committee.features(frames, batch_size), committee.features(frames), atol=1e-5 * committee.features(frames).max()
    )


def test_forces_turn_with_the_molecule_and_energies_do_not(committee, water):
    turn = rotation()
    turned = Frames(**{**water.__dict__, "positions": water.positions @ turn + [1.0, -2.0, 3.0]})
    before, after = committee.predict(water), committee.predict(turned)
    np.testing.assert_allclose(after.energy, before.energy, atol=2e-5)
    np.testing.assert_allclose(after.forces, before.forces @ turn, atol=2e-5)


def test_features_know_no_order_no_rotation_and_no_place(committee, water):
    features = committee.features(water)
    swapped = water.positions.reshape(-1, 3, 3)[:, [0, 2, 1]].reshape(-1, 3)  # the two hydrogen atoms
    changed = Frames(**{**water.__dict__, "positions": swapped @ rotation(1) + [5.0, 0.0, -1.0]})
    np.testing.assert_allclose(committee.features(changed), features, atol=1e-4 * np.abs(features).max())


def test_features_tell_structures_apart(committee, water, model_settings):
    features = committee.features(water)
    assert features.shape == (len(water), 2 * model_settings["n_atom_basis"])
    distances = np.linalg.norm(features[:, None] - features[None], axis=-1)[np.triu_indices(len(water), 1)]
    assert distances.min() > 1e-3 * np.abs(features).max()


def test_features_of_a_frame_do_not_depend_on_its_company(committee, frames):
    """A frame of the explored set is compared with frames of the training set."""
    np.testing.assert_allclose(committee.features(frames)[:4], committee.features(frames.take(np.arange(4))), atol=1e-5)


def test_features_of_sets_with_other_elements_can_be_compared(committee, frames, water):
    elements = np.unique(frames.numbers)
    one, other = (committee.features(part, elements=elements) for part in (frames, water))
    assert one.shape[1] == other.shape[1]
    width = other.shape[1] // len(elements)
    assert not other[:, list(elements).index(6) * width :][:, :width].any()  # water has no carbon


def test_no_frames_give_an_empty_prediction_and_no_features(committee, frames):
    """Every walker may end before its first kept frame."""
    nothing = frames.take([])
    prediction = committee.predict(nothing)
    assert prediction.member_energy.shape == (3, 0) and prediction.member_forces.shape == (3, 0, 3)
    assert prediction.max_force_std.shape == (0,)
    assert len(committee.features(nothing)) == 0


def test_offsets_are_added_once_for_each_atom(model_settings, tmp_path):
    offsets = np.zeros(100)
    offsets[[1, 6, 8]] = -13.0, -1000.0, -2000.0
    torch.manual_seed(0)
    model = build_model(model_settings)
    save_model(tmp_path / "with.pt", model, model_settings, offsets)
    save_model(tmp_path / "without.pt", model, model_settings, np.zeros(100))
    frames = Frames.from_atoms([molecule("H2O"), molecule("CH3OH")])
    both = [Committee.load([tmp_path / name]).predict(frames).energy for name in ("with.pt", "without.pt")]
    np.testing.assert_allclose(both[0] - both[1], [-2026.0, -3052.0], atol=1e-9)


def test_a_periodic_cell_and_its_repeat_have_the_same_energy_an_atom(model_settings, tmp_path):
    torch.manual_seed(0)
    save_model(tmp_path / "model.pt", build_model(model_settings), model_settings, np.zeros(100))
    cell = bulk("Cu", cubic=True)
    cell.rattle(0.1, seed=0)
    prediction = Committee.load([tmp_path / "model.pt"]).predict(Frames.from_atoms([cell, cell.repeat(2)]))
    assert prediction.energy[1] == pytest.approx(8 * prediction.energy[0], rel=1e-5)
    np.testing.assert_allclose(prediction.forces[4:], np.tile(prediction.forces[:4], (8, 1)), atol=1e-5)


def test_members_of_different_cutoffs_are_refused(committee_files, model_settings, tmp_path):
    other = {**model_settings, "cutoff_A": 5.0}
    save_model(tmp_path / "model.pt", build_model(other), other, np.zeros(100))
    with pytest.raises(ValueError, match=r"different cutoffs \(\[4.0, 5.0\] Å\)"):
        Committee.load([committee_files[0], tmp_path / "model.pt"])


def test_no_files_are_a_sentence():
    with pytest.raises(ValueError, match="no model files"):
        Committee.load([])


def test_a_file_that_is_no_model_is_named(committee_files, tmp_path):
    (tmp_path / "broken.pt").write_text("no model")
    with pytest.raises(ValueError, match=r"broken\.pt"):
        Committee.load([committee_files[0], tmp_path / "broken.pt"])


def test_loaded_members_keep_the_order_of_their_files(committee_files, water):
    backwards = Committee.load(committee_files[::-1]).predict(water).member_energy
    for energies, path in zip(backwards, committee_files[::-1], strict=True):
        model, settings, offsets = load_model(path)
        alone = Committee([model], offsets[None], settings["cutoff_A"]).predict(water).energy
        np.testing.assert_allclose(energies, alone, atol=1e-6)


# --- stress


def crystal(left_handed=False):
    """Strained, rattled water ice in a skew cell, which the members know the elements of."""
    atoms = molecule("H2O")
    atoms.rattle(0.05, seed=4)
    atoms.set_cell([[3.1, 0.2, 0.0], [0.3, 3.3, 0.1], [-0.2, 0.0, 3.4]])
    atoms.pbc = True
    if left_handed:
        atoms.set_cell(atoms.cell.array[[1, 0, 2]])
    return atoms


@pytest.fixture(scope="module")
def stressed(committee_files):
    return Committee.load(committee_files, stress=True)


@pytest.mark.parametrize("left_handed", [False, True])
def test_stress_is_the_derivative_of_the_energy_by_strain(stressed, left_handed):
    """In a left-handed cell too, where SchNetPack's own has the wrong sign."""
    stressed = Committee([deepcopy(m).double() for m in stressed.members], stressed.energy_offsets, 4.0, stress=True)
    atoms, step = crystal(left_handed), 1e-4
    prediction = stressed.predict(Frames.from_atoms([atoms]))
    assert np.abs(prediction.member_stress).max() > 0.01
    for i, j in ((0, 0), (1, 1), (2, 2), (1, 2), (0, 2), (0, 1)):
        images = []
        for sign in (1, -1):
            strain = np.eye(3)
            strain[i, j] += sign * step
            images.append(atoms.copy())
            images[-1].set_cell(atoms.cell.array @ strain, scale_atoms=True)
        energy = stressed.predict(Frames.from_atoms(images)).member_energy
        slope = (energy[:, 0] - energy[:, 1]) / (2 * step) / atoms.get_volume()
        np.testing.assert_allclose(prediction.member_stress[:, 0, i, j], slope, atol=1e-6)


def test_stress_of_each_member_agrees_with_stock_schnetpack(stressed, committee_files, tmp_path):
    atoms = crystal()
    prediction = stressed.predict(Frames.from_atoms([atoms]))
    for m, path in enumerate(committee_files):
        export_schnetpack(path, tmp_path / "stock.pt")
        atoms.calc = schnetpack.interfaces.SpkCalculator(
            str(tmp_path / "stock.pt"),
            neighbor_list=MatScipyNeighborList(cutoff=4.0),
            energy_unit="eV",
            position_unit="Ang",
            stress_key="stress",
        )
        np.testing.assert_allclose(
            prediction.member_stress[m, 0], np.reshape(atoms.get_stress(voigt=False), (3, 3)), atol=1e-5
        )


def test_the_calculator_gives_the_stress_of_what_has_a_volume(committee, stressed):
    atoms = crystal()
    atoms.calc = CommitteeCalculator(committee)  # loaded without stress
    expected = stressed.predict(Frames.from_atoms([atoms])).stress[0]
    np.testing.assert_allclose(atoms.get_stress(voigt=False), expected, atol=1e-6)
    np.testing.assert_allclose(expected, expected.T, atol=1e-6)
    alone = atoms.copy()
    alone.pbc = False
    for calculator in (CommitteeCalculator(committee), CommitteeCalculator(stressed)):
        alone.calc = calculator
        with pytest.raises(PropertyNotImplementedError):
            alone.get_stress()


def test_stress_changes_no_energy_and_no_force(committee, stressed, frames):
    """And is NaN for molecules, in a batch with crystals, and in a box."""
    boxed = molecule("H2O")
    boxed.set_cell([5, 5, 5])
    mixed = Frames.concatenate([frames.take([0, 1]), Frames.from_atoms([crystal(), boxed])])
    without, with_stress = committee.predict(mixed), stressed.predict(mixed)
    assert without.member_stress is None and without.stress is None
    np.testing.assert_array_equal(without.member_energy, with_stress.member_energy)
    np.testing.assert_array_equal(without.member_forces, with_stress.member_forces)
    assert np.isfinite(with_stress.stress).all(axis=(1, 2)).tolist() == [False, False, True, False]
    assert stressed.predict(mixed.take([])).member_stress.shape == (3, 0, 3, 3)


def test_a_supercell_has_the_stress_of_its_cell(stressed):
    atoms = crystal()
    prediction = stressed.predict(Frames.from_atoms([atoms, atoms.repeat((2, 1, 1))]))
    np.testing.assert_allclose(prediction.stress[0], prediction.stress[1], atol=1e-5)


def test_members_are_evaluated_in_the_highest_precision_of_any(committee, water):
    members = [deepcopy(member) for member in committee.members]
    members[1].double()
    mixed = Committee(members, committee.energy_offsets, committee.cutoff)
    assert mixed.dtype == torch.float64 and committee.dtype == torch.float32
    prediction, single = mixed.predict(water), committee.predict(water)
    np.testing.assert_allclose(prediction.forces, single.forces, atol=1e-4)
    assert np.abs(prediction.forces - single.forces).max() > 0
    assert mixed.features(water).dtype == np.float64


def test_features_do_not_depend_on_the_stress(committee, stressed, water):
    np.testing.assert_array_equal(committee.features(water), stressed.features(water))
