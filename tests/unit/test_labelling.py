"""Labelling: checked labels, a reason for each failure, nothing computed twice, nothing lost in a file."""

import ase.io
import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk, molecule
from ase.calculators.singlepoint import SinglePointCalculator

from ouroboros import labelling
from ouroboros.contacts import check_geometry, closest_contacts
from ouroboros.frames import Frames
from ouroboros.label_store import LabelStore
from ouroboros.oracles import Label, make_oracle

CHECKS = {"force_cap_eV_per_A": 50.0}


class CountingOracle:
    """GFN2-xTB that counts what it computes, or an oracle that always gives one label."""

    def __init__(self, label=None, **settings):
        self._xtb = make_oracle({"kind": "xtb", **settings})
        self._label, self.calls = label, 0
        self.settings, self.level_of_theory = self._xtb.settings, self._xtb.level_of_theory

    def label(self, atoms):
        self.calls += 1
        return self._label or self._xtb.label(atoms)


def candidates(n=4):
    images = []
    for i in range(n):
        atoms = molecule("CH4" if i % 2 else "H2O")
        atoms.rattle(0.05, seed=i)
        atoms.info.update(candidate=f"3_{i}", score_eV_per_A=0.1 * i)
        images.append(atoms)
    return images


def test_labels_and_where_they_came_from(tmp_path):
    oracle, store, images = CountingOracle(), LabelStore(tmp_path), candidates()
    good, failures = labelling.label_batch(images, oracle, store, CHECKS)
    assert failures == [] and oracle.calls == 4
    for atoms, image in zip(good, images, strict=True):
        label = oracle.label(image)
        assert atoms.get_potential_energy() == label.energy
        np.testing.assert_array_equal(atoms.get_forces(), label.forces)
        assert atoms.info["candidate"] == image.info["candidate"]
        assert atoms.info["score_eV_per_A"] == image.info["score_eV_per_A"]
        assert atoms.info["level_of_theory"] == "GFN2-xTB" and atoms.info["from_store"] is False
        assert store.get(atoms.info["label_key"]).energy == label.energy
        assert image.calc is None and "label_key" not in image.info


def test_a_second_run_computes_nothing(tmp_path):
    labelling.label_batch(candidates(), CountingOracle(), LabelStore(tmp_path), CHECKS)
    again = CountingOracle()
    good, failures = labelling.label_batch(candidates(), again, LabelStore(tmp_path), CHECKS)
    assert again.calls == 0 and failures == []
    assert all(atoms.info["from_store"] for atoms in good)
    other = CountingOracle(method="GFN1-xTB")
    labelling.label_batch(candidates(), other, LabelStore(tmp_path), CHECKS)
    assert other.calls == 4


def test_an_unconverged_scf_is_a_row_and_is_not_tried_again(tmp_path):
    for expected_calls in (4, 0):
        oracle = CountingOracle(max_iterations=1)
        good, failures = labelling.label_batch(candidates(), oracle, LabelStore(tmp_path), CHECKS)
        assert good == [] and oracle.calls == expected_calls
        assert [row["candidate"] for row in failures] == ["3_0", "3_1", "3_2", "3_3"]
        assert all(row["reason"] == "not_converged" and "not converged" in row["message"] for row in failures)


def test_what_broke_is_tried_again(tmp_path):
    broken = Label.failed(3, "GFN2-xTB", 0.1, "licence server down", reusable=False)
    oracle = CountingOracle(broken)
    for _ in range(2):
        _, failures = labelling.label_batch(candidates(1), oracle, LabelStore(tmp_path), CHECKS)
        assert failures[0]["reason"] == "oracle_error" and failures[0]["message"] == "licence server down"
    assert oracle.calls == 2


def test_one_failure_does_not_stop_the_batch(tmp_path):
    images = candidates()
    images.insert(1, Atoms("U2", [[0, 0, 0], [0, 0, 3]]))  # no such element in xTB, and no name
    good, failures = labelling.label_batch(images, CountingOracle(), LabelStore(tmp_path), CHECKS)
    assert len(good) == 4
    assert [(row["candidate"], row["reason"]) for row in failures] == [(1, "oracle_error")]


def test_atoms_too_close_are_never_computed(tmp_path):
    oracle, images = CountingOracle(), candidates(2)
    images[0].positions[1] = images[0].positions[0] + [0, 0, 0.05]
    good, failures = labelling.label_batch(images, oracle, LabelStore(tmp_path), CHECKS)
    assert oracle.calls == 1 and len(good) == 1
    assert failures[0]["reason"] == "too_close" and "0.050 Å apart" in failures[0]["message"]


def test_another_force_cap_judges_stored_labels_anew(tmp_path):
    store = LabelStore(tmp_path)
    assert len(labelling.label_batch(candidates(1), CountingOracle(), store, CHECKS)[0]) == 1
    oracle = CountingOracle()
    _, failures = labelling.label_batch(candidates(1), oracle, store, {"force_cap_eV_per_A": 0.1})
    assert oracle.calls == 0
    assert failures[0]["reason"] == "force_cap" and "above the cap of 0.1 eV/Å" in failures[0]["message"]


