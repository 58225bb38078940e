"""What the machine has for a run: processors, memory, disk, and the file systems that results and scratch lie on."""

import os
import platform
import tempfile
from pathlib import Path

import psutil

from .findings import FAULT, NOTE, OK, Finding

GIB = 1024**3
LEAST_MEMORY_GIB, LEAST_DISK_GIB, LEAST_SCRATCH_GIB = 3.0, 5.0, 2.0
SHARED = (
    "nfs",
    "nfs4",
    "lustre",
    "gpfs",
    "beegfs",
    "beegfs_nodev",
    "ceph",
    "cifs",
    "smb3",
    "smbfs",
    "afs",
    "fuse.sshfs",
)


def processor_finding() -> Finding:
    """Cores that this process may use, and what is set for the libraries' threads."""
    usable = usable_processors()
    cores = psutil.cpu_count(logical=False) or usable
    set_here = os.environ.get("OMP_NUM_THREADS")
    found = f"{usable} of {os.cpu_count()} logical processors ({cores} cores, {platform.machine()})"
    if set_here:
        found += f"; OMP_NUM_THREADS={set_here} holds here, in jobs the config's `threads`"
    return Finding("processors", OK, found)


def usable_processors() -> int:
    """Logical processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def memory_finding() -> Finding:
    """Free memory, of the machine and within this process's control group."""
    free = psutil.virtual_memory().available / GIB
    found = f"{free:.1f} of {psutil.virtual_memory().total / GIB:.1f} GiB free"
    left = memory_left()
    if left is not None and left / GIB < free:
        free = left / GIB
        found += f", of which this container or job may have {free:.1f}"
    if free < LEAST_MEMORY_GIB:
        fix = "end other programs, train one member at a time (ARGS=--cores 1), or set training.accumulation"
        return Finding("memory", NOTE, f"{found}: a training takes 1 to 2 GiB", fix)
    return Finding("memory", OK, found)


def memory_left(root: Path = Path("/sys/fs/cgroup"), process: Path = Path("/proc/self/cgroup")) -> int | None:
    """Bytes that this process's control group, or one above it, has left; None where none is limited.

    Linux, control groups of version 2 (https://docs.kernel.org/admin-guide/cgroup-v2.html, memory.max).
    """
    if not process.exists():
        return None
    own = [
        line.split("::", 1)[1] for line in process.read_text(encoding="utf-8").splitlines() if line.startswith("0::")
    ]
    left = []
    for name in own:
        group = root / name.strip("/")
        for folder in (group, *group.parents):
            limit, used = folder / "memory.max", folder / "memory.current"
            if limit.exists() and limit.read_text(encoding="ascii").strip() != "max":
                left.append(int(limit.read_text(encoding="ascii")) - int(used.read_text(encoding="ascii")))
            if folder == root:
                break
    return min(left, default=None)


def results_finding(folder: str | Path = ".") -> Finding:
    """Free disk where results go, and whether that is a shared file system."""
    free, kind = psutil.disk_usage(str(folder)).free / GIB, file_system(folder)
    found = f"{free:.0f} GiB free in {Path(folder).resolve()} ({kind})"
    if free < LEAST_DISK_GIB:
        return Finding("results", FAULT, found, "make room: a run of the demo's size takes 0.2 GB, the packages 7")
    if kind in SHARED:
        fix = "--latency-wait 60, as profiles/slurm has it; keep scratch on a local disk (TMPDIR)"
        return Finding("results", NOTE, f"{found}: files of other nodes show late", fix)
    return Finding("results", OK, found)


def scratch_finding() -> Finding:
    """Free disk for the temporary files of quantum chemistry: neither on a shared file system nor in memory."""
    folder = os.environ.get("PYSCF_TMPDIR", tempfile.gettempdir())
    free, kind = psutil.disk_usage(folder).free / GIB, file_system(folder)
    found = f"{free:.0f} GiB free in {folder} ({kind})"
    fix = "set TMPDIR to a folder on a local disk with room"
    if free < LEAST_SCRATCH_GIB:
        return Finding("scratch", FAULT, found, fix)
    if kind in SHARED:
        return Finding("scratch", NOTE, f"{found}: slow for the integrals of DFT", fix)
    if kind in ("tmpfs", "ramfs"):
        return Finding("scratch", NOTE, f"{found}: what lies there counts as memory", fix)
    return Finding("scratch", OK, found)


def file_system(folder: str | Path) -> str:
    """The type of the file system that a folder lies on, such as ext4, nfs4 or tmpfs; `unknown` where none is told."""
    place = Path(folder).resolve()
    mounts = {Path(each.mountpoint): each.fstype for each in psutil.disk_partitions(all=True)}
    return next((mounts[parent] for parent in (place, *place.parents) if mounts.get(parent)), "unknown")
