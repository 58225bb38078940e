"""Compile the kernels once for each machine, and load them."""

import ctypes
import functools
import hashlib
import os
import platform
import shutil
import stat
import subprocess
import tempfile
from pathlib import Path

SOURCE = Path(__file__).with_name("pair_kernels.cpp")
FLAGS = ["-O3", "-march=native", "-std=c++17", "-shared", "-fPIC"]
THREADS = ["-fopenmp", "-fopenmp-simd"]  # the first that the compiler takes; Apple's has no threads of its own


class KernelsMissing(RuntimeError):
    """The kernels cannot be compiled here; the message says why."""


@functools.cache
def load_kernels() -> ctypes.CDLL:
    """The compiled kernels, from the user's cache where they are there.

    The first call on a machine compiles, a second or two. `XDG_CACHE_HOME` moves the cache, `CXX` names the compiler.

    Raises:
        KernelsMissing: there is no C++ compiler, or it fails.
    """
    compiler = os.environ.get("CXX", "clang++" if platform.system() == "Darwin" else "g++")
    if not shutil.which(compiler):
        raise KernelsMissing(f"there is no C++ compiler ({compiler})")
    key = hashlib.sha256("\0".join([SOURCE.read_text(), compiler, *FLAGS, _processor()]).encode()).hexdigest()[:16]
    library = _cache() / f"pair_kernels_{key}.so"
    if not library.exists():
        _compile(compiler, library)
    try:
        return ctypes.CDLL(str(library))
    except OSError as error:
        raise KernelsMissing(f"the compiled kernels cannot be loaded ({error})") from error


def _compile(compiler: str, library: Path) -> None:
    """Write the library under its name when it is whole: several processes may do so at once."""
    with tempfile.TemporaryDirectory(dir=library.parent) as scratch:
        made, failure = Path(scratch) / library.name, ""
        for threads in THREADS:
            command = [compiler, *FLAGS, threads, str(SOURCE), "-o", str(made)]
            run = subprocess.run(command, capture_output=True, text=True)
            if run.returncode == 0:
                made.replace(library)
                return
            failure = failure or (run.stderr.strip().splitlines() or [f"exit status {run.returncode}"])[-1]
    raise KernelsMissing(f"{compiler} cannot compile the kernels ({failure})")


def _cache() -> Path:
    """The user's cache folder; where that cannot be written one in the temporary folder that is the user's alone.

    Raises:
        KernelsMissing: that one is not the user's: what lies there would be run.
    """
    folder = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "ouroboros"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if os.access(folder, os.W_OK):
            return folder
    except OSError:
        pass
    folder = Path(tempfile.gettempdir()) / f"ouroboros_{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o077:
        raise KernelsMissing(f"no folder to keep them in: {folder} is open to others, remove it or set XDG_CACHE_HOME")
    return folder


def _processor() -> str:
    """What this processor can do: machines may share a cache, and code for another processor ends in a crash."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return f"{platform.machine()} {platform.processor()}"
    return "".join(sorted({line for line in lines if line.lower().startswith(("flags", "features", "model name"))}))
