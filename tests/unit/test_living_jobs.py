"""A lock is taken away only where nobody works: jobs are found by folder and command."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from ouroboros.living_jobs import _job, local_jobs, slurm_jobs

LIBRARY = Path(__file__).parents[2] / "workflow_scripts"


@pytest.fixture
def job(waiting_process):
    """Start a process that waits, with words in its command and a folder to work in."""

    def job(folder, *words):
        process = waiting_process("print('up', flush=True)", *words, cwd=folder)
        process.stdout.readline()
        return process

    return job


def ask(folder):
    environment = {**os.environ, "PYTHONPATH": str(LIBRARY)}
    command = [sys.executable, "-m", "ouroboros.living_jobs"]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)


def test_a_job_in_the_folder_is_named_until_it_is_gone(job, tmp_path):
    process = job(tmp_path, str(tmp_path / ".snakemake/scripts/tmpx1.train.py"))
    assert local_jobs(tmp_path) == [f"{process.pid} tmpx1.train.py"]
    told = ask(tmp_path)
    assert told.returncode == 1
    assert f"{process.pid} tmpx1.train.py" in told.stderr and "Traceback" not in told.stderr
    process.kill()
    process.communicate()
    assert local_jobs(tmp_path) == []
    assert ask(tmp_path).returncode == 0


def test_a_job_that_works_below_the_folder_is_found(job, tmp_path):
    (tmp_path / "scratch").mkdir()
    process = job(tmp_path / "scratch", ".snakemake/scripts/tmpx2.label.py")
    assert local_jobs(tmp_path) == [f"{process.pid} tmpx2.label.py"]


def test_jobs_elsewhere_and_other_programs_here_are_nobody(job, tmp_path):
    (tmp_path / "run").mkdir()
    job(tmp_path, ".snakemake/scripts/tmpx3.train.py")
    job(tmp_path / "run", "notebook", "about snakemake")
    log = tmp_path / "run/.snakemake/log"
    log.parent.mkdir()
    log.touch()
    reader = subprocess.Popen(["tail", "-f", log], cwd=tmp_path / "run", stdout=subprocess.DEVNULL)
    try:
        assert local_jobs(tmp_path / "run") == []
    finally:
        reader.kill()
        reader.wait()


@pytest.mark.parametrize(
    "command",
    [
        ["/env/bin/snakemake", "-n"],
        ["/env/bin/python", "/env/bin/snakemake"],
        ["python3.12", "-m", "snakemake", "--mode", "subprocess"],
    ],
)
def test_snakemake_is_known_however_it_was_started(command):
    assert _job(command) == "snakemake"


@pytest.fixture
def squeue(monkeypatch, tmp_path):
    """A program in the place of squeue, in a folder that jobs were submitted from."""

    def install(*lines):
        (tmp_path / ".snakemake/slurm_logs").mkdir(parents=True)
        program = tmp_path / "squeue"
        program.write_text("\n".join(["#!/bin/sh", *lines]))
        program.chmod(0o755)
        monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)

    return install


def test_jobs_in_the_queue_of_slurm_are_found_by_folder_and_comment(squeue, tmp_path):
    squeue(
        "echo '12 rule_train_wildcards_start-42_0_1 /elsewhere'",
        f"echo '13 rule_train_wildcards_start-42_0_1 {tmp_path.resolve()}'",
        f"echo '14 (null) {tmp_path.resolve()}'",  # such as the job that Snakemake itself runs in
    )
    assert slurm_jobs(tmp_path) == ["13"]


def test_a_queue_that_does_not_answer_is_no_empty_queue(squeue, tmp_path):
    squeue("echo 'Unable to contact slurm controller' >&2", "exit 1")
    told = ask(tmp_path)
    assert told.returncode == 1
    assert "is not known" in told.stderr and "Unable to contact" in told.stderr and "Traceback" not in told.stderr


def test_a_folder_that_submitted_nothing_does_not_wait_for_a_queue(squeue, tmp_path):
    squeue("echo 'Unable to contact slurm controller' >&2", "exit 1")
    (tmp_path / "other").mkdir()
    assert slurm_jobs(tmp_path / "other") == []


def test_jobs_whose_logs_went_elsewhere_are_found(squeue, tmp_path):
    (tmp_path / "other").mkdir()
    squeue(f"echo '15 rule_train_wildcards_start-42_0_1 {(tmp_path / 'other').resolve()}'")
    assert slurm_jobs(tmp_path / "other") == ["15"]
