"""Reference: molecules by name, trajectories, curation, split, leakage."""

import subprocess
import sys

import ase.io
import numpy as np
import pytest
from ase import units
from ase.build import molecule
from scipy.spatial.transform import Rotation

from ouroboros.frames import Frames
from ouroboros.molecules import EVERYDAY, resolve_molecule
from ouroboros.oracles import make_oracle
from ouroboros.reference import curate, generate_trajectory, nearest_training_distance, split_by_trajectory
from ouroboros.reference.conformers import bonds, draw_conformer, relax, rotatable_bonds

XTB = {"kind": "xtb"}
SHORT = {"timestep_fs": 0.5, "equilibration_ps": 0.1, "length_ps": 0.2, "stride_fs": 10.0, "friction_per_ps": 10.0}


@pytest.mark.parametrize("name", ["ethanol", "Ethanol", "CH3CH2OH"])
def test_molecules_by_name(name):
    assert resolve_molecule(name).get_chemical_formula() == "C2H6O"


def test_every_everyday_name_exists():
    formulas = {name: resolve_molecule(name).get_chemical_formula() for name in EVERYDAY}
    assert formulas["acetaldehyde"] == formulas["oxirane"] == "C2H4O"
    assert formulas["benzene"] == "C6H6" and formulas["water"] == "H2O"


def test_molecules_from_a_file(tmp_path):
    ase.io.write(tmp_path / "mine.xyz", molecule("CH3OH"))
    assert resolve_molecule(str(tmp_path / "mine.xyz")).get_chemical_formula() == "CH4O"
    (tmp_path / "notes.xyz").write_text("not a structure\n")
    with pytest.raises(ValueError, match="cannot read as a structure"):
        resolve_molecule(str(tmp_path / "notes.xyz"))


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("ethanole", "did you mean ethanol"),
        ("ch3ch2oh", "did you mean CH3CH2OH"),
        ("zzzzzz", "give a structure file"),
        ("structures/mine.xyz", "there is none at that path"),
    ],
)
def test_unknown_molecules_in_one_sentence(name, sentence):
    with pytest.raises(ValueError, match=sentence) as error:
        resolve_molecule(name)
    assert repr(name) in str(error.value) and "\n" not in str(error.value)


def test_names_are_resolved_without_a_quantum_chemistry_code():
    code = "import sys; from ouroboros.molecules import resolve_molecule; resolve_molecule('water')"
    code += "; sys.exit(bool({'tblite', 'torch'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def test_rotatable_bonds():
    found = rotatable_bonds(molecule("CH3CH2OH"))
    assert len(found) == 2  # C-C and C-O
    assert all(beyond.sum() > 1 for _, _, beyond in found)
    assert rotatable_bonds(molecule("C6H6")) == [] and rotatable_bonds(molecule("C2H4")) == []
    assert len(rotatable_bonds(molecule("biphenyl"))) == 1


def test_conformers_differ_and_keep_their_bonds():
    oracle, ethanol = make_oracle(XTB), molecule("CH3CH2OH")
    reference = relax(ethanol, oracle)
    dihedrals = []
    for seed in range(4):
        conformer = draw_conformer(ethanol, oracle, np.random.default_rng(seed))
        assert np.array_equal(bonds(conformer), bonds(reference))
        assert np.linalg.norm(oracle.label(conformer).forces, axis=1).max() < 0.06
        dihedrals.append(conformer.get_dihedral(0, 1, 2, 3))
    assert np.ptp(dihedrals) > 60


@pytest.fixture(scope="module")
def water():
    return generate_trajectory("water", make_oracle(XTB), 400, seed=1, trajectory=5, **SHORT)


def test_trajectory_frames(water):
    assert len(water) == 20
    assert (water.columns["temperature_K"] == 400).all() and (water.columns["trajectory"] == 5).all()
    assert water.columns["time_fs"].dtype == float
    np.testing.assert_array_equal(water.columns["time_fs"], np.arange(20) * 10)
    oracle = make_oracle(XTB)
    for i, atoms in enumerate(water.to_atoms()[:3]):
        label = oracle.label(atoms)  # the label belongs to the stored positions, bit for bit
        assert label.energy == water.energy[i]
        np.testing.assert_array_equal(label.forces, atoms.get_forces())
        np.testing.assert_allclose(atoms.get_center_of_mass(), 0, atol=1e-12)


def test_trajectories_are_reproducible_and_differ_by_seed(water):
    again = generate_trajectory("water", make_oracle(XTB), 400, seed=1, trajectory=5, **SHORT)
    np.testing.assert_array_equal(again.positions, water.positions)
    other = generate_trajectory("water", make_oracle(XTB), 400, seed=2, **{**SHORT, "length_ps": 0.02})
    assert abs(other.positions[:3] - water.positions[:3]).max() > 0.01


