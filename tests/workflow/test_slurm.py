"""The pipeline through a real SLURM of one node: what the jobs ask for, and three faults that a run has to survive.

`make test-slurm` runs it; it installs SLURM first where it may.
"""

import os
import re
import signal
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import yaml
from conftest import BROKEN_OFF, PROJECT, command_for, snakemake
from killed_run import differences
from slurm_node import one_node, reason_without_slurm, scontrol

from ouroboros.records import read_json

pytestmark = pytest.mark.skipif(bool(reason_without_slurm()), reason=reason_without_slurm())

ON_GPU = {"environment", "train", "test", "explore", "simulate", "select", "prospective"}
ON_CPU = {"generate", "curate", "split", "leakage", "check_oracle", "label", "analyse"}
PATIENCE_S = 900


class Run:
    """A run of Snakemake on the cluster, and what the queue showed of its jobs."""

    def __init__(self, folder: Path, profile: Path):
        self.log = folder / "terminal.txt"
        self.jobs: dict[str, dict[str, str]] = {}  # job -> fields of scontrol
        command = command_for(folder, BROKEN_OFF, profile=profile)
        with self.log.open("w") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT)

    def look(self) -> None:
        """Take down what is in the queue."""
        for line in scontrol("show", "job", "-o").splitlines():
            fields = dict(re.findall(r"(\S+?)=(\S*)", line))
            if "/rule_" in fields.get("StdOut", ""):
                fields["rule"] = fields["StdOut"].split("/rule_")[1].split("/")[0]
                self.jobs[fields["JobId"]] = fields

    def wait_for(self, what: str, found: Callable[[dict[str, str]], bool]) -> str:
        """The first job that answers; fails the test where the run ends before."""
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline:
            self.look()
            for job, fields in self.jobs.items():
                if found(fields):
                    return job
            assert self.process.poll() is None, f"the run ended before {what}:\n{self.log.read_text()}"
            time.sleep(0.5)
        raise AssertionError(f"no {what} in {PATIENCE_S} s:\n{self.log.read_text()}")

    def end(self) -> None:
        """Wait for the end; the run has to come through."""
        deadline = time.monotonic() + PATIENCE_S
        while self.process.poll() is None and time.monotonic() < deadline:
            self.look()
            time.sleep(1)
        assert self.process.poll() == 0, self.log.read_text()


def running(rule: str) -> Callable[[dict[str, str]], bool]:
    return lambda fields: fields["rule"] == rule and fields["JobState"] == "RUNNING"


@pytest.fixture
def node(tmp_path: Path):
    with one_node(tmp_path / "slurm") as name:
        yield name


@pytest.fixture
def profile(tmp_path: Path) -> Path:
    """profiles/slurm with the values of this site, as its user would write them, and shorter waits."""
    settings: dict[str, Any] = yaml.safe_load((PROJECT / "profiles/slurm/config.yaml").read_text())
    del settings["default-resources"]["slurm_account"]
    for asked in settings["set-resources"].values():
        asked["gpu"] = 1  # as under device: cuda, which this machine cannot run
    settings["set-resources"]["explore"]["runtime"] = "1 * attempt"
    settings |= {
        "slurm-status-command": "squeue",
        "slurm-init-seconds-before-status-checks": 3,
        "seconds-between-status-checks": 2,
        "latency-wait": 10,
    }
    folder = tmp_path / "profile"
    folder.mkdir()
    (folder / "config.yaml").write_text(yaml.safe_dump(settings))
    return folder


def test_jobs_ask_for_what_they_need_and_a_run_survives_cancel_time_limit_and_a_node_that_is_down(
    node: str, profile: Path, tmp_path: Path
):
    folder, unbroken = tmp_path / "run", tmp_path / "unbroken"
    folder.mkdir()
    unbroken.mkdir()
    run = Run(folder, profile)
    try:
        run.wait_for("reference trajectory", running("generate"))
        scontrol("update", f"NodeName={node}", "State=DOWN", "Reason=test")
        time.sleep(3)
        scontrol("update", f"NodeName={node}", "State=RESUME")

        states = folder / "results/tiny/states/start-42"  # one GPU, one training: that which runs
        begun = "round_0/model_*/last.ckpt"
        training = run.wait_for("training", lambda fields: running("train")(fields) and any(states.glob(begun)))
        subprocess.run(["scancel", training], check=True)

        exploring = run.wait_for("exploration", running("explore"))
        hang(exploring)

        run.end()
    finally:
        run.process.send_signal(signal.SIGINT)
        with suppress(subprocess.TimeoutExpired):
            run.process.wait(60)
        run.process.kill()

    with_gpu = {fields["rule"]: set() for fields in run.jobs.values()}
    for fields in run.jobs.values():
        with_gpu[fields["rule"]].add("gres:gpu" in fields.get("TresPerJob", ""))
    asked = {rule: with_gpu[rule] for rule in ON_GPU | ON_CPU}
    assert asked == {rule: {rule in ON_GPU} for rule in ON_GPU | ON_CPU}
    where = {fields["rule"]: fields["Partition"] for fields in run.jobs.values()}
    assert {rule: where[rule] for rule in asked} == {rule: "gpu" if rule in ON_GPU else "cpu" for rule in asked}
    assert not {"gather", "decide", "report", "compare"} & set(where)  # small rules stay where Snakemake runs

    ends = {fields["JobState"] for fields in run.jobs.values()}
    assert {"CANCELLED", "TIMEOUT"} <= ends, ends
    trainings = [read_json(path) for path in folder.glob("results/tiny/start-42/round_0/model_*/training.json")]
    assert any(training["resumed_after_epochs"] for training in trainings)
    assert snakemake(unbroken, BROKEN_OFF).returncode == 0
    assert differences(unbroken / "results/tiny", folder / "results/tiny") == []


def hang(job: str) -> None:
    """Stop the processes of a job, as if it hung: it will be over its time limit."""
    pids: list[int] = []
    deadline = time.monotonic() + 30
    while len(pids) < 3 and time.monotonic() < deadline:  # a job that has just begun has none yet
        told = subprocess.run(["scontrol", "listpids", job], capture_output=True, text=True).stdout
        pids = [int(line.split()[0]) for line in told.splitlines()[1:] if int(line.split()[0]) > 0]
        time.sleep(0.2)
    assert pids, f"SLURM knows no process of job {job}"
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGSTOP)
