"""Labelling: checked labels, a reason for each failure, nothing computed twice, no fault that costs two."""

import contextlib
import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from ase import Atoms
from ase.build import molecule
from faulty_calculator import copper

from ouroboros.energy_baseline import EnergyRange
from ouroboros.frames import Frames
from ouroboros.label_files import read_labels, write_labels
from ouroboros.label_store import LabelStore, label_key
from ouroboros.label_worker import LabelWorker, StoredOracle
from ouroboros.labelling import Checks, check_label, gather, label_batch, refuse_broken, share
from ouroboros.oracles import Label, make_oracle

CHECKS = Checks(force_cap=50.0)


def candidates(n=4):
    images = []
    for i in range(n):
        atoms = molecule("CH4" if i % 2 else "H2O")
        atoms.rattle(0.05, seed=i)
        atoms.info.update(candidate=f"3_{i}", score_eV_per_A=0.1 * i)
        images.append(atoms)
    return images


def label(images, folder, checks=CHECKS, time_limit_s=60.0, **settings):
    """Label with the real worker."""
    settings = {"kind": "xtb", **settings}
    with LabelWorker(settings, LabelStore(folder), time_limit_s) as worker:
        return label_batch(images, make_oracle(settings), LabelStore(folder), checks, worker)


def stored(folder):
    return {path.stem: path.stat().st_mtime_ns for path in Path(folder).glob("??/*.json")}


def test_labels_and_where_they_came_from(tmp_path):
    images, oracle = candidates(), make_oracle({"kind": "xtb"})
    good, failures = label(images, tmp_path)
    assert failures == [] and len(stored(tmp_path)) == 4
    for atoms, image in zip(good, images, strict=True):
        expected = oracle.label(image)
        assert atoms.get_potential_energy() == expected.energy
        np.testing.assert_array_equal(atoms.get_forces(), expected.forces)
        assert atoms.info["candidate"] == image.info["candidate"]
        assert atoms.info["score_eV_per_A"] == image.info["score_eV_per_A"]
        assert atoms.info["level_of_theory"] == "GFN2-xTB" and atoms.info["from_store"] is False
        assert LabelStore(tmp_path).get(atoms.info["label_key"]).energy == expected.energy
        assert image.calc is None and "label_key" not in image.info
    assert not list(tmp_path.rglob("*.claim")) and not list(tmp_path.glob("scratch/*"))


def test_stress_comes_along_from_the_oracle_through_store_and_file_to_the_frames(tmp_path):
    crystal, water = copper(0.1), molecule("H2O")
    settings = {"kind": "ase", "calculator": "ase.calculators.emt.EMT", "level_of_theory": "EMT"}
    expected = make_oracle(settings).label(crystal).stress
    for from_store in (False, True):
        good, failures = label([crystal, water], tmp_path, **settings)
        assert failures == [] and good[0].info["from_store"] is from_store
        write_labels(tmp_path / "labels.extxyz", good)
        frames = Frames.from_atoms(read_labels(tmp_path / "labels.extxyz"))
        assert frames.has_stress.tolist() == [True, False]
        np.testing.assert_array_equal(frames.stress[0], expected)


def test_a_second_run_computes_nothing(tmp_path):
    label(candidates(), tmp_path)
    before = stored(tmp_path)
    good, failures = label(candidates(), tmp_path)
    assert stored(tmp_path) == before and failures == []
    assert all(atoms.info["from_store"] for atoms in good)
    label(candidates(), tmp_path, method="GFN1-xTB")
    assert len(stored(tmp_path)) == 8


def test_the_same_structure_twice_is_computed_once(tmp_path):
    image = candidates(1)[0]
    good, _ = label([image, image.copy()], tmp_path)
    assert len(good) == 2 and len(stored(tmp_path)) == 1


def test_an_unconverged_scf_is_a_row_and_is_not_tried_again(tmp_path):
    for _ in range(2):
        good, failures = label(candidates(), tmp_path, max_iterations=1)
        assert good == [] and [row["candidate"] for row in failures] == ["3_0", "3_1", "3_2", "3_3"]
        assert all(row["reason"] == "not_converged" and "not converged" in row["message"] for row in failures)
        before = stored(tmp_path)
        assert set(before) == {row["label_key"] for row in failures}
    assert stored(tmp_path) == before


