"""The label store: nothing paid for is lost, nothing broken is believed."""

import json
import logging
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from ase.build import bulk, molecule

from ouroboros.label_store import LabelStore, label_key
from ouroboros.oracles import Label

SETTINGS = {"kind": "xtb", "charge": 0, "multiplicity": 1, "accuracy": 1.0, "version": "tblite 0.8.0"}


@pytest.fixture
def water():
    atoms = molecule("H2O")
    atoms.rattle(0.1, seed=1)
    return atoms


@pytest.fixture
def label():
    forces = np.random.default_rng(0).normal(size=(3, 3)) / 3
    return Label(-137.96777625229421, forces, True, "GFN2-xTB", 0.1 + 0.2)


def test_key_is_exact_and_stable(water):
    key = label_key(water, SETTINGS)
    assert label_key(molecule("H2O"), SETTINGS) == "ec9b45d05106e018b7646c31af614a104cdf9b35e649f4b50d53dca464d524f1"
    same = water.copy()
    same.info["candidate"], same.positions[0, 0] = "x", water.positions[0, 0]
    same.set_velocities(np.ones((3, 3)))
    assert label_key(same, dict(reversed(SETTINGS.items()))) == key
    others = [water.copy() for _ in range(4)]
    others[0].positions[1, 2] = np.nextafter(others[0].positions[1, 2], 1)
    others[1].cell = [9, 9, 9]
    others[2].pbc = True
    others[3].numbers[0] = 16
    keys = {label_key(other, SETTINGS) for other in others}
    keys |= {label_key(water, {**SETTINGS, name: value}) for name, value in [("charge", 1), ("version", "tblite 1")]}
    keys.add(label_key(water[[0, 2, 1]], SETTINGS))
    assert len(keys | {key}) == 8


def test_minus_zero_is_zero(water):
    water.positions[0, 0] = 0.0
    other = water.copy()
    other.positions[0, 0] = -0.0
    assert label_key(other, SETTINGS) == label_key(water, SETTINGS)


def test_labels_come_back_bit_for_bit(tmp_path, water, label):
    store, key = LabelStore(tmp_path / "labels"), label_key(water, SETTINGS)
    assert store.get(key) is None
    store.put(key, water, label, SETTINGS)
    stored = LabelStore(tmp_path / "labels").get(key)
    np.testing.assert_array_equal(stored.forces, label.forces)
    assert {**vars(stored), "forces": 0} == {**vars(label), "forces": 0}
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == [f"{key}.json"]


def test_a_person_can_read_the_file(tmp_path, water, label):
    store, key = LabelStore(tmp_path), label_key(water, SETTINGS)
    store.put(key, water, label, SETTINGS)
    text = (tmp_path / key[:2] / f"{key}.json").read_text()
    record = json.loads(text)
    assert len(text.splitlines()) < 35  # one atom a line
    assert record["oracle"] == SETTINGS and record["symbols"] == ["O", "H", "H"]
    assert record["energy_eV"] == label.energy and record["positions_A"] == water.positions.tolist()
    assert record["created_utc"].endswith("+00:00")


def test_periodic_structures_and_missing_values(tmp_path, label):
    atoms, store = bulk("Si"), LabelStore(tmp_path)
    key = label_key(atoms, SETTINGS)
    store.put(key, atoms, Label.failed(2, "PBE", 3.0, "SCF not converged", reusable=True), SETTINGS)
    stored = store.get(key)
    assert not stored.converged and stored.message == "SCF not converged" and stored.seconds == 3.0
    assert np.isnan(stored.energy) and np.isnan(stored.forces).all() and stored.forces.shape == (2, 3)


def test_stress_comes_back_bit_for_bit(tmp_path, water, label):
    crystal, store = bulk("Si"), LabelStore(tmp_path)
    key = label_key(crystal, SETTINGS)
    stress = np.random.default_rng(3).normal(size=(3, 3))
    store.put(key, crystal, Label(-1.0, np.zeros((2, 3)), True, "PBE", 1.0, stress=stress), SETTINGS)
    np.testing.assert_array_equal(store.get(key).stress, stress)


def test_labels_without_stress_are_written_as_they_were_before_there_was_any(tmp_path, water, label):
    """So that those which a store has from then are found and sound."""
    store, key = LabelStore(tmp_path), label_key(water, SETTINGS)
    store.put(key, water, label, SETTINGS)
    assert list(json.loads(store.path(key).read_text())) == [
        "format", "key", "created_utc", "level_of_theory", "oracle", "seconds", "converged", "message", "energy_eV",
        "symbols", "positions_A", "cell_A", "pbc", "forces_eV_per_A", "checksum",
    ]  # fmt: skip
    assert store.get(key).stress is None


