"""Stress of periodic cells in the user's files: every spelling of one tensor is read as ASE's, faults in a sentence."""

import ase.io
import numpy as np
import pytest
from ase import units
from ase.build import bulk, molecule
from ase.calculators.emt import EMT
from ase.calculators.singlepoint import SinglePointCalculator
from ase.stress import full_3x3_to_voigt_6_stress

from ouroboros.frames import Frames
from ouroboros.reference.importing import import_files
from ouroboros.reference.readers import read_source
from ouroboros.reference.stress_plausibility import doubtful_stress, work_of_stress
from ouroboros.units import STRESS_UNITS

ASKED = {
    "energy_key": "energy", "force_key": "forces", "energy_unit": "eV", "force_unit": "eV/A", "length_unit": "A",
}  # fmt: skip
TENSION = {"stress_key": "stress", "stress_unit": "eV/A^3", "stress_sign": "tension"}


def crystals(n=3):
    """Strained and rattled copper with the labels of EMT, and the stress of each, (n, 3, 3) eV/Å³."""
    rng, images = np.random.default_rng(0), []
    for i in range(n):
        atoms = bulk("Cu", cubic=True)
        atoms.set_cell(atoms.cell.array @ (np.eye(3) + rng.normal(scale=0.02, size=(3, 3))), scale_atoms=True)
        atoms.rattle(0.02, seed=i)
        atoms.calc = EMT()
        label = {"energy": atoms.get_potential_energy(), "forces": atoms.get_forces(), "stress": atoms.get_stress()}
        atoms.calc = SinglePointCalculator(atoms, **label)
        images.append(atoms)
    return images, np.array([atoms.get_stress(voigt=False) for atoms in images])


def test_the_units_are_those_of_ase():
    """1 GPa is 0.00624151 eV/Å³ (CODATA 2018, as `ase.units` up to its 2014 constants)."""
    known = {
        "GPa": units.GPa, "kbar": 1e8 * units.Pascal, "bar": units.bar, "meV/A^3": 1e-3, "eV/A^3": 1.0,
        "kcal/mol/A^3": units.kcal / units.mol, "kJ/mol/nm^3": units.kJ / units.mol / units.nm**3,
        "Hartree/Bohr^3": units.Hartree / units.Bohr**3, "Rydberg/Bohr^3": units.Rydberg / units.Bohr**3,
    }  # fmt: skip
    assert set(known) == set(STRESS_UNITS)
    for name, value in known.items():
        assert STRESS_UNITS[name] == pytest.approx(value, rel=1e-6), name


@pytest.mark.parametrize("suffix", ["extxyz", "traj", "db"])
def test_what_ase_itself_writes(tmp_path, suffix):
    images, stress = crystals()
    ase.io.write(tmp_path / f"cu.{suffix}", images)
    frames = read_source([tmp_path / f"cu.{suffix}"], **ASKED, **TENSION)
    np.testing.assert_allclose(frames.stress, stress, atol=1e-8)


@pytest.mark.parametrize("shape", ["rows", "nine", "six"])
@pytest.mark.parametrize(
    ("asked", "factor"),
    [
        ({"stress_key": "S", "stress_unit": "GPa", "stress_sign": "tension"}, 1 / units.GPa),
        ({"stress_key": "S", "stress_unit": "kbar", "stress_sign": "pressure"}, -10 / units.GPa),
        ({"virial_key": "S"}, None),
    ],
    ids=["stress in GPa", "pressure in kbar", "virial"],
)
def test_foreign_names_units_signs_and_shapes(tmp_path, shape, asked, factor):
    images, stress = crystals()
    for atoms, tensor in zip(images, stress, strict=True):
        theirs = tensor * (factor if factor else -atoms.get_volume())
        theirs = full_3x3_to_voigt_6_stress(theirs) if shape == "six" else theirs
        atoms.info["S"] = theirs.ravel() if shape == "nine" else theirs
        del atoms.calc.results["stress"]
    ase.io.write(tmp_path / "cu.extxyz", images)
    arrays = {
        "R": [a.positions for a in images], "z": images[0].numbers, "E": [a.get_potential_energy() for a in images],
        "F": [a.get_forces() for a in images], "S": [a.info["S"] for a in images], "lattice": images[0].cell.array.T,
    }  # fmt: skip
    np.testing.assert_allclose(read_source([tmp_path / "cu.extxyz"], **ASKED, **asked).stress, stress, atol=1e-7)
    np.savez(tmp_path / "cu.npz", **{name: np.array(values) for name, values in arrays.items()})
    found = read_source([tmp_path / "cu.npz"], **{**ASKED, "energy_key": "E", "force_key": "F"}, **asked).stress
    if "virial_key" in asked:  # an npz has one cell
        stress = stress * np.array([a.get_volume() / images[0].get_volume() for a in images])[:, None, None]
    np.testing.assert_allclose(found, stress, atol=1e-7)


