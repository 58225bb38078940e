"""GPU jobs of one machine take different devices, wait where all are taken, and let go of them however they end."""

import os
import signal
from pathlib import Path

import pytest

from ouroboros import gpus
from ouroboros.gpus import visible_gpus

LIBRARY = Path(__file__).parents[2] / "workflow_scripts"
HOLD = """
import os
from contextlib import ExitStack
from ouroboros.gpus import claimed_gpu

held = ExitStack()
held.enter_context(claimed_gpu(lambda words: print(words, flush=True)))
print("sees", os.environ.get("CUDA_VISIBLE_DEVICES"), flush=True)
"""


@pytest.fixture
def job(tmp_path, waiting_process):
    """Start processes that hold a GPU until a line comes in."""

    def job(devices, **environment):
        environment = {**os.environ, "PYTHONPATH": str(LIBRARY), "TMPDIR": str(tmp_path), **environment}
        return waiting_process(HOLD, env=environment | {"CUDA_VISIBLE_DEVICES": devices})

    return job


def line(process):
    return process.stdout.readline().strip()


def test_two_jobs_take_two_devices_and_each_sees_its_own_alone(job):
    first = job("2,5")
    assert line(first) == "runs on GPU 2, one of 2, 5"
    second = job("2,5")
    assert line(second) == "runs on GPU 5, one of 2, 5"
    assert (line(first), line(second)) == ("sees 2", "sees 5")


@pytest.mark.parametrize("end", ["line", signal.SIGTERM, signal.SIGKILL])
def test_a_job_waits_for_a_device_and_gets_it_when_its_holder_ends(job, end):
    first = job("GPU-8f2a")
    assert line(first) == "runs on GPU GPU-8f2a"
    second = job("GPU-8f2a")
    assert line(second).startswith("waits for a GPU: other jobs hold GPU-8f2a")
    first.communicate("\n") if end == "line" else first.send_signal(end)
    assert line(second) == "runs on GPU GPU-8f2a"


def test_many_jobs_that_begin_together_share_no_device(job):
    devices = ",".join(map(str, range(4)))
    taken = [line(process).split()[3].rstrip(",") for process in [job(devices) for _ in range(4)]]
    assert sorted(taken) == ["0", "1", "2", "3"]


def test_what_slurm_gave_to_two_jobs_under_one_name_is_two_devices(job):
    first, second = job("0", SLURM_JOB_ID="41"), job("0", SLURM_JOB_ID="42")
    assert line(first) == line(second) == "runs on GPU 0"


@pytest.mark.parametrize("devices", ["", "-1"])
def test_no_device_is_taken_where_none_may_be_seen(job, devices):
    assert line(job(devices)) == f"sees {devices}".strip()


def test_devices_after_an_impossible_one_are_not_seen_by_cuda_either(monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3, 1,-1,0")
    assert visible_gpus() == ["3", "1"]


@pytest.fixture
def nvidia_smi(tmp_path):
    """A folder with a program that lists two GPUs, one of them divided."""
    program = tmp_path / "bin/nvidia-smi"
    program.parent.mkdir()
    program.write_text(
        "#!/bin/sh\n"
        "echo 'GPU 0: NVIDIA RTX A4000 (UUID: GPU-1b0c)'\n"
        "echo 'GPU 1: NVIDIA H100 (UUID: GPU-9d3e)'\n"
        "echo '  MIG 3g.40gb Device 0: (UUID: MIG-77aa)'\n"
        "echo '  MIG 3g.40gb Device 1: (UUID: MIG-77ab)'\n"
    )
    program.chmod(0o755)
    return program.parent


def test_without_a_choice_by_the_user_nvidia_smi_is_asked(monkeypatch, nvidia_smi):
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setenv("PATH", str(nvidia_smi), prepend=os.pathsep)
    assert visible_gpus() == ["GPU-1b0c", "MIG-77aa", "MIG-77ab"]


def test_a_machine_without_nvidia_smi_has_no_gpu(monkeypatch, tmp_path):
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert visible_gpus() == []


def test_a_lock_that_another_user_made_and_may_only_be_read_can_be_held(monkeypatch, tmp_path):
    lock, really = tmp_path / "a.lock", os.open
    lock.touch()

    def refusing(path, flags, *mode):
        if flags & os.O_RDWR and not flags & os.O_CREAT:
            raise PermissionError(13, "Permission denied")
        return really(path, flags, *mode)

    monkeypatch.setattr(gpus.os, "open", refusing)
    held = gpus._locked(lock)
    assert held is not None and gpus._locked(lock) is None
    os.close(held)
    os.close(gpus._locked(lock))


def test_everybody_may_use_a_lock_that_a_careful_user_made(tmp_path):
    before = os.umask(0o077)
    try:
        os.close(gpus._locked(tmp_path / "a.lock"))
    finally:
        os.umask(before)
    assert (tmp_path / "a.lock").stat().st_mode & 0o777 == 0o666


def test_a_device_by_its_index_and_by_its_own_number_is_one(job, nvidia_smi):
    path = f"{nvidia_smi}{os.pathsep}{os.environ['PATH']}"
    assert line(job("0", PATH=path)) == "runs on GPU 0"
    assert line(job("GPU-1b0c", PATH=path)).startswith("waits for a GPU")


def test_a_folder_that_cannot_be_written_is_told_with_what_to_do(tmp_path, monkeypatch):
    monkeypatch.setattr(gpus.tempfile, "gettempdir", lambda: str(tmp_path / "missing"))
    with pytest.raises(OSError, match="TMPDIR be a folder on a local disk"):
        gpus._locked(gpus._lock_file("0"))