def test_one_failure_does_not_stop_the_batch(tmp_path):
    images = candidates()
    images.insert(1, Atoms("U2", [[0, 0, 0], [0, 0, 3]]))  # no such element in xTB, and no name
    good, failures = label(images, tmp_path)
    assert len(good) == 4
    assert [(row["candidate"], row["reason"]) for row in failures] == [(1, "oracle_error")]
    assert len(stored(tmp_path)) == 4  # what broke is not kept, and so tried again


def test_atoms_too_close_are_never_computed(tmp_path):
    images = candidates(2)
    images[0].positions[1] = images[0].positions[0] + [0, 0, 0.05]
    good, failures = label(images, tmp_path)
    assert len(stored(tmp_path)) == len(good) == 1
    assert failures[0]["reason"] == "too_close" and "0.050 Å apart" in failures[0]["message"]


def test_other_limits_judge_stored_labels_anew(tmp_path):
    assert len(label(candidates(1), tmp_path)[0]) == 1
    before = stored(tmp_path)
    _, failures = label(candidates(1), tmp_path, Checks(force_cap=0.1))
    assert stored(tmp_path) == before
    assert failures[0]["reason"] == "force_cap" and "above the cap of 0.1 eV/Å" in failures[0]["message"]


def test_an_energy_that_the_reference_cannot_have(tmp_path):
    good, _ = label(candidates(6), tmp_path)
    usual = EnergyRange.of(Frames.from_atoms(good))
    strange = candidates(1)[0]
    strange.positions[1] *= 1.7  # an O-H bond half broken
    for window, reasons in ((5.0, []), (0.3, ["energy_outlier"])):
        checks = Checks(50.0, energy_range=usual, energy_window=window)
        _, failures = label([*candidates(6), strange], tmp_path, checks)
        assert [row["reason"] for row in failures] == reasons
    assert "eV/atom from the mean of the reference" in failures[0]["message"]


def test_a_nan_is_a_failure():
    for energy, force in ((np.nan, 0.0), (1.0, np.nan), (1.0, np.inf)):
        broken = Label(energy, np.full((3, 3), force), True, "x", 0.1)
        assert check_label(molecule("H2O"), broken, CHECKS)[0] == "not_finite"


def test_batches_cost_about_the_same():
    names = ["CH4", "C6H6", "H2O", "CH3CH2OH", "C6H6", "CH3OH", "C5H5N", "NH3", "C4H4O"] * 4
    images = [molecule(name) for name in names]
    cost = {id(a): a.numbers.sum() ** 3 for a in images}
    parts = [share(images, b, 3) for b in range(3)]
    assert sorted(id(a) for part in parts for a in part) == sorted(cost)
    sums = [sum(cost[id(a)] for a in part) for part in parts]
    assert max(sums) < 1.1 * min(sums)
    assert [len(share(images[:1] * 60, b, 2)) for b in range(2)] == [30, 30]
    assert share([], 0, 2) == []


def test_generated_frames_are_labelled_through_the_store(tmp_path):
    settings, store = {"kind": "xtb"}, LabelStore(tmp_path)
    with LabelWorker(settings, store, 60.0) as worker:
        oracle = StoredOracle(make_oracle(settings), store, worker)
        first = oracle.label(molecule("H2O"))
        before = stored(tmp_path)
        again = oracle.label(molecule("H2O"))
    assert again.energy == first.energy and stored(tmp_path) == before and len(before) == 1


def test_too_many_broken_labels_stop_the_batch_and_answers_do_not():
    crashed = {"candidate": "3_1", "reason": "crashed", "message": "died of SIGSEGV"}
    refuse_broken([crashed] * 5, 10, 0.5)
    with pytest.raises(RuntimeError, match=r"6 of 10 labels broke \(the first, 3_1: crashed, died of SIGSEGV\)"):
        refuse_broken([crashed] * 6, 10, 0.5)
    refuse_broken([{**crashed, "reason": "not_converged"}] * 10, 10, 0.5)


# --- faults ----------------------------------------------------------------------------------------------------