def test_a_virial_of_lengths_in_bohr_takes_the_volume_in_cubic_angstroms(tmp_path):
    images, stress = crystals(1)
    atoms = images[0]
    atoms.info["virial"] = -stress[0] * atoms.get_volume() / units.Hartree
    atoms.set_cell(atoms.cell / units.Bohr, scale_atoms=True)
    ase.io.write(tmp_path / "cu.xyz", atoms, format="extxyz")
    asked = {**ASKED, "energy_unit": "Hartree", "length_unit": "Bohr", "virial_key": "virial"}
    np.testing.assert_allclose(read_source([tmp_path / "cu.xyz"], **asked).stress, stress, atol=1e-7)


@pytest.mark.parametrize("unit", ["eV/Ang/Ang/Ang", "GPa"])
def test_a_schnetpack_database_tells_its_unit(tmp_path, unit):
    from schnetpack.data import ASEAtomsData

    images, stress = crystals()
    factor = units.GPa if unit == "GPa" else 1.0
    data = ASEAtomsData.create(str(tmp_path / "cu.db"), "Ang", {"energy": "eV", "forces": "eV/Ang", "stress": unit})
    data.add_systems(
        [
            {"energy": np.array([0.0]), "forces": a.get_forces(), "stress": s[None] / factor}
            for a, s in zip(images, stress, strict=True)
        ],
        [a.copy() for a in images],
    )
    named = {**TENSION, "stress_unit": "GPa" if unit == "GPa" else "eV/A^3"}
    np.testing.assert_allclose(read_source([tmp_path / "cu.db"], **ASKED, **named).stress, stress, atol=1e-8)
    with pytest.raises(ValueError, match=r"the file itself says .*, but reference.files.stress_unit is 'kbar'"):
        read_source([tmp_path / "cu.db"], **ASKED, **{**TENSION, "stress_unit": "kbar"})


def test_frames_without_stress_are_nan_beside_those_with_one(tmp_path):
    images, stress = crystals()
    del images[1].calc.results["stress"]
    water = molecule("H2O")
    water.calc = SinglePointCalculator(water, energy=0.0, forces=np.zeros((3, 3)), stress=np.zeros(6))
    ase.io.write(tmp_path / "cu.extxyz", images)
    ase.io.write(tmp_path / "water.traj", water)
    frames = read_source([tmp_path / "cu.extxyz", tmp_path / "water.traj"], **ASKED, **TENSION)
    assert frames.has_stress.tolist() == [True, False, True, False]  # zeros of a molecule are no label
    np.testing.assert_allclose(frames.stress[[0, 2]], stress[[0, 2]], atol=1e-8)
    assert np.isfinite(frames.energy).all()


def test_stress_that_nobody_names_is_not_read(tmp_path):
    ase.io.write(tmp_path / "cu.extxyz", crystals()[0])
    assert not read_source([tmp_path / "cu.extxyz"], **ASKED).has_stress.any()


