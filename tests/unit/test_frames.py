"""Frames: nothing is lost or mixed up between ASE, memory and disk."""

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk, molecule
from ase.calculators.emt import EMT
from ase.calculators.singlepoint import SinglePointCalculator

from ouroboros.frames import Frames, ragged_index


def image(name, number, labelled=True):
    atoms = bulk("Cu", cubic=True) if name == "Cu" else molecule(name)
    atoms.rattle(0.1, seed=number)
    if labelled:
        forces = np.random.default_rng(number).normal(size=(len(atoms), 3))
        atoms.calc = SinglePointCalculator(atoms, energy=-10.0 * number, forces=forces)
        if name == "Cu":
            atoms.calc.results["stress"] = np.random.default_rng(number).normal(size=6)
    atoms.info = {"walker": number, "temperature_K": 100.0 * number, "source": f"run {number}"}
    return atoms


@pytest.fixture
def images():
    return [image("H2O", 1), image("Cu", 2), image("CH3OH", 3, labelled=False), image("H2", 4)]


def assert_same(one: Frames, other: Frames):
    for name in ("numbers", "positions", "n_atoms", "energy", "forces", "cell", "pbc", "stress"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name), err_msg=name)
        assert getattr(one, name).dtype == getattr(other, name).dtype, name
    assert one.columns.keys() == other.columns.keys()
    for name, values in one.columns.items():
        np.testing.assert_array_equal(values, other.columns[name], err_msg=name)


def test_atoms_come_back_as_they_went_in(images):
    for before, after in zip(images, Frames.from_atoms(images).to_atoms(), strict=True):
        assert after == before  # numbers, positions, cell and pbc
        assert after.info == before.info
        if before.calc is None:
            assert after.calc is None
        else:
            assert after.get_potential_energy() == before.get_potential_energy()
            np.testing.assert_array_equal(after.get_forces(), before.get_forces())
            assert ("stress" in after.calc.results) == ("stress" in before.calc.results)
            if before.pbc.all():
                np.testing.assert_array_equal(after.get_stress(), before.get_stress())


def test_each_atom_stays_with_its_frame(images):
    frames = Frames.from_atoms(images)
    assert frames.starts.tolist() == [0, 3, 7, 13]
    assert frames.frame_of_atom.tolist() == [0] * 3 + [1] * 4 + [2] * 6 + [3] * 2
    assert np.isnan(frames.energy).tolist() == [False, False, True, False]
    assert np.isnan(frames.forces).all(axis=1).tolist() == [False] * 7 + [True] * 6 + [False] * 2


def test_file_round_trip_is_exact(images, tmp_path):
    frames = Frames.from_atoms(images)
    frames.save(tmp_path / "frames.npz")
    assert_same(Frames.load(tmp_path / "frames.npz"), frames)


def test_the_file_opens_in_plain_numpy(images, tmp_path):
    Frames.from_atoms(images).save(tmp_path / "frames.npz")
    with np.load(tmp_path / "frames.npz", allow_pickle=False) as stored:
        assert stored["column_source"].tolist() == ["run 1", "run 2", "run 3", "run 4"]
        assert stored["positions"].shape == (15, 3)


@pytest.mark.parametrize(
    ("indices", "expected"),
    [([3, 0], [3, 0]), ([1, 1], [1, 1]), (np.array([True, False, True, False]), [0, 2]), ([], [])],
    ids=["any order", "twice", "mask", "none"],
)
def test_take_is_the_list_of_those_frames(images, indices, expected):
    taken = Frames.from_atoms(images).take(indices)
    assert len(taken) == len(expected)
    if expected:
        assert_same(taken, Frames.from_atoms([images[i] for i in expected]))


def test_concatenating_parts_gives_the_whole(images):
    whole = Frames.from_atoms(images)
    assert_same(Frames.concatenate([whole.take([0]), whole.take([1, 2]), whole.take([]), whole.take([3])]), whole)


def test_concatenate_keeps_the_columns_that_all_parts_have(images):
    frames = Frames.from_atoms(images)
    both = Frames.concatenate([frames.with_columns(extra=1), frames])
    assert set(both.columns) == {"walker", "temperature_K", "source"}
    assert both.columns["walker"].tolist() == [1, 2, 3, 4, 1, 2, 3, 4]


