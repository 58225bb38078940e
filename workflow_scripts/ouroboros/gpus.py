"""Which GPU a job takes: Snakemake counts GPU jobs and hands out no devices, so that each job locks a free one.

The lock is flock(2) on a file in the machine's folder for temporary files. The kernel lets go of it when the process
ends, however it ends. The file goes by the machine and the device's own number, so that a folder which machines share
and a device that goes by two names do no harm; inside a SLURM job by the job too, as what SLURM has handed out is
shared by nobody but that job's processes, and the one GPU of two jobs may be called 0 in both.
"""

import fcntl
import os
import re
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
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
    return list(listed_gpus().values())


def listed_gpus() -> dict[str, str]:
    """The devices that nvidia-smi lists, by what CUDA_VISIBLE_DEVICES may call them: their own numbers (UUID).

    A GPU that is divided (MIG) stands by its parts.
    """
    try:
        told = subprocess.run(["nvidia-smi", "-L"], capture_output=True, text=True, timeout=60, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        return {}
    parts: dict[str, list[str]] = {}
    for name in re.findall(r"\(UUID: (\S+)\)", told):
        if name.startswith("MIG-"):
            parts[next(reversed(parts))].append(name)
        else:
            parts[name] = []
    found: dict[str, str] = {}
    for index, gpu in enumerate(parts):
        found |= {part: part for part in parts[gpu]} or {str(index): gpu}
    return found


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
    told, known = False, listed_gpus()
    while True:
        for name in names:
            descriptor = _locked(_lock_file(known.get(name, name)))
            if descriptor is not None:
                return name, descriptor
        if not told:
            say(f"waits for a GPU: other jobs hold {', '.join(names)} (locks in {tempfile.gettempdir()})")
            told = True
        time.sleep(LOOK_EVERY_S)


def _lock_file(device: str) -> Path:
    parts = ["ouroboros-gpu", socket.gethostname(), os.environ.get("SLURM_JOB_ID", ""), device]
    return Path(tempfile.gettempdir(), re.sub(r"[^\w-]", "_", "-".join(filter(None, parts))) + ".lock")


def _locked(path: Path) -> int | None:
    """A descriptor that holds the lock; None where another process holds it.

    Raises:
        OSError: the folder's file system knows no locks, or the file cannot be opened.
    """
    try:
        descriptor = _open(path)
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    except OSError as error:
        raise OSError(
            f"no lock for a GPU can be had: {error.strerror} ({path}); let TMPDIR be a folder on a local disk"
        ) from error
    return descriptor


def _open(path: Path) -> int:
    """A descriptor of the file, which users of the machine share whatever their umask."""
    with suppress(FileExistsError):
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o666)
        os.fchmod(descriptor, 0o666)
        return descriptor
    try:
        return os.open(path, os.O_RDWR)
    except PermissionError:
        return os.open(path, os.O_RDONLY)
