"""Readers: every format, under foreign names and in foreign units, gives the same frames; a fault is one sentence."""

import sqlite3

import ase.db
import ase.io
import numpy as np
import pytest
from ase.build import bulk, molecule
from ase.calculators.singlepoint import SinglePointCalculator

from ouroboros.reference import read_database, write_database
from ouroboros.reference.readers import read_source
from ouroboros.units import BOHR_IN_A, ENERGY_UNITS, FORCE_UNITS, HARTREE_IN_EV, KCAL_PER_MOL_IN_EV

EV = {"energy_unit": "eV", "force_unit": "eV/A", "length_unit": "A"}
REF = {"energy_key": "REF_energy", "force_key": "REF_forces", **EV}


def images(names=("H2O", "CH4", "CH3CH2OH"), seed=0):
    """Structures with any energies and forces, under REF_ names."""
    rng, made = np.random.default_rng(seed), []
    for i, name in enumerate(names):
        atoms = bulk("Si", cubic=True) if name == "Si" else molecule(name)
        atoms.info.update(
            REF_energy=float(rng.normal(scale=1000)), T=300.0 + i, run=i, total_charge=i % 2, kind=f"k{i}"
        )
        atoms.arrays["REF_forces"] = rng.normal(size=(len(atoms), 3))
        made.append(atoms)
    return made


def standard(atoms):
    """The same with ASE's own calculator results."""
    plain = atoms.copy()
    forces = plain.arrays.pop("REF_forces")
    plain.calc = SinglePointCalculator(plain, energy=plain.info.pop("REF_energy"), forces=forces)
    return plain


def same(frames, expected, atol=0.0):
    assert len(frames) == len(expected)
    np.testing.assert_array_equal(frames.n_atoms, [len(a) for a in expected])
    np.testing.assert_array_equal(frames.numbers, np.concatenate([a.numbers for a in expected]))
    np.testing.assert_array_equal(frames.pbc, [a.pbc for a in expected])
    for found, wanted in (
        (frames.positions, np.concatenate([a.positions for a in expected])),
        (frames.cell, np.array([a.cell.array for a in expected])),
        (frames.energy, np.array([a.info["REF_energy"] for a in expected])),
        (frames.forces, np.concatenate([a.arrays["REF_forces"] for a in expected])),
    ):
        np.testing.assert_allclose(found, wanted, rtol=1e-14, atol=atol)


def test_extended_xyz_under_foreign_names(tmp_path):
    made = images(("H2O", "Si", "CH3CH2OH"))
    ase.io.write(tmp_path / "mine.xyz", made, format="extxyz")
    columns = {"temperature_K": "T", "trajectory": "run", "charge": "total_charge", "kind": "kind"}
    frames = read_source([tmp_path / "mine.xyz"], **REF, columns=columns)
    same(frames, made, atol=1e-8)  # ASE writes eight decimals
    np.testing.assert_array_equal(frames.columns["temperature_K"], [300, 301, 302])
    np.testing.assert_array_equal(frames.columns["charge"], [0, 1, 0])
    assert frames.columns["kind"].tolist() == ["k0", "k1", "k2"]
    assert set(frames.columns["source"]) == {"mine.xyz"} and frames.columns["raw_index"].tolist() == [0, 1, 2]


@pytest.mark.parametrize("suffix", ["extxyz", "traj", "db"])
def test_what_ase_itself_writes(tmp_path, suffix):
    made = images(("H2O", "Si", "CH3CH2OH"))
    ase.io.write(tmp_path / f"mine.{suffix}", [standard(atoms) for atoms in made])
    frames = read_source([tmp_path / f"mine.{suffix}"], energy_key="energy", force_key="forces", **EV)
    same(frames, made, atol=1e-8)


