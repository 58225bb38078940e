"""What is told where a job stops: each rule and each entry has its words, and jobs that cannot speak are spoken for."""

import errno
import pickle
import re
import signal
from pathlib import Path

import pytest

from ouroboros import faults
from ouroboros.decision import BrokenRunError, ExplodedError, refuse_broken
from ouroboros.job import NoGpu
from ouroboros.label_worker import StoreUnusable
from ouroboros.labelling import refuse_many_failures, refuse_unlabelled
from ouroboros.oracle_gate import OtherSurface
from ouroboros.reference.leakage import TooManyNearDuplicates
from ouroboros.reference.transfer import StorageError

ROOT = Path(__file__).parents[2]
GUIDE = (ROOT / faults.GUIDE).read_text(encoding="utf-8")


def anchor(heading: str) -> str:
    """As GitHub makes it."""
    return re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-")


def test_every_entry_has_its_heading_and_every_heading_its_entry():
    assert sorted(anchor(heading) for heading in re.findall(r"^## (.+)$", GUIDE, re.MULTILINE)) == sorted(faults.NEXT)


def test_every_entry_of_a_rule_a_signal_or_an_error_is_there():
    named = {task.entry for task in faults.TASKS.values()} | set(faults.SIGNALS.values())
    named |= set(faults.SLURM_ENDS.values())
    kinds = {*faults.Fault.__subclasses__(), ExplodedError}
    assert {NoGpu, BrokenRunError, OtherSurface, TooManyNearDuplicates, StorageError, StoreUnusable} <= kinds
    named |= {kind.entry for kind in kinds}
    assert named <= set(faults.NEXT)


@pytest.mark.parametrize(
    ("code", "entry"),
    [(errno.ENOSPC, "the-disk-is-full"), (errno.EROFS, "no-permission"), (errno.EIO, "something-else")],
)
def test_a_store_that_cannot_be_used_is_told_of_by_why(code, entry):
    error = pickle.loads(pickle.dumps(StoreUnusable("the label store cannot be used", code)))  # it comes through a pipe
    assert faults.entry_of(error, "label") == entry and faults.sentence_of(error) == "the label store cannot be used"


def test_every_rule_that_runs_a_script_says_what_it_does():
    rules = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "rules").glob("*.smk"))
    blocks = re.split(r"^\s*(?:rule|checkpoint|use rule \w+ as) (?=\w+(?::| with:)$)", rules, flags=re.MULTILINE)[1:]
    with_log = {re.match(r"\w+", block)[0] for block in blocks if re.search(r"^\s+log:", block, re.MULTILINE)}
    assert with_log == set(faults.TASKS)


def test_examples_of_the_guide_are_of_rules_that_there_are():
    assert set(re.findall(r"^> Rule (\w+) stopped", GUIDE, re.MULTILINE)) <= set(faults.TASKS)


@pytest.mark.parametrize(
    ("status", "remark", "words", "entry"),
    [
        (-signal.SIGKILL, "", "killed (SIGKILL), most often because memory ran out", "memory-runs-out"),
        (128 + signal.SIGKILL, "", "killed (SIGKILL)", "memory-runs-out"),
        (128 + signal.SIGSEGV, "", "SIGSEGV", "a-job-crashes"),
        (-signal.SIGTERM, "", "SIGTERM", "a-job-is-ended-from-outside"),
        (1, "", "without a word", "something-else"),
        (None, "SLURM-job '7' failed, SLURM status is: 'OUT_OF_MEMORY'.", "SLURM-job '7'", "memory-runs-out"),
        (None, "SLURM-job '7' failed, SLURM status is: 'TIMEOUT'.", "SLURM-job '7'", "a-job-runs-out-of-time"),
        (None, "", "without a word", "something-else"),
    ],
)
def test_a_job_that_died_without_a_word_is_told_of(tmp_path, status, remark, words, entry):
    log = tmp_path / "train_0.log"
    log.write_text("".join(f"epoch {n}\n" for n in range(30)), encoding="utf-8")
    told = faults.silent_death("train", str(log), status, remark)
    assert told.startswith("Rule train stopped: ") and words in told.splitlines()[0]
    assert "training a member" in told and f"#{entry}" in told
    assert "epoch 29" in told and "epoch 20" in told and "epoch 19" not in told


def test_a_job_that_never_wrote_a_log_is_told_of(tmp_path):
    assert "Its log is" in faults.silent_death("train", str(tmp_path / "none.log"), 1, "")


def test_what_a_job_left_in_its_log_is_found(tmp_path):
    log = tmp_path / "label.log"
    told = faults.message("label", "all is lost", "labels-fail", {}, log)
    log.write_text(f"begun\n\n{faults.BELOW}\nTraceback ...\nValueError: all is lost\n{told}\n", encoding="utf-8")
    assert faults.told_in(log, "label") == told
    assert faults.told_in(log, "train") == "" and faults.told_in(tmp_path / "none", "label") == ""
    assert faults.last_lines(log) == ["begun"]
    log.write_text("noise\n" * 10**5 + log.read_text(encoding="utf-8"), encoding="utf-8")
    assert faults.told_in(log, "label") == told and faults.last_lines(log)[-1] == "begun"


def test_a_full_disk_is_seen_though_the_error_does_not_say_so(monkeypatch):
    error = RuntimeError("PytorchStreamWriter failed writing file data/4")
    assert faults.entry_of(error, "train", ["."]) == "a-training-stops"
    monkeypatch.setattr(faults, "ROOM", 2**62)  # as if the disk were full
    assert faults.entry_of(error, "train", ["."]) == "the-disk-is-full"


def test_labels_that_failed_are_told_by_what_failed_most():
    row = {"candidate": 0, "message": "SCF not converged in 1 cycles"}
    for reason, entry in (("not_converged", "the-scf-does-not-converge"), ("crashed", "labels-fail")):
        summary = {"n_failed": 5, "n_requested": 6, "n_labelled": 1, "failed_fraction": 5 / 6}
        summary["failed_by_reason"] = {reason: 4, "too_close": 1}
        with pytest.raises(ValueError, match=f"{reason} 4, too_close 1") as caught:
            refuse_many_failures(summary, 0.5, "labels.json")
        assert faults.entry_of(caught.value, "check_labels") == entry
        with pytest.raises(ValueError, match="1 of 3 reference frames") as caught:
            refuse_unlabelled([{**row, "reason": reason}], 3, "GFN2-xTB")
        assert faults.entry_of(caught.value, "check_oracle") == entry
    refuse_unlabelled([], 3, "GFN2-xTB")


def test_an_arm_whose_walkers_exploded_is_told_from_one_that_does_not_learn():
    for physical, entry in ((0, "dynamics-explode"), (7, "an-arm-is-broken")):
        decision = {"state": "broken", "reason": "x", "figures": {"frames_physical": physical}}
        with pytest.raises(BrokenRunError) as caught:
            refuse_broken(decision, "committee-42 round 0")
        assert faults.entry_of(caught.value, "check_decision") == entry