def test_a_nan_is_a_failure(tmp_path):
    for energy, force in ((np.nan, 0.0), (1.0, np.nan), (1.0, np.inf)):
        label = Label(energy, np.full((3, 3), force), True, "x", 0.1)
        assert labelling.check_label(label, 50.0)[0] == "not_finite"


def test_check_geometry():
    assert check_geometry(molecule("CH3CH2OH")) is None
    assert check_geometry(bulk("Si")) is None
    assert "no atoms" in check_geometry(Atoms())
    assert "not finite" in check_geometry(Atoms("H2", [[0, 0, 0], [0, 0, np.nan]]))
    across = Atoms("H2", [[0, 0, 0.1], [0, 0, 7.9]], cell=[8, 8, 8], pbc=True)
    assert "atoms 0 (H) and 1 (H) are 0.200 Å apart, under 0.5 of" in check_geometry(across)
    across.pbc = False
    assert check_geometry(across) is None
    assert "0.000 Å" in check_geometry(Atoms("H2", np.zeros((2, 3))))


def test_closest_contacts_of_all_frames_at_once():
    images = [molecule(name) for name in ("H2O", "CH4", "OH", "H", "CO2", "NH3")] + [bulk("Si"), bulk("Si", a=3.0)]
    images[1].positions[2] = images[1].positions[0] * 0.7 + images[1].positions[2] * 0.3
    closest = closest_contacts(Frames.from_atoms(images))
    for atoms, contact in zip(images, closest, strict=True):
        if np.isfinite(contact):
            assert check_geometry(atoms, contact * 1.0001) and check_geometry(atoms, contact * 0.9999) is None
    assert np.isinf(closest[3]) and closest[1] < 0.5 < closest[0]


def test_gather(tmp_path):
    store = LabelStore(tmp_path)
    labelling.label_batch(candidates(1), CountingOracle(), store, CHECKS)
    close = Atoms("H2", [[0, 0, 0], [0, 0, 0.05]], info={"candidate": "close"})
    batches = [
        labelling.label_batch(images, CountingOracle(), store, CHECKS)
        for images in (candidates(3), [close], [], candidates(4)[3:])
    ]
    good, failures, summary = labelling.gather(batches)
    assert [row["candidate"] for row in failures] == ["close"]
    assert [atoms.info["candidate"] for atoms in good] == ["3_0", "3_1", "3_2", "3_3"]
    assert summary.pop("oracle_seconds") == pytest.approx(sum(atoms.info["label_seconds"] for atoms in good))
    assert summary == {
        "n_requested": 5,
        "n_labelled": 4,
        "n_failed": 1,
        "failed_fraction": 0.2,
        "failed_by_reason": {"too_close": 1},
        "n_from_store": 1,
        "level_of_theory": "GFN2-xTB",
    }
    good[0].info["level_of_theory"] = "PBE"
    with pytest.raises(ValueError, match="different levels of theory"):
        labelling.gather([(good, [])])


def test_gather_nothing():
    good, failures, summary = labelling.gather([([], [])])
    assert (good, failures) == ([], [])
    assert summary["failed_fraction"] == 0.0 and summary["level_of_theory"] is None


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
    labelling.write_labels(tmp_path / "labels.extxyz", [atoms, bulk("Si", cubic=True), molecule("H")])
    first, silicon, hydrogen = labelling.read_labels(tmp_path / "labels.extxyz")
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


def test_stored_candidates_keep_their_key(tmp_path):
    """A file between select and label must not change the identity of a structure."""
    store, path = LabelStore(tmp_path / "labels"), tmp_path / "candidates.extxyz"
    labelling.label_batch(candidates(), CountingOracle(), store, CHECKS)
    labelling.write_labels(path, candidates())
    oracle = CountingOracle()
    good, _ = labelling.label_batch(labelling.read_labels(path), oracle, store, CHECKS)
    assert oracle.calls == 0 and [atoms.info["candidate"] for atoms in good] == ["3_0", "3_1", "3_2", "3_3"]


def test_empty_batches(tmp_path):
    path = tmp_path / "batch_0.extxyz"
    labelling.write_labels(path, [])
    assert path.exists() and labelling.read_labels(path) == []
    labelling.write_failures(tmp_path / "failures.csv", [])
    assert (tmp_path / "failures.csv").read_text().strip() == "candidate,reason,message,seconds"
    assert labelling.read_failures(tmp_path / "failures.csv") == []


def test_failures_as_csv(tmp_path):
    rows = [{"candidate": "3_12", "reason": "oracle_error", "message": 'died, "badly"\nå', "seconds": 0.1 + 0.2}]
    labelling.write_failures(tmp_path / "failures.csv", rows)
    assert labelling.read_failures(tmp_path / "failures.csv") == rows