def test_ase_database_with_keys_of_its_own(tmp_path):
    made = images()
    with ase.db.connect(tmp_path / "mine.db") as database:
        for atoms in made:
            bare = atoms.copy()
            bare.info, forces = {}, bare.arrays.pop("REF_forces")
            pairs = {"REF_energy": atoms.info["REF_energy"], "charge": atoms.info["total_charge"]}
            database.write(bare, key_value_pairs=pairs, data={"REF_forces": forces})
    frames = read_source([tmp_path / "mine.db"], **REF, columns={"charge": "charge"})
    same(frames, made)
    np.testing.assert_array_equal(frames.columns["charge"], [0, 1, 0])  # which ASE's rows give as 0.0


def schnetpack(path, made, energy="kcal/mol", forces="kcal/mol/Ang"):
    from schnetpack.data import ASEAtomsData

    data = ASEAtomsData.create(str(path), "Ang", {"energy": energy, "forces": forces})
    factor = KCAL_PER_MOL_IN_EV if energy == "kcal/mol" else 1.0
    properties = [
        {"energy": np.array([a.info["REF_energy"] / factor]), "forces": a.arrays["REF_forces"] / factor} for a in made
    ]
    data.add_systems(properties, [a.copy() for a in made])


def test_schnetpack_database_tells_its_units(tmp_path):
    made, path = images(), tmp_path / "spk.db"
    schnetpack(path, made)
    named = {"energy_key": "energy", "force_key": "forces", "length_unit": "A"}
    frames = read_source([path], **named, energy_unit="kcal/mol", force_unit="kcal/mol/A")
    same(frames, made, atol=1e-12)
    with pytest.raises(
        ValueError, match=r"spk.db: the file itself says kcal/mol, but reference.files.energy_unit is 'eV'"
    ):
        read_source([path], **named, energy_unit="eV", force_unit="kcal/mol/A")


@pytest.mark.parametrize(
    "keys",
    [
        {"energy_key": "E", "force_key": "F", "positions_key": "R", "numbers_key": "z"},
        {
            "energy_key": "energies",
            "force_key": "forces",
            "positions_key": "coords",
            "numbers_key": "nuclear_charges",
        },
    ],
)
def test_npz_of_sgdml_and_of_rmd17(tmp_path, keys):
    made = images(["CH3CH2OH"] * 5)
    arrays = {
        keys["energy_key"]: np.array([[a.info["REF_energy"]] for a in made]) / KCAL_PER_MOL_IN_EV,
        keys["force_key"]: np.array([a.arrays["REF_forces"] for a in made]) / KCAL_PER_MOL_IN_EV,
        keys["positions_key"]: np.array([a.positions for a in made]),
        keys["numbers_key"]: made[0].numbers.astype(np.uint8),
        "old_indices": np.arange(5) * 7,
    }
    np.savez(tmp_path / "set.npz", **arrays)
    units = {"energy_unit": "kcal/mol", "force_unit": "kcal/mol/A", "length_unit": "A"}
    frames = read_source([tmp_path / "set.npz"], **keys, **units, columns={"md17_index": "old_indices"})
    same(frames, made, atol=1e-12)
    assert frames.columns["md17_index"].tolist() == [0, 7, 14, 21, 28]
    assert frames.numbers.dtype == np.int64


def test_a_lattice_of_sgdml_holds_its_vectors_in_columns(tmp_path):
    atoms = bulk("Si")
    atoms.rattle(0.1, seed=1)
    np.savez(
        tmp_path / "si.npz",
        R=atoms.positions[None],
        z=atoms.numbers,
        E=np.zeros(1),
        F=np.zeros((1, 2, 3)),
        lattice=atoms.cell.array.T,
    )
    frames = read_source([tmp_path / "si.npz"], energy_key="E", force_key="F", **EV)
    np.testing.assert_array_equal(frames.cell[0], atoms.cell.array)
    assert frames.pbc.all()


