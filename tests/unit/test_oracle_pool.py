"""The pool: labels that were held back, found bit for bit, and nothing else."""

import numpy as np
import pytest
from ase.build import bulk, molecule
from ase.calculators.singlepoint import SinglePointCalculator
from ase.stress import full_3x3_to_voigt_6_stress

from ouroboros.frames import Frames
from ouroboros.label_store import label_key
from ouroboros.oracles import make_oracle
from ouroboros.reference import write_database


def labelled(atoms, energy, **info):
    atoms.calc = SinglePointCalculator(atoms, energy=energy, forces=np.full((len(atoms), 3), energy / 7))
    atoms.info.update(info)
    return atoms


def settings(path):
    return {"kind": "pool", "path": str(path), "reference": "sha256 of it", "level_of_theory": "PBE/def2-SVP"}


@pytest.fixture
def images():
    water = [molecule("H2O") for _ in range(3)]
    for seed, atoms in enumerate(water):
        atoms.rattle(0.1, seed=seed)
    return [labelled(atoms, -1 / 3 - i) for i, atoms in enumerate([*water, bulk("Cu", cubic=True)])]


@pytest.fixture
def oracle(tmp_path, images):
    write_database(tmp_path / "reference.db", Frames.from_atoms(images), {})
    return make_oracle(settings(tmp_path / "reference.db"))


def test_gives_back_each_label_bit_for_bit(oracle, images):
    for atoms in images:
        asked = atoms.copy()
        asked.info["candidate"] = "c"
        label = oracle.label(asked)
        assert label.converged and label.seconds == 0 and label.level_of_theory == "PBE/def2-SVP"
        assert label.energy == atoms.get_potential_energy()
        np.testing.assert_array_equal(label.forces, atoms.get_forces())


def test_gives_back_the_stress_where_the_reference_has_one(tmp_path, images):
    stress = np.arange(6) / 7
    images[3].calc.results["stress"] = stress
    write_database(tmp_path / "stress.db", Frames.from_atoms(images), {})
    oracle = make_oracle(settings(tmp_path / "stress.db"))
    assert oracle.label(images[0]).stress is None
    np.testing.assert_array_equal(full_3x3_to_voigt_6_stress(oracle.label(images[3]).stress), stress)


def test_labels_cannot_be_spoilt_by_who_got_them(oracle, images):
    oracle.label(images[0]).forces[:] = 0
    assert (oracle.label(images[0]).forces == images[0].get_forces()).all()


def test_minus_zero_is_zero(oracle, images):
    copper = images[3].copy()
    copper.positions[0, 0] = -0.0
    assert oracle.label(copper).converged


@pytest.mark.parametrize("change", ["position", "order", "cell", "pbc", "element"])
def test_what_is_not_in_the_pool_has_no_label(oracle, images, change):
    atoms = images[3].copy()
    if change == "position":
        atoms.positions[1, 1] = np.nextafter(atoms.positions[1, 1], 9)
    elif change == "order":
        atoms = atoms[[1, 0, 2, 3]]
    elif change == "cell":
        atoms.cell[0, 0] += 0.01
    elif change == "pbc":
        atoms.pbc = [True, True, False]
    else:
        atoms.numbers[0] = 28
    label = oracle.label(atoms)
    assert not label.converged and not label.reusable and np.isnan(label.forces).all()
    assert label.message == oracle.refusal(atoms) and "is not among the 4 structures of reference.db" in label.message


def test_charge_and_multiplicity_belong_to_a_structure(tmp_path):
    charges = (0, 1)
    images = [labelled(molecule("H2O"), -1.0 - q, charge=q, multiplicity=1 + q) for q in charges]
    write_database(tmp_path / "ions.db", Frames.from_atoms(images), {})
    oracle = make_oracle(settings(tmp_path / "ions.db"))
    assert [oracle.label(atoms).energy for atoms in images] == [-1.0, -2.0]
    assert oracle.label(molecule("H2O")).energy == -1.0  # as oracle.charge says
    assert make_oracle({**settings(tmp_path / "ions.db"), "charge": -1}).refusal(molecule("H2O"))


def test_the_identity_is_the_reference_and_not_its_place(tmp_path, oracle, images):
    (tmp_path / "elsewhere").mkdir()
    write_database(tmp_path / "elsewhere/other.db", Frames.from_atoms(images), {})
    moved = make_oracle(settings(tmp_path / "elsewhere/other.db"))
    assert moved.settings == oracle.settings and str(tmp_path) not in str(oracle.settings)
    assert label_key(images[0], moved.settings) == label_key(images[0], oracle.settings)
    other = make_oracle({**settings(tmp_path / "reference.db"), "reference": "another"})
    assert label_key(images[0], other.settings) != label_key(images[0], oracle.settings)


def test_a_pool_cannot_drive_dynamics(oracle):
    with pytest.raises(ValueError, match="cannot drive dynamics"):
        oracle.calculator()


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"path": ""}, "oracle.pool.path is missing"),
        ({"reference": ""}, "oracle.pool.reference is missing"),
        ({"level_of_theory": ""}, "oracle.pool.level_of_theory is missing"),
        ({"path": "nowhere/reference.db"}, "oracle.pool.path is 'nowhere/reference.db', where there is no database"),
        ({"paths": []}, "oracle.pool.paths is not a setting of the kind pool: did you mean path?"),
    ],
)
def test_bad_settings_in_one_sentence(tmp_path, oracle, change, sentence):
    with pytest.raises(ValueError) as error:
        make_oracle({**settings(tmp_path / "reference.db"), **change})
    assert sentence in str(error.value) and "\n" not in str(error.value)
