"""Files of labels and failures: nothing is lost in them."""

import ase.io
import numpy as np
from ase.build import bulk, molecule
from ase.calculators.singlepoint import SinglePointCalculator

from ouroboros import label_files


def awkward():
    """A structure with numbers and words that text formats like to change."""
    atoms = molecule("CH3CH2OH")
    atoms.rattle(0.3, seed=3)
    atoms.positions *= np.pi
    atoms.info.update(
        candidate="3_12", flag=True, count=7, score=1 / 3, word="T", level="PBE/def2-SVP, density fitting", exp="1e5",
        quote='a "b" c', empty="",
    )  # fmt: skip
    forces = np.random.default_rng(1).normal(size=(9, 3)) * 10.0 ** np.arange(-12, 15).reshape(9, 3)
    atoms.calc = SinglePointCalculator(atoms, energy=-97080.12345678901 / 3, forces=forces)
    return atoms


def test_extended_xyz_loses_nothing(tmp_path):
    atoms = awkward()
    label_files.write_labels(tmp_path / "labels.extxyz", [atoms, bulk("Si", cubic=True), molecule("H")])
    first, silicon, hydrogen = label_files.read_labels(tmp_path / "labels.extxyz")
    np.testing.assert_array_equal(first.positions, atoms.positions)
    np.testing.assert_array_equal(first.get_forces(), atoms.get_forces())
    assert first.get_potential_energy() == atoms.get_potential_energy()
    assert first.info == atoms.info
    assert {key: type(value) for key, value in first.info.items()} == {k: type(v) for k, v in atoms.info.items()}
    np.testing.assert_array_equal(silicon.cell.array, bulk("Si", cubic=True).cell.array)
    assert silicon.pbc.all() and silicon.calc is None and not first.pbc.any()
    assert hydrogen.symbols == "H"

    ase.io.write(tmp_path / "rounded.extxyz", atoms)  # why ASE's own writer is not used
    rounded = ase.io.read(tmp_path / "rounded.extxyz")
    assert 1e-9 < abs(rounded.get_forces()[:4] - atoms.get_forces()[:4]).max() < 1e-8
    assert rounded.info["candidate"] == 312


def test_stress_is_read_back_bit_for_bit(tmp_path):
    crystal = bulk("Si", cubic=True)
    stress = np.random.default_rng(2).normal(size=6) * 10.0 ** np.arange(-9, 3, 2)
    crystal.calc = SinglePointCalculator(crystal, energy=-1.0, forces=np.zeros((8, 3)), stress=stress)
    label_files.write_labels(tmp_path / "labels.extxyz", [crystal])
    (again,) = label_files.read_labels(tmp_path / "labels.extxyz")
    np.testing.assert_array_equal(again.get_stress(), stress)
    assert again.info == {} and (again.get_forces() == 0).all()


def test_empty_batches(tmp_path):
    path = tmp_path / "batch_0.extxyz"
    label_files.write_labels(path, [])
    assert path.exists() and label_files.read_labels(path) == []
    label_files.write_failures(tmp_path / "failures.csv", [])
    assert (tmp_path / "failures.csv").read_text().strip() == "candidate,label_key,reason,message,seconds"
    assert label_files.read_failures(tmp_path / "failures.csv") == []


def test_failures_as_csv(tmp_path):
    rows = [
        {
            "candidate": "3_12",
            "label_key": "ab",
            "reason": "oracle_error",
            "message": 'died, "badly"\nå',
            "seconds": 0.1 + 0.2,
        }
    ]
    label_files.write_failures(tmp_path / "failures.csv", rows)
    assert label_files.read_failures(tmp_path / "failures.csv") == rows