def test_units_are_converted_once_and_right(tmp_path):
    """One eV is 23.0605 kcal/mol (CODATA); at −97,080 kcal/mol the eighth digit is 1 meV."""
    assert pytest.approx(23.060547830619, rel=1e-9) == 1 / KCAL_PER_MOL_IN_EV
    assert pytest.approx(-4209.787, abs=1e-3) == -97080 * KCAL_PER_MOL_IN_EV
    assert pytest.approx(27.211386245988, rel=1e-10) == HARTREE_IN_EV
    assert pytest.approx(0.529177210903, rel=1e-8) == BOHR_IN_A
    for energy in ("eV", "meV", "kcal/mol", "kJ/mol"):
        assert FORCE_UNITS[f"{energy}/A"] == pytest.approx(ENERGY_UNITS[energy], rel=1e-14)
    made = images()
    for atoms in made:
        atoms.positions /= BOHR_IN_A
        atoms.info["REF_energy"] /= HARTREE_IN_EV
        atoms.arrays["REF_forces"] /= HARTREE_IN_EV / BOHR_IN_A
    ase.io.write(tmp_path / "au.xyz", made, format="extxyz")
    units = {"energy_unit": "Hartree", "force_unit": "Hartree/Bohr", "length_unit": "Bohr"}
    frames = read_source([tmp_path / "au.xyz"], energy_key="REF_energy", force_key="REF_forces", **units)
    same(frames, images(), atol=1e-6)


def test_several_files_follow_one_another(tmp_path):
    made = images()
    ase.io.write(tmp_path / "a.xyz", made[:1], format="extxyz")
    ase.io.write(tmp_path / "b.extxyz", made[1:])
    frames = read_source([tmp_path / "a.xyz", tmp_path / "b.extxyz"], **REF)
    same(frames, made, atol=1e-8)
    assert frames.columns["source"].tolist() == ["a.xyz", "b.extxyz", "b.extxyz"]
    assert frames.columns["raw_index"].tolist() == [0, 1, 2]


def test_a_frame_without_labels_is_nan_for_curation_to_count(tmp_path):
    made = images()
    del made[1].info["REF_energy"], made[2].arrays["REF_forces"]
    ase.io.write(tmp_path / "mine.xyz", made, format="extxyz")
    frames = read_source([tmp_path / "mine.xyz"], **REF)
    np.testing.assert_array_equal(np.isnan(frames.energy), [False, True, False])
    assert np.isnan(frames.forces[-9:]).all() and np.isfinite(frames.forces[:8]).all()


