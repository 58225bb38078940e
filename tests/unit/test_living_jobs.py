"""A lock is taken away only where nobody works: jobs are found by folder and command."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from ouroboros.living_jobs import local_jobs, slurm_jobs

LIBRARY = Path(__file__).parents[2] / "workflow_scripts"
WAIT = "import sys; print('up', flush=True); sys.stdin.readline()"


@pytest.fixture
def job():
    """Start a process that waits, with words in its command and a folder to work in."""
    started = []

    def job(folder, *words):
        process = subprocess.Popen(
            [sys.executable, "-c", WAIT, *words], cwd=folder, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        started.append(process)
        process.stdout.readline()
        return process

    yield job
    for process in started:
        process.kill()
        process.communicate()


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


def test_jobs_elsewhere_and_other_programs_here_are_nobody(job, tmp_path):
    (tmp_path / "other").mkdir()
    job(tmp_path / "other", "snakemake")
    job(tmp_path, "notebook")
    assert local_jobs(tmp_path) == []


def test_jobs_in_the_queue_of_slurm_are_found_by_their_folder(monkeypatch, tmp_path):
    program = tmp_path / "squeue"
    program.write_text(f"#!/bin/sh\necho '12 /elsewhere'\necho '13_4 {tmp_path.resolve()}'\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    assert slurm_jobs(tmp_path) == ["13_4"]


def test_a_machine_without_slurm_has_no_queue(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert slurm_jobs(tmp_path) == []