def emt(log, **arguments):
    """Settings of an oracle that counts and breaks on purpose."""
    return {
        "kind": "ase",
        "calculator": "faulty_calculator.FaultyEMT",
        "arguments": {"log": str(log), **arguments},
        "converged": "converged",
        "level_of_theory": "EMT",
    }


def begun(log):
    return [float(line) for line in log.read_text().split()] if log.exists() else []


NAMES = [0.01, 0.02, 0.03, 0.04, 0.05]


@pytest.mark.parametrize(
    ("fault", "reason", "words"),
    [
        ("crash", "crashed", "SIGSEGV"),
        ("hang", "time_limit", "labels.time_limit_s (10 s)"),
        ("program", "time_limit", "labels.time_limit_s (10 s)"),
        ("unconverged", "not_converged", "converge"),
    ],
)
def test_a_fault_costs_one_label(tmp_path, fault, reason, words):
    log = tmp_path / "log"
    settings = emt(log, **{fault: [0.02]})
    limit = 10.0 if reason == "time_limit" else 120.0  # a busy machine needs seconds for a sound label
    good, failures = label([copper(name) for name in NAMES], tmp_path, time_limit_s=limit, **settings)
    assert [atoms.info["candidate"] for atoms in good] == ["0.01", "0.03", "0.04", "0.05"]
    assert [(row["candidate"], row["reason"]) for row in failures] == [("0.02", reason)]
    assert words in failures[0]["message"], failures
    if fault == "program":  # it is ended with the process that waited for it
        pid = int(log.with_suffix(".pid").read_text())
        status = Path(f"/proc/{pid}/stat")
        assert not status.exists() or status.read_text().split()[2] == "Z"
    label([copper(name) for name in NAMES], tmp_path, time_limit_s=limit, **settings)
    again = [0.02] if fault != "unconverged" else []  # an answer is not asked for twice; what broke is
    assert begun(log) == NAMES + again


def test_a_store_that_cannot_be_written_stops_the_job_and_is_no_fault_of_the_oracle(tmp_path):
    (tmp_path / "labels").mkdir()
    (tmp_path / "labels/scratch").write_text("a file where a folder should be")
    with pytest.raises(RuntimeError, match=r"the label store .*labels cannot be used \(.*\): make room or mend"):
        label(candidates(1), tmp_path / "labels")


BATCH = """
import sys, json
from ouroboros.label_store import LabelStore
from ouroboros.label_worker import LabelWorker
from ouroboros.labelling import Checks, label_batch
from ouroboros.oracles import make_oracle
from faulty_calculator import copper
settings, folder, names = json.loads(sys.argv[1]), sys.argv[2], json.loads(sys.argv[3])
store = LabelStore(folder)
with LabelWorker(settings, store, 60) as worker:
    good, failures = label_batch([copper(n) for n in names], make_oracle(settings), store, Checks(50.0), worker)
print(len(good), len(failures))
"""


def batch(settings, folder, names):
    here = str(Path(__file__).parent)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([*sys.path, here])}
    command = [sys.executable, "-c", BATCH, json.dumps(settings), str(folder), json.dumps(names)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment, start_new_session=True)


def test_two_jobs_share_the_work(tmp_path):
    """As two arms do that select the same structures."""
    names, log = [round(0.001 * i, 3) for i in range(1, 31)], tmp_path / "log"
    jobs = [batch(emt(log, seconds=0.05), tmp_path, names) for _ in range(2)]
    assert [job.communicate()[0].split() for job in jobs] == [["30", "0"]] * 2
    assert sorted(begun(log)) == names


TRAJECTORY = """
import sys
from ouroboros.label_store import LabelStore
from ouroboros.label_worker import LabelWorker, StoredOracle
from ouroboros.oracles import make_oracle
from ouroboros.reference import generate_trajectory
settings = {"kind": "ase", "calculator": "faulty_calculator.FileXtb", "level_of_theory": "GFN2-xTB"}
store = LabelStore(sys.argv[1])
with LabelWorker(settings, store, 60) as worker:
    oracle = StoredOracle(make_oracle(settings), store, worker)
    short = {"equilibration_ps": 0.005, "length_ps": 0.02, "stride_fs": 1.0}
    print(len(generate_trajectory("water", oracle, 300, seed=int(sys.argv[2]), **short)))
"""