def broken(tmp_path, what):
    """A file with one fault, and what is asked of it."""
    path, asked = tmp_path / "mine.xyz", dict(REF)
    made = images()
    if what == "column missing":
        del made[0].info["T"]
    ase.io.write(path, made, format="extxyz")
    arrays = {"E": np.zeros(2), "F": np.zeros((2, 3, 3)), "R": np.zeros((2, 3, 3)), "z": np.array([8, 1, 1])}
    sgdml = {"energy_key": "E", "force_key": "F", **EV}
    match what:
        case "no file":
            return tmp_path / "nowhere.xyz", asked
        case "suffix":
            return path.rename(tmp_path / "mine.dat"), asked
        case "energy key":
            asked["energy_key"] = "energy"
        case "force key":
            asked["force_key"] = "REF_force"
        case "column":
            asked["columns"] = {"temperature_K": "temp"}
        case "column missing":
            asked["columns"] = {"temperature_K": "T"}
        case "column of arrays":
            asked["columns"] = {"temperature_K": "REF_forces"}
        case "unit":
            asked["energy_unit"] = "kcal"
        case "empty":
            path.write_text("")
        case "text":
            path.write_text("these are my notes\nand more\n")
        case "cut":
            path.write_text(path.read_text()[:-200])
        case "not a database":
            path = tmp_path / "mine.db"
            path.write_text("no database")
        case "not an npz":
            path = tmp_path / "mine.npz"
            path.write_text("no npz")
        case "npz shape":
            path, asked = tmp_path / "mine.npz", sgdml
            np.savez(path, **arrays | {"F": np.zeros((2, 4, 3))})
        case "npz energies":
            path, asked = tmp_path / "mine.npz", sgdml
            np.savez(path, **arrays | {"E": np.zeros(3)})
        case "npz key":
            path, asked = tmp_path / "mine.npz", sgdml
            np.savez(path, **{name: array for name, array in arrays.items() if name != "z"})
        case "npz pickle":
            path, asked = tmp_path / "mine.npz", sgdml
            np.savez(path, **arrays | {"E": np.array([{}, {}], dtype=object)})
        case "npz energies in a row":
            path, asked = tmp_path / "mine.npz", sgdml
            np.savez(path, **arrays | {"E": np.zeros((1, 2))})
        case "npz complex":
            path, asked = tmp_path / "mine.npz", sgdml
            np.savez(path, **arrays | {"E": np.zeros(2, complex)})
        case "npz numbers":
            path, asked = tmp_path / "mine.npz", sgdml
            np.savez(path, **arrays | {"z": np.array([8.5, 1, 1])})
        case "npz compositions":
            path, asked = tmp_path / "mine.npz", sgdml
            np.savez(path, **arrays | {"z": np.array([[8, 1, 1], [1, 1, 8]])})
        case "npz lattice":
            path, asked = tmp_path / "mine.npz", sgdml
            np.savez(path, **arrays, lattice=np.zeros((3, 3)))
        case "format":
            asked["format"] = "vasp"
        case "column name":
            asked["columns"] = {"T (K)": "T"}
        case "own column":
            asked["columns"] = {"source": "T"}
        case "words and numbers":
            made[0].info["T"] = "hot"
            ase.io.write(path, made, format="extxyz")
            asked["columns"] = {"kind": "T"}
        case "energy is an array":
            asked["energy_key"] = "REF_forces"
    return path, asked


@pytest.mark.parametrize(
    ("what", "words"),
    [
        ("no file", ["there is no file", "nowhere.xyz", "reference.files.paths"]),
        ("suffix", ["mine.dat ends in .dat", "reference.files.format", "extxyz, traj, db, npz"]),
        ("energy key", ["mine.xyz: no frame has 'energy'", "reference.files.energy_key", "REF_energy"]),
        ("force key", ["no frame has 'REF_force'", "reference.files.force_key", "did you mean REF_forces"]),
        ("column", ["no frame has 'temp'", "reference.files.columns"]),
        ("column missing", ["1 of 3 frames have no 'T'", "reference.files.columns"]),
        ("column of arrays", ["'REF_forces' is not one number or word a frame"]),
        ("unit", ["reference.files.energy_unit is 'kcal'", "kcal/mol"]),
        ("empty", ["mine.xyz holds no frames"]),
        ("text", ["mine.xyz cannot be read as extxyz"]),
        ("cut", ["mine.xyz cannot be read as extxyz"]),
        ("not a database", ["mine.db cannot be read as db"]),
        ("not an npz", ["mine.npz: it is not an npz file"]),
        ("npz shape", ["'F' has the shape (2, 4, 3)", "(2, 3, 3) is right", "reference.files.force_key"]),
        ("npz energies", ["'E' has the shape (3,)", "(2,) is right", "reference.files.energy_key"]),
        ("npz key", ["no frame has 'z'", "reference.files.numbers_key", "E, F, R"]),
        ("npz pickle", ["mine.npz: 'E' is not a plain array but pickled"]),
        ("npz energies in a row", ["'E' has the shape (1, 2)", "(2,) is right"]),
        ("npz complex", ["'E' holds complex128", "reference.files.energy_key"]),
        ("npz numbers", ["'z' holds what is no atomic number", "reference.files.numbers_key"]),
        ("npz compositions", ["'z' has the shape (2, 3)", "one composition"]),
        ("npz lattice", ["'lattice'", "three independent cell vectors"]),
        ("format", ["reference.files.format is 'vasp'", "extxyz, traj, db, npz"]),
        ("column name", ["reference.files.columns names a column 'T (K)'", "call it otherwise"]),
        ("own column", ["reference.files.columns names a column 'source'", "always is in the set"]),
        ("words and numbers", ["column 'kind' has the word '301.0'", "take for a number"]),
        ("energy is an array", ["'REF_forces' has the shape (3, 3)", "an energy is one number"]),
    ],
)
def test_every_fault_is_one_sentence(tmp_path, what, words):
    path, asked = broken(tmp_path, what)
    with pytest.raises(ValueError) as error:
        read_source([path], **asked)
    assert all(word in str(error.value) for word in words), str(error.value)
    assert "\n" not in str(error.value)
    print(f"{what}: {str(error.value).replace(str(tmp_path) + '/', '')}")  # shown by pytest -rP


