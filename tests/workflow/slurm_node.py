"""A SLURM of one node with a pretend GPU, on this machine: real daemons, configured for the length of a test."""

import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

CONFIGURATION = Path("/etc/slurm")
PARTITIONS = ("cpu", "gpu")
# KillWait and the intervals are short, so that what is ended is ended soon.
SLURM_CONF = """
ClusterName=ouroboros
SlurmctldHost={host}
SlurmUser=root
AuthType=auth/munge
AuthInfo=cred_expire=10
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
AccountingStorageType=accounting_storage/none
JobCompType=jobcomp/none
GresTypes=gpu
ReturnToService=0
KillWait=2
SchedulerParameters=sched_interval=2
SlurmdTimeout=300
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
NodeName={host} CPUs={cores} RealMemory={memory} Gres=gpu:1 State=UNKNOWN
PartitionName=cpu Nodes={host} Default=YES MaxTime=INFINITE State=UP
PartitionName=gpu Nodes={host} MaxTime=INFINITE State=UP
"""


def reason_without_slurm() -> str:
    """Why no SLURM can be started here; empty where one can."""
    import os

    if os.geteuid() != 0:
        return "SLURM's daemons need root"
    missing = [name for name in ("slurmctld", "slurmd", "sbatch", "munged") if not shutil.which(name)]
    if missing:
        return f"{', '.join(missing)} missing: `make test-slurm` installs slurm-wlm and munge on Debian"
    if (CONFIGURATION / "slurm.conf").exists():
        return f"{CONFIGURATION}/slurm.conf is there: this machine has a SLURM of its own"
    return ""


@contextmanager
def one_node(folder: Path) -> Iterator[str]:
    """Start munged, slurmctld and slurmd, and stop what was started; yields the node's name.

    Args:
        folder: for states and logs.
    """
    host, memory = socket.gethostname(), _megabytes()
    for name in ("state", "spool"):
        (folder / name).mkdir(parents=True)
    started_munge = not _answers("munge", "-n")
    CONFIGURATION.mkdir(exist_ok=True)
    files = [CONFIGURATION / "slurm.conf", CONFIGURATION / "gres.conf"]
    cores = max(2, _cores())
    files[0].write_text(SLURM_CONF.format(host=host, folder=folder, cores=cores, memory=memory))
    files[1].write_text(f"NodeName={host} Name=gpu File=/dev/null\n")
    try:
        if started_munge:
            _start_munge()
        subprocess.run(["slurmctld"], check=True)
        subprocess.run(["slurmd"], check=True)
        _wait_for(host, folder)
        yield host
    finally:
        _answers("scancel", "--user", "root")
        _answers("scontrol", "shutdown")
        _wait_until_gone("slurmctld", "slurmd", "slurmstepd")
        if started_munge:
            _answers("pkill", "-x", "munged")
        for file in files:
            file.unlink(missing_ok=True)


def scontrol(*arguments: str) -> str:
    """What `scontrol` answers."""
    return subprocess.run(["scontrol", *arguments], capture_output=True, text=True, check=True).stdout


def _start_munge() -> None:
    for name in ("/etc/munge", "/var/log/munge", "/var/lib/munge", "/run/munge"):
        Path(name).mkdir(exist_ok=True)
        shutil.chown(name, "munge", "munge")
    Path("/run/munge").chmod(0o755)
    if not Path("/etc/munge/munge.key").exists():
        subprocess.run(["mungekey", "--create"], check=True)
        shutil.chown("/etc/munge/munge.key", "munge", "munge")
    subprocess.run(["runuser", "-u", "munge", "--", "munged"], check=True)


def _wait_for(host: str, folder: Path) -> None:
    for _ in range(60):
        told = subprocess.run(["sinfo", "-h", "-n", host, "-o", "%T"], capture_output=True, text=True).stdout.split()
        if told and set(told) <= {"idle", "mixed"}:
            return
        time.sleep(1)
    logs = "\n".join(path.read_text()[-2000:] for path in folder.glob("*.log"))
    raise RuntimeError(f"the node is {told} after a minute:\n{logs}")


def _wait_until_gone(*names: str) -> None:
    for _ in range(30):
        if not any(_answers("pgrep", "-x", name) for name in names):
            return
        time.sleep(1)
    for name in names:
        _answers("pkill", "-KILL", "-x", name)


def _answers(*command: str) -> bool:
    return subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode == 0


def _cores() -> int:
    told = subprocess.run(["slurmd", "-C"], capture_output=True, text=True).stdout
    return int(told.split("CPUs=")[1].split()[0])


def _megabytes() -> int:
    text = Path("/proc/meminfo").read_text()
    return int(text.split("MemTotal:")[1].split()[0]) // 1024 - 200