def test_trajectories_with_a_code_that_writes_files_run_side_by_side(tmp_path):
    """Each in a folder of its own, or one would read the other's input."""
    here = str(Path(__file__).parent)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([*sys.path, here])}
    jobs = [
        subprocess.Popen(
            [sys.executable, "-c", TRAJECTORY, str(tmp_path / "labels"), str(seed)],
            stdout=subprocess.PIPE, text=True, env=environment, cwd=tmp_path,
        )
        for seed in (1, 2)
    ]  # fmt: skip
    assert [job.communicate()[0].strip() for job in jobs] == ["20", "20"]
    assert [path.name for path in tmp_path.iterdir()] == ["labels"]
    oracle = make_oracle({"kind": "xtb"})
    records = [json.loads(path.read_text()) for path in tmp_path.glob("labels/??/*.json")]
    assert len(records) > 40
    for record in records:
        expected = oracle.label(Atoms(record["symbols"], record["positions_A"]))
        assert record["energy_eV"] == expected.energy


def kill_group(job):
    """Kill -9 of a job and all its children, as a machine that goes down would."""
    children = subprocess.run(["pgrep", "-s", str(job.pid)], capture_output=True, text=True).stdout.split()
    for pid in children:
        with contextlib.suppress(ProcessLookupError):
            os.kill(int(pid), signal.SIGKILL)


def test_labels_survive_kills_at_any_moment(tmp_path):
    """At least 20 kills, of the job alone (its worker ends its label) and of all: none lost, repeated or corrupt."""
    names, log = [round(0.001 * i, 3) for i in range(1, 121)], tmp_path / "log"
    settings, chance = emt(log, seconds=0.02), random.Random(7)
    key_of = {name: label_key(copper(name), make_oracle(settings).settings) for name in names}
    kills, repeated = 0, 0
    while kills < 20:
        done, seen = set(stored(tmp_path)), len(begun(log))
        # half of the names at first, so that there is work left for the last kills
        job = batch(settings, tmp_path, names[: 60 + 3 * kills])
        while len(begun(log)) == seen and job.poll() is None:
            time.sleep(0.01)
        time.sleep(chance.uniform(0, 0.1))
        if job.poll() is None:
            kills += 1
        job.kill() if kills % 2 else kill_group(job)
        job.communicate()
        repeated += sum(key_of[name] in done for name in begun(log)[seen:])
    done = set(stored(tmp_path))
    seen = len(begun(log))
    good, failures = label([copper(name) for name in names], tmp_path, **settings)
    repeated += sum(key_of[name] in done for name in begun(log)[seen:])
    assert (len(good), failures, repeated) == (120, [], 0)
    assert not list(tmp_path.rglob("*.broken")) and not list(tmp_path.rglob("*.claim"))
    oracle = make_oracle(settings)
    for name in chance.sample(names, 5):
        np.testing.assert_array_equal(LabelStore(tmp_path).get(key_of[name]).forces, oracle.label(copper(name)).forces)


# --- what comes after ------------------------------------------------------------------------------------------


def test_gather(tmp_path):
    label(candidates(1), tmp_path)
    close = Atoms("H2", [[0, 0, 0], [0, 0, 0.05]], info={"candidate": "close"})
    batches = [label(images, tmp_path) for images in (candidates(3), [close], [], candidates(4)[3:])]
    good, failures, summary = gather(batches)
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
        gather([(good, [])])


def test_gather_nothing():
    good, failures, summary = gather([([], [])])
    assert (good, failures) == ([], [])
    assert summary["failed_fraction"] == 0.0 and summary["level_of_theory"] is None


def test_stored_candidates_keep_their_key(tmp_path):
    """A file between select and label must not change the identity of a structure."""
    label(candidates(), tmp_path / "labels")
    write_labels(tmp_path / "candidates.extxyz", candidates())
    good, _ = label(read_labels(tmp_path / "candidates.extxyz"), tmp_path / "labels")
    assert [atoms.info["candidate"] for atoms in good] == ["3_0", "3_1", "3_2", "3_3"]
    assert all(atoms.info["from_store"] for atoms in good)