def test_the_thermostat_reaches_its_temperature():
    """Mean potential energy above the minimum of three stiff modes: 3 × kT / 2."""
    oracle = make_oracle(XTB)
    settings = {**SHORT, "equilibration_ps": 0.2, "length_ps": 1.8, "friction_per_ps": 40.0}
    frames = generate_trajectory("water", oracle, 600, seed=3, **settings)
    minimum = oracle.label(relax(molecule("H2O"), oracle)).energy
    assert (frames.energy - minimum).mean() == pytest.approx(1.5 * units.kB * 600, rel=0.25)


def test_bad_trajectory_settings():
    oracle = make_oracle(XTB)
    with pytest.raises(ValueError, match=r"stride_fs is 0.7, but it has to be a multiple of timestep_fs"):
        generate_trajectory("water", oracle, 300, seed=1, **{**SHORT, "stride_fs": 0.7})
    with pytest.raises(ValueError, match=r"length_ps is 0.001"):
        generate_trajectory("water", oracle, 300, seed=1, **{**SHORT, "length_ps": 0.001})
    with pytest.raises(ValueError, match=r"cannot label H2O: .*even number of electrons"):
        generate_trajectory("water", make_oracle({**XTB, "multiplicity": 2}), 300, seed=1, **SHORT)


class FailingOracle:
    """Labels the first frames and then no more."""

    def __init__(self, good):
        self._xtb, self._left = make_oracle(XTB), good
        self.settings, self.level_of_theory, self.calculator = self._xtb.settings, "test", self._xtb.calculator

    def label(self, atoms):
        self._left -= 1
        if self._left < 0:
            return self._xtb.label(atoms).failed(3, "test", 0.0, "SCF not converged", True)
        return self._xtb.label(atoms)


def test_good_frames_of_a_failed_trajectory_are_kept(caplog):
    frames = generate_trajectory("water", FailingOracle(4), 300, seed=1, **SHORT)
    assert len(frames) == 3  # one label went to the start
    assert "ends after 3 of 20 frames: SCF not converged" in caplog.text
    with pytest.raises(RuntimeError, match="gave no frame"):
        generate_trajectory("water", FailingOracle(1), 300, seed=1, **SHORT)


def synthetic(n_per_trajectory=20, temperatures=(300, 300, 300, 500, 500, 800, 800), n_atoms=5, seed=0):
    rng = np.random.default_rng(seed)
    n = n_per_trajectory * len(temperatures)
    grid = np.array([[i, 2 * (i % 2), i % 3] for i in range(n_atoms)]) * 1.5
    return Frames(
        numbers=np.tile([6, 1, 8, 1, 7][:n_atoms], n),
        positions=(grid + rng.normal(scale=0.1, size=(n, n_atoms, 3))).reshape(-1, 3),
        n_atoms=np.full(n, n_atoms),
        energy=rng.normal(size=n),
        forces=rng.normal(size=(n * n_atoms, 3)),
        cell=np.zeros((n, 3, 3)),
        pbc=np.zeros((n, 3), dtype=bool),
    ).with_columns(
        temperature_K=np.repeat(np.array(temperatures, dtype=float), n_per_trajectory),
        trajectory=np.repeat(np.arange(len(temperatures)), n_per_trajectory),
    )


def test_curation_counts_every_reason():
    frames = synthetic(10, (300,))
    frames.energy[0] = np.nan
    frames.forces[5] = np.nan
    frames.forces[2 * 5 + 3] = [0, 0, 1000]
    frames.positions[3 * 5 + 1] = frames.positions[3 * 5]
    frames.positions[4 * 5 : 5 * 5] = frames.positions[9 * 5 :]
    frames.positions[8 * 5] = np.inf
    kept, counts = curate(frames, {"force_cap_eV_per_A": 100.0})
    assert counts == {
        "frames_in": 10,
        "kept": 4,
        "rejected": {"missing": 3, "duplicate": 1, "too_close": 1, "force_cap": 1},
    }
    np.testing.assert_array_equal(kept.energy, frames.energy[[4, 5, 6, 7]])
    assert set(kept.columns) == set(frames.columns)


def test_curation_of_clean_data_and_of_none(water):
    kept, counts = curate(water, {"force_cap_eV_per_A": 100.0})
    assert len(kept) == 20 and sum(counts["rejected"].values()) == 0
    assert curate(water.take([]), {"force_cap_eV_per_A": 100.0})[1]["frames_in"] == 0


def test_test_trajectories_are_never_seen():
    frames = synthetic()
    split = split_by_trajectory(frames, 30, 10, 45, start_temperature_max_K=500, seed=7)
    trajectory, temperature = frames.columns["trajectory"], frames.columns["temperature_K"]
    sizes = {name: len(np.unique(indices)) for name, indices in split.items()}
    assert sizes == {"train_idx": 30, "val_idx": 10, "test_idx": 45}
    seen = np.concatenate([split["train_idx"], split["val_idx"]])
    assert len(np.unique(seen)) == 40
    assert not set(trajectory[seen]) & set(trajectory[split["test_idx"]])
    assert temperature[seen].max() == 500
    counts = np.unique(temperature[split["test_idx"]], return_counts=True)
    assert dict(zip(*map(np.ndarray.tolist, counts), strict=True)) == {300: 15, 500: 15, 800: 15}