def test_columns_are_added_to_a_copy(images):
    frames = Frames.from_atoms(images)
    more = frames.with_columns(subset="train", walker=[9, 8, 7, 6])
    assert more.columns["subset"].tolist() == ["train"] * 4
    assert more.columns["walker"].tolist() == [9, 8, 7, 6]
    assert frames.columns["walker"].tolist() == [1, 2, 3, 4] and "subset" not in frames.columns


def test_a_column_of_the_wrong_length_is_refused(images):
    with pytest.raises(ValueError):
        Frames.from_atoms(images).with_columns(walker=[1, 2])


def test_no_frames_is_a_legal_set(tmp_path):
    empty = Frames.from_atoms([])
    empty.save(tmp_path / "empty.npz")
    assert len(Frames.load(tmp_path / "empty.npz")) == 0
    assert empty.to_atoms() == []
    assert empty.positions.shape == (0, 3) and empty.cell.shape == (0, 3, 3)


def test_only_what_every_image_knows_becomes_a_column():
    one, other = Atoms("H", info={"a": 1, "b": 2}), Atoms("H", info={"a": 3, "vector": np.zeros(3)})
    assert {k: v.tolist() for k, v in Frames.from_atoms([one, other]).columns.items()} == {"a": [1, 3]}


def test_ragged_index_is_the_blocks_one_after_another():
    starts, counts = np.array([5, 0, 9]), np.array([2, 3, 0])
    assert ragged_index(starts, counts).tolist() == [5, 6, 0, 1, 2]


def test_stress_is_where_ase_has_it_and_nan_elsewhere(images):
    frames = Frames.from_atoms(images)
    assert frames.has_stress.tolist() == [False, True, False, False]
    np.testing.assert_array_equal(frames.stress[1], images[1].get_stress(voigt=False))
    assert np.isnan(frames.stress[[0, 2, 3]]).all()
    assert frames.volume.tolist() == pytest.approx([0, images[1].get_volume(), 0, 0])


def test_stress_is_the_derivative_of_the_energy_by_strain():
    copper = image("Cu", 5, labelled=False)
    copper.calc = EMT()
    copper.get_stress()
    frames, step = Frames.from_atoms([copper]), 1e-4
    for i, j in ((0, 0), (1, 2), (0, 2), (0, 1)):
        energies = []
        for sign in (1, -1):
            strained, strain = copper.copy(), np.eye(3)
            strain[i, j] += sign * step
            strained.set_cell(copper.cell.array @ strain, scale_atoms=True)
            strained.calc = EMT()
            energies.append(strained.get_potential_energy())
        slope = (energies[0] - energies[1]) / (2 * step) / copper.get_volume()
        assert frames.stress[0, i, j] == pytest.approx(slope, abs=1e-6)


@pytest.mark.parametrize("pbc", [False, [True, True, False]])
def test_a_stress_without_a_volume_is_not_taken(pbc):
    atoms = Atoms("H", cell=[4.0, 4.0, 0.0], pbc=pbc)
    atoms.calc = SinglePointCalculator(atoms, energy=0.0, forces=np.zeros((1, 3)), stress=np.ones(6))
    assert not Frames.from_atoms([atoms]).has_stress.any()


def test_sets_without_stress_are_the_ones_they_were_before(images, tmp_path):
    """The checksum stands in records of runs, and as a pool's identity in the keys of labels."""
    methane = Frames(
        numbers=np.array([6, 1, 1, 1, 1]),
        positions=np.arange(15.0).reshape(5, 3),
        n_atoms=np.array([5]),
        energy=np.array([-1.5]),
        forces=np.arange(15.0).reshape(5, 3),
        cell=np.zeros((1, 3, 3)),
        pbc=np.zeros((1, 3), dtype=bool),
    )
    assert methane.checksum() == "e6a1e43fb3f7c67a38cd53f8b96c6be4c12878100c709fcd364e487b3b73aa8e"
    methane.save(tmp_path / "methane.npz")
    with np.load(tmp_path / "methane.npz") as stored:
        assert "stress" not in stored
    assert not Frames.load(tmp_path / "methane.npz").has_stress.any()


def test_another_stress_is_another_set(images):
    frames = Frames.from_atoms(images)
    other = Frames(**{**frames.__dict__, "stress": frames.stress * (1 + 1e-15)})
    without = Frames(**{**frames.__dict__, "stress": None})
    assert len({frames.checksum(), other.checksum(), without.checksum()}) == 3
