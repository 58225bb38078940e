"""Which GPU a job takes: Snakemake counts GPU jobs and hands out no devices, so that each job locks a free one.

The lock is flock(2) on a file in the machine's folder for temporary files. The kernel lets go of it when the process
ends, however it ends. Inside a SLURM job its number is part of the file's name: what SLURM has handed out is shared by
nobody but the processes of that job, and two jobs whose one GPU is called 0 do not wait for each other.
"""

import fcntl
import os
import re
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

LOOK_EVERY_S = 1.0


def visible_gpus() -> list[str]:
    """The devices that may be taken, as CUDA_VISIBLE_DEVICES names them; where that is not set, those of nvidia-smi.

    Empty where there is none, or none that can be told from another.
    """
    named = os.environ.get("CUDA_VISIBLE_DEVICES")
    if named is not None:
        names = [name.strip() for name in named.split(",")]
        ends = [number for number, name in enumerate(names) if name in ("", "-1")]  # CUDA too reads no further
        return names[: ends[0]] if ends else names
    try:
        listed = subprocess.run(["nvidia-smi", "-L"], capture_output=True, text=True, timeout=60, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        return []
    parts: dict[str, list[str]] = {}
    for name in re.findall(r"\(UUID: (\S+)\)", listed):
        if name.startswith("MIG-"):
            parts[next(reversed(parts))].append(name)
        else:
            parts[name] = []
    return [name for gpu in parts for name in parts[gpu] or [gpu]]  # a divided GPU is taken by its parts


@contextmanager
def claimed_gpu(say: Callable[[str], object]) -> Iterator[str | None]:
    """Hold a free GPU for the length of the body, and let CUDA see no other; to be called before CUDA is used.

    Args:
        say: told which was taken, and that the job waits where none is free.

    Yields:
        Its name, or None where no GPU is listed: whether one can be used all the same is for torch to tell.
    """
    names = visible_gpus()
    if not names:
        yield None
        return
    name, descriptor = _wait_for_one(names, say)
    asked = os.environ.get("CUDA_VISIBLE_DEVICES")
    os.environ["CUDA_VISIBLE_DEVICES"] = name
    say(f"runs on GPU {name}" + (f", one of {', '.join(names)}" if len(names) > 1 else ""))
    try:
        yield name
    finally:
        os.close(descriptor)
        if asked is None:
            del os.environ["CUDA_VISIBLE_DEVICES"]
        else:
            os.environ["CUDA_VISIBLE_DEVICES"] = asked


def _wait_for_one(names: list[str], say: Callable[[str], object]) -> tuple[str, int]:
    """The first GPU that nobody holds, and the descriptor that holds it now."""
    told = False
    while True:
        for name in names:
            descriptor = _open(_lock_file(name))
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                os.close(descriptor)
            else:
                return name, descriptor
        if not told:
            say(f"waits for a GPU: other jobs hold {', '.join(names)} (locks in {tempfile.gettempdir()})")
            told = True
        time.sleep(LOOK_EVERY_S)


def _lock_file(name: str) -> Path:
    job = os.environ.get("SLURM_JOB_ID", "")
    return Path(tempfile.gettempdir(), re.sub(r"[^\w-]", "_", f"ouroboros-gpu-{job}-{name}") + ".lock")


def _open(path: Path) -> int:
    """A descriptor of the file; another user's, which may only be read, can be locked too."""
    try:
        return os.open(path, os.O_RDONLY)
    except FileNotFoundError:
        return os.open(path, os.O_RDONLY | os.O_CREAT, 0o644)