def test_validation_comes_from_the_later_part_of_the_trajectories():
    """Frames a few fs apart are nearly alike: drawn at random, validation would repeat training."""
    frames = synthetic()
    split = split_by_trajectory(frames, 30, 10, 45, start_temperature_max_K=500, seed=7)
    trajectory = frames.columns["trajectory"]
    for number in np.unique(trajectory[split["val_idx"]]):
        trained = split["train_idx"][trajectory[split["train_idx"]] == number]
        validated = split["val_idx"][trajectory[split["val_idx"]] == number]
        assert trained.max() < validated.min()


@pytest.mark.parametrize(("train", "validation"), [(50, 10), (10, 50), (59, 1), (1, 59)])
def test_every_frame_can_be_asked_for(train, validation):
    split = split_by_trajectory(synthetic(), train, validation, 40, start_temperature_max_K=500, seed=7)
    assert len(np.unique(np.concatenate([split["train_idx"], split["val_idx"]]))) == 60


def test_splits_are_deterministic_and_short_temperatures_made_up_for():
    frames = synthetic()
    first, again, other = (split_by_trajectory(frames, 30, 10, 60, 500, seed=seed) for seed in (1, 1, 2))
    for name in first:
        np.testing.assert_array_equal(first[name], again[name])
    assert not np.array_equal(first["train_idx"], other["train_idx"])
    everything = split_by_trajectory(frames, 30, 10, 80, 500, seed=1)  # 20 + 20 + 40: all there is
    counts = np.unique(frames.columns["temperature_K"][everything["test_idx"]], return_counts=True)[1]
    assert counts.tolist() == [20, 20, 40]


@pytest.mark.parametrize(
    ("sizes", "words"),
    [
        ((50, 11, 40), ["split.train 50", "split.validation 11", "61 frames", "3 trajectories", "500 K hold 60"]),
        ((30, 10, 81), ["split.test 81", "80 frames", "4 trajectories"]),
    ],
)
def test_too_few_frames_in_one_sentence(sizes, words):
    with pytest.raises(ValueError) as error:
        split_by_trajectory(synthetic(), *sizes, start_temperature_max_K=500, seed=1)
    assert all(word in str(error.value) for word in words) and "\n" not in str(error.value)


def test_one_trajectory_cannot_be_split():
    with pytest.raises(ValueError, match="0 trajectories left for training"):
        split_by_trajectory(synthetic(20, (300,)), 5, 5, 5, 500, seed=1)
    frames = synthetic()
    frames.columns.pop("trajectory")
    with pytest.raises(ValueError, match="column 'trajectory'"):
        split_by_trajectory(frames, 5, 5, 5, 500, seed=1)


def aligned_rmsd(one, other):
    """SciPy's alignment of one pair, Å."""
    one, other = one - one.mean(axis=0), other - other.mean(axis=0)
    return Rotation.align_vectors(one, other)[1] / np.sqrt(len(one))


def test_nearest_training_distance_agrees_with_scipy():
    frames = synthetic(6)
    split = {"train_idx": np.arange(12, 30), "test_idx": np.array([3, 0, 41])}
    distance, near = nearest_training_distance(frames, split)
    points = frames.positions.reshape(len(frames), -1, 3)
    for test, found in zip(split["test_idx"], distance, strict=True):
        expected = min(aligned_rmsd(points[test], points[train]) for train in split["train_idx"])
        assert found == pytest.approx(expected, abs=1e-7)
    assert near == 0


def test_turned_copies_are_found_and_mirror_images_are_not():
    frames = synthetic(2, (300, 500))
    points = frames.positions.reshape(4, -1, 3)
    points[2] = Rotation.random(rng=1).apply(points[0]) + np.array([3, 2, 1])
    points[3] = points[1] * [1, 1, -1]
    split = {"train_idx": np.array([0, 1]), "test_idx": np.array([2, 3])}
    distance, near = nearest_training_distance(frames, split, threshold_A=1e-4)
    assert distance[0] < 1e-6 and distance[1] > 0.1 and near == 1


def test_only_the_same_atoms_are_compared():
    frames = Frames.concatenate([synthetic(2, (300,)), synthetic(2, (300,), n_atoms=3)])
    distance, near = nearest_training_distance(frames, {"train_idx": np.arange(2), "test_idx": np.array([2, 3])})
    assert np.isinf(distance).all() and near == 0
    frames.pbc[2] = True
    with pytest.raises(ValueError, match="periodic"):
        nearest_training_distance(frames, {"train_idx": np.arange(2), "test_idx": np.array([2, 3])})