def test_which_failures_are_kept(tmp_path, water, label):
    store, key = LabelStore(tmp_path), label_key(water, SETTINGS)
    unconverged = Label.failed(3, "PBE", 1.0, "SCF not converged", reusable=True)
    store.put(key, water, Label.failed(3, "PBE", 1.0, "killed: out of memory", reusable=False), SETTINGS)
    assert store.get(key) is None
    store.put(key, water, unconverged, SETTINGS)
    assert store.get(key).message == "SCF not converged"
    store.put(key, water, label, SETTINGS)  # a label replaces a failure,
    store.put(key, water, unconverged, SETTINGS)  # never the other way round
    assert store.get(key).converged


@pytest.mark.parametrize("damage", ["cut", "empty", "edited", "text", "moved", "binary"])
def test_broken_files_are_set_aside(tmp_path, water, label, damage, caplog):
    store, key = LabelStore(tmp_path), label_key(water, SETTINGS)
    store.put(key, water, label, SETTINGS)
    path = store.path(key)
    content = path.read_bytes()
    if damage == "moved":
        key = key[:2] + "0" * 62
        path.rename(store.path(key))
        path = store.path(key)
    else:
        path.write_bytes(
            {
                "cut": content[: len(content) // 2],
                "empty": b"",
                "edited": content.replace(b"-137.9", b"-138.9"),
                "text": b"[1, 2]",
                "binary": b"\xff\x00" * 100,
            }[damage]
        )
    with caplog.at_level(logging.WARNING):
        assert store.get(key) is None
    assert "set aside" in caplog.text
    assert path.with_name(f"{key}.json.broken").exists() and not path.exists()
    store.put(key, water, label, SETTINGS)
    assert store.get(key).energy == label.energy


def test_a_place_that_was_mended_meanwhile_is_believed(tmp_path, water, label):
    """Two readers meet a broken file; the slower one must not take away what the quicker one has put there."""
    store, key = LabelStore(tmp_path), label_key(water, SETTINGS)
    store.put(key, water, label, SETTINGS)
    mended = store._set_aside(store.path(key), key, ValueError("what it read before"))
    assert mended.energy == label.energy and store.get(key).energy == label.energy
    store.path(key).unlink()
    assert store._set_aside(store.path(key), key, ValueError("what it read before")) is None


WRITER = """
import sys, numpy as np
from ase.build import molecule
from ouroboros.label_store import LabelStore, label_key
from ouroboros.oracles import Label
store, settings, atoms = LabelStore(sys.argv[1]), {"kind": "test"}, molecule("C6H6")
for i in range(100_000):
    atoms.positions[0, 0] = i  # both writers go through the same structures
    store.put(label_key(atoms, settings), atoms, Label(-i, np.full((12, 3), i / 3), True, "test", 1.0), settings)
    print(i, flush=True)
"""


DYING_WRITER = """
import os, signal, sys, numpy as np
from ase.build import molecule
from ouroboros.label_store import LabelStore, label_key
from ouroboros.oracles import Label
os.fsync = lambda file: os.kill(os.getpid(), signal.SIGKILL)
atoms, settings = molecule("H2O"), {"kind": "test"}
LabelStore(sys.argv[1]).put(label_key(atoms, settings), atoms, Label(0.0, np.zeros((3, 3)), True, "x", 1.0), settings)
"""


def test_a_writer_killed_in_the_act_leaves_no_label(tmp_path, label):
    dead = subprocess.run([sys.executable, "-c", DYING_WRITER, str(tmp_path)])
    assert dead.returncode == -signal.SIGKILL
    store, atoms, settings = LabelStore(tmp_path), molecule("H2O"), {"kind": "test"}
    key = label_key(atoms, settings)
    assert [path.suffix for path in tmp_path.glob("*/.*")] == [".tmp"]
    assert store.get(key) is None
    store.put(key, atoms, label, settings)
    assert store.get(key).energy == label.energy


def test_killed_writers_leave_a_sound_store(tmp_path, caplog):
    command = [sys.executable, "-c", WRITER, str(tmp_path)]
    writers = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    try:
        for writer in writers:
            writer.stdout.readline()
        time.sleep(0.5)
    finally:
        for writer in writers:
            os.kill(writer.pid, signal.SIGKILL)
    reported = max(int((writer.communicate()[0].split() or [0])[-1]) for writer in writers)
    assert all(writer.returncode == -signal.SIGKILL for writer in writers)
    assert reported > 10

    store, atoms = LabelStore(tmp_path), molecule("C6H6")
    with caplog.at_level(logging.WARNING):
        for i in range(reported + 1):  # whatever was reported as stored is there,
            atoms.positions[0, 0] = i
            label = store.get(label_key(atoms, {"kind": "test"}))
            assert label.energy == -i and (label.forces == i / 3).all()
        for path in tmp_path.glob("*/*.json"):  # and whatever is there is whole
            assert store.get(path.stem) is not None
    assert caplog.text == ""