def test_no_files_at_all():
    with pytest.raises(ValueError, match=r"reference.files.paths is empty"):
        read_source([], **REF)


@pytest.mark.parametrize("what", ["empty", "foreign"])
def test_a_file_of_the_user_is_never_written_to(tmp_path, what):
    """ASE makes its tables in whatever it opens."""
    path = tmp_path / "mine.db"
    path.touch()
    if what == "foreign":
        with sqlite3.connect(path) as database:
            database.execute("CREATE TABLE mine (x)")
        database.close()
    before = path.read_bytes()
    with pytest.raises(ValueError, match=r"holds no frames|of another program"):
        read_source([path], **REF)
    assert path.read_bytes() == before and [p.name for p in tmp_path.iterdir()] == ["mine.db"]


def test_names_of_files_do_not_matter_where_the_format_is_given(tmp_path):
    made = images()
    ase.io.write(tmp_path / "mine.XYZ", made, format="extxyz")
    same(read_source([tmp_path / "mine.XYZ"], **REF), made, atol=1e-8)
    ase.io.write(tmp_path / "mine.db", [standard(atoms) for atoms in made])
    (tmp_path / "mine.db").rename(tmp_path / "mine.json")
    frames = read_source([tmp_path / "mine.json"], format="db", energy_key="energy", force_key="forces", **EV)
    same(frames, made, atol=1e-8)


@pytest.mark.parametrize(
    ("energy", "forces", "said"),
    [
        ("Ha", "Ha/Bohr", ("Hartree", "Hartree/Bohr")),
        ("Hartree", "Hartree/a0", ("Hartree", "Hartree/Bohr")),
        ("kcal / mol", "kcal / mol / Angstrom", ("kcal/mol", "kcal/mol/A")),
        ("kcal/mol", "kcal/Ang/mol", ("kcal/mol", "kcal/mol/A")),
    ],
)
def test_schnetpack_units_count_however_they_are_spelt(tmp_path, energy, forces, said):
    path = tmp_path / "spk.db"
    schnetpack(path, images(), energy, forces)
    named = {"energy_key": "energy", "force_key": "forces", "length_unit": "A"}
    assert len(read_source([path], **named, energy_unit=said[0], force_unit=said[1])) == 3
    with pytest.raises(ValueError, match=r"the file itself says .*, but reference.files.force_unit is 'eV/Bohr'"):
        read_source([path], **named, energy_unit=said[0], force_unit="eV/Bohr")


def test_words_stored_as_bytes_become_columns_that_a_database_holds(tmp_path):
    arrays = {"E": np.zeros(2), "F": np.zeros((2, 3, 3)), "R": np.zeros((2, 3, 3)), "z": np.array([[8, 1, 1]] * 2)}
    np.savez(tmp_path / "set.npz", **arrays, run=np.array([[b"hot"], [b"cold"]]))
    frames = read_source([tmp_path / "set.npz"], energy_key="E", force_key="F", **EV, columns={"run": "run"})
    write_database(tmp_path / "reference.db", frames, {})
    assert read_database(tmp_path / "reference.db").columns["run"].tolist() == ["hot", "cold"]
    assert frames.numbers.tolist() == [8, 1, 1, 8, 1, 1]
