"""Reference: molecules by name, trajectories, curation."""

import subprocess
import sys

import ase.io
import numpy as np
import pytest
from ase import units
from ase.build import molecule

from ouroboros.frames import Frames
from ouroboros.molecules import EVERYDAY, resolve_molecule
from ouroboros.oracles import make_oracle
from ouroboros.reference import curate, generate_trajectory
from ouroboros.reference.conformers import bonds, draw_conformer, relax, rotatable_bonds
from ouroboros.reference.curate import told

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
    frames.stress[[0, 4]] = np.eye(3)  # of which frame 0 has no energy
    kept, counts = curate(frames, {"force_cap_eV_per_A": 100.0})
    assert counts == {
        "frames_in": 10,
        "kept": 4,
        "with_stress": 1,
        "rejected": {"missing": 3, "duplicate": 1, "too_close": 1, "force_cap": 1},
        "rejected_frames": {"missing": [0, 1, 8], "duplicate": [9], "too_close": [3], "force_cap": [2]},
    }
    named = "3 missing (frames 0, 1, 8); 1 duplicate (frame 9); 1 too_close (frame 3); 1 force_cap (frame 2)"
    assert told(counts) == named
    np.testing.assert_array_equal(kept.energy, frames.energy[[4, 5, 6, 7]])
    assert set(kept.columns) == set(frames.columns)


def test_another_charge_is_another_structure():
    frames = synthetic(2, (300,))
    frames.positions[5:] = frames.positions[:5]
    assert curate(frames, {"force_cap_eV_per_A": 100.0})[1]["rejected"]["duplicate"] == 1
    ions = frames.with_columns(charge=[0, 1])
    assert curate(ions, {"force_cap_eV_per_A": 100.0})[1]["kept"] == 2


def test_curation_of_clean_data_and_of_none(water):
    kept, counts = curate(water, {"force_cap_eV_per_A": 100.0})
    assert len(kept) == 20 and sum(counts["rejected"].values()) == 0
    with pytest.raises(ValueError, match=r"not one of 20 reference frames is left \(20 force_cap\); look at"):
        curate(water, {"force_cap_eV_per_A": 1e-6})
    with pytest.raises(ValueError, match="there were none"):
        curate(water.take([]), {"force_cap_eV_per_A": 100.0})
