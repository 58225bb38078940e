"""Imported frames: columns that mean something are what they have to be, and the record tells where they are from."""

import ase.io
import numpy as np
import pytest
from ase.build import molecule
from ase.calculators.singlepoint import SinglePointCalculator

from ouroboros.frames import Frames
from ouroboros.oracles import make_oracle
from ouroboros.reference.importing import import_files, import_published

SETTINGS = {
    "format": None,
    "energy_key": "energy",
    "force_key": "forces",
    "positions_key": "R",
    "numbers_key": "z",
    "stress_key": None,
    "stress_unit": None,
    "stress_sign": None,
    "virial_key": None,
    "energy_unit": "eV",
    "force_unit": "eV/A",
    "length_unit": "A",
    "columns": {},
    "accept_units": False,
    "level_of_theory": "GFN2-xTB",
    "licence": "CC0",
    "citation": "Somebody 2020",
}


def write(path, **info):
    oracle, images = make_oracle({"kind": "xtb"}), []
    for i in range(6):
        atoms = molecule("H2O")
        atoms.rattle(0.05, seed=i)
        label = oracle.label(atoms)
        atoms.calc = SinglePointCalculator(atoms, energy=label.energy, forces=label.forces)
        atoms.info = {name: values[i] for name, values in info.items()}
        images.append(atoms)
    ase.io.write(path, images)
    return [str(path)]


def test_the_record_tells_files_hashes_units_and_what_the_user_said(tmp_path):
    paths = write(tmp_path / "mine.extxyz")
    frames, record = import_files(paths, SETTINGS)
    assert len(frames) == 6
    assert record["level_of_theory"] == "GFN2-xTB" and record["licence"] == "CC0"
    assert record["converted_from"] == {"energy_unit": "eV", "force_unit": "eV/A", "length_unit": "A"}
    assert list(record["sha256"]) == paths and len(record["sha256"][paths[0]]) == 64


def test_units_that_do_not_fit_are_refused_unless_the_user_insists(tmp_path):
    paths, wrong = write(tmp_path / "mine.extxyz"), {"energy_unit": "Hartree", "force_unit": "Hartree/Bohr"}
    with pytest.raises(ValueError, match="energy_unit eV with force_unit eV/A would fit better"):
        import_files(paths, {**SETTINGS, **wrong})
    assert len(import_files(paths, {**SETTINGS, **wrong, "accept_units": True})[0]) == 6


def test_columns_come_in_their_types(tmp_path):
    paths = write(tmp_path / "mine.extxyz", T=[300] * 6, q=[0.0, 1.0] * 3)
    frames, _ = import_files(paths, {**SETTINGS, "columns": {"temperature_K": "T", "charge": "q"}})
    assert frames.columns["temperature_K"].dtype == float and frames.columns["charge"].dtype == int


@pytest.mark.parametrize(
    ("name", "values", "words"),
    [
        ("temperature_K", ["300K"] * 6, ["frame 0", "temperature_K 300K", "no number"]),
        ("temperature_K", [300.0, 300.0, float("nan"), 1.0, 1.0, 1.0], ["frame 2", "temperature_K nan"]),
        ("charge", [0.0, 0.5, 0.0, 0.0, 0.0, 0.0], ["frame 1", "charge 0.5", "no whole number"]),
    ],
)
def test_values_that_mean_nothing_are_refused_before_anything_is_trained(tmp_path, name, values, words):
    paths = write(tmp_path / "mine.extxyz", key=values)
    with pytest.raises(ValueError) as error:
        import_files(paths, {**SETTINGS, "columns": {name: "key"}})
    assert all(word in str(error.value) for word in ["mine.extxyz", *words, "reference.files.columns"])


def test_a_charge_that_nobody_named_is_not_ignored(tmp_path):
    paths = write(tmp_path / "mine.extxyz", charge=[0, 0, 1, 0, 0, 0])
    with pytest.raises(ValueError, match=r"charge 1, which would be ignored: add charge: charge to"):
        import_files(paths, SETTINGS)
    import_files(write(tmp_path / "neutral.extxyz", charge=[0] * 6, multiplicity=[1] * 6), SETTINGS)


def test_rmd17_knows_its_temperature_and_its_time(tmp_path):
    rng = np.random.default_rng(0)
    np.savez(
        tmp_path / "rmd17_ethanol.npz",
        nuclear_charges=np.array([8, 1, 1], dtype=np.uint8),
        coords=molecule("H2O").positions + rng.normal(scale=0.05, size=(4, 3, 3)),
        energies=np.full(4, -97080.0),
        forces=rng.normal(size=(4, 3, 3)),
        old_indices=np.array([7, 3, 100, 0]),
    )
    told = {"dataset": "rmd17", "molecule": "ethanol", "url": "file:///x", "sha256": "0" * 64}
    frames, record = import_published(str(tmp_path / "rmd17_ethanol.npz"), told)
    assert frames.columns["time_fs"].tolist() == [3.5, 1.5, 50.0, 0.0]
    assert (frames.columns["temperature_K"] == 500).all()
    assert frames.energy[0] == pytest.approx(-4209.787, abs=1e-3)
    assert record["sha256"] == "0" * 64 and "PBE/def2-SVP" in record["level_of_theory"]


def test_a_checksum_is_of_structures_and_labels(tmp_path):
    frames, _ = import_files(write(tmp_path / "mine.extxyz"), SETTINGS)
    same = Frames(**frames.__dict__)
    assert same.checksum() == frames.checksum()
    other = Frames(**{**frames.__dict__, "forces": frames.forces * (1 + 1e-15)})
    assert other.checksum() != frames.checksum()