@pytest.mark.parametrize(("sign", "doubt"), [("tension", False), ("pressure", True)])
def test_the_record_tells_what_was_read_and_where_it_is_doubtful(tmp_path, sign, doubt):
    ase.io.write(tmp_path / "cu.extxyz", crystals(12)[0])
    settings = ASKED | {
        "format": None, "positions_key": "R", "numbers_key": "z", "columns": {}, "virial_key": None, **TENSION,
        "stress_sign": sign,
        "accept_units": False, "level_of_theory": "EMT", "licence": "CC0", "citation": "none",
    }  # fmt: skip
    frames, record = import_files([str(tmp_path / "cu.extxyz")], settings)
    assert frames.has_stress.all()
    told = {**TENSION, "stress_sign": sign}
    assert record["converted_from"].items() >= told.items() and "virial_key" not in record["converted_from"]
    assert ("stress_doubt" in record) == doubt


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ("molecule", ["mine.extxyz", "reference.files.stress_key names 'S'", "a molecule has no stress"]),
        ("shape", ["mine.extxyz", "'S' has the shape (4,)", "xx, yy, zz, yz, xz, xy", "reference.files.stress_key"]),
        ("flat", ["mine.extxyz", "'S' has the shape (2, 3)"]),
        ("crooked", ["mine.extxyz", "'S' of frame 1 is not symmetric", "0.5 eV/Å³", "reference.files.stress_key"]),
        ("missing", ["mine.extxyz", "no frame has 'S'", "reference.files.stress_key", "virial_S"]),
        ("unit", ["reference.files.stress_unit is 'Pa'", "GPa, kbar"]),
        ("no unit", ["reference.files.stress_unit is None", "GPa, kbar"]),
        ("no sign", ["reference.files.stress_sign is None", "tension, pressure"]),
    ],
)
def test_every_fault_is_one_sentence(tmp_path, fault, words):
    images, stress = crystals()
    asked = {**TENSION, "stress_key": "S"}
    for i, atoms in enumerate(images):
        atoms.info["S"] = stress[i]
        if fault == "molecule":
            atoms.pbc = False
        if fault == "shape":
            atoms.info["S"] = np.zeros(4)
        if fault == "flat":
            atoms.info["S"] = np.zeros((2, 3))
        if fault == "crooked" and i == 1:
            atoms.info["S"] = stress[i] + [[0, 0.5, 0], [0, 0, 0], [0, 0, 0]]
        if fault == "missing":
            atoms.info["virial_S"] = atoms.info.pop("S")
    asked |= {"unit": {"stress_unit": "Pa"}, "no unit": {"stress_unit": None}, "no sign": {"stress_sign": None}}.get(
        fault, {}
    )
    ase.io.write(tmp_path / "mine.extxyz", images)
    with pytest.raises(ValueError) as error:
        read_source([tmp_path / "mine.extxyz"], **ASKED, **asked)
    assert all(word in str(error.value) for word in words), str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("rattle", [0.0, 0.03])
def test_the_energy_tells_a_stress_of_the_wrong_sign_or_unit(rattle):
    images = []
    for i in range(12):
        atoms = bulk("Al") * (2, 1, 1)
        strain = np.random.default_rng(i).normal(scale=0.02, size=(3, 3))
        atoms.set_cell(atoms.cell.array @ (np.eye(3) + strain), scale_atoms=True)
        atoms.rattle(rattle, seed=i)
        atoms.positions += atoms.cell.array[i % 3] * (i % 2)  # whole vectors of the cell change nothing
        atoms.calc = EMT()
        atoms.get_stress()
        images.append(atoms)
    frames = Frames.from_atoms(images)
    assert work_of_stress(frames) == pytest.approx(1, abs=0.1) and doubtful_stress(frames) == ""
    turned, of_kbar = (Frames(**{**vars(frames), "stress": frames.stress * factor}) for factor in (-1, 10))
    assert "stress_sign" in doubtful_stress(turned) and "-1" in doubtful_stress(turned)
    assert "stress_unit" in doubtful_stress(of_kbar) and work_of_stress(of_kbar) == pytest.approx(0.1, abs=0.01)


def test_frames_of_one_cell_tell_nothing_of_the_stress():
    images, _ = crystals(12)
    for atoms in images:
        atoms.set_cell(images[0].cell)
    assert np.isnan(work_of_stress(Frames.from_atoms(images))) and doubtful_stress(Frames.from_atoms(images)) == ""
    assert doubtful_stress(Frames.from_atoms([])) == ""
