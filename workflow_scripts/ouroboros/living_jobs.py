"""Whether jobs of a run are still alive in a folder: what `make unlock` asks before it takes the lock away.

    python -m ouroboros.living_jobs

A run that is killed with `kill -9` leaves Snakemake's lock behind, and its jobs too where they were not killed with it.
Two runs at a time in one folder would write the same files.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import psutil


def local_jobs(folder: str | Path = ".") -> list[str]:
    """Processes of this machine that run Snakemake or one of its jobs in `folder`, as `pid command`."""
    mine = {os.getpid(), *(parent.pid for parent in psutil.Process().parents())}
    return [
        f"{process.pid} {_short(process.info['cmdline'])}"
        for process in psutil.process_iter(["cwd", "cmdline"])
        if process.pid not in mine
        and process.info["cwd"] == str(Path(folder).resolve())
        and any("snakemake" in word for word in process.info["cmdline"] or [])
        and process.info["cmdline"][0] != "make"
    ]


def _short(command: list[str]) -> str:
    """A command by its most telling word: the script of a rule, or Snakemake itself."""
    scripts = [Path(word).name for line in command for word in line.split() if ".snakemake/scripts/" in word]
    return scripts[0] if scripts else "snakemake"


def slurm_jobs(folder: str | Path = ".") -> list[str]:
    """This user's SLURM jobs, waiting or running, that work in `folder`; none where there is no SLURM."""
    if not shutil.which("squeue"):
        return []
    command = ["squeue", "--noheader", "--user", str(os.getuid()), "--format", "%i %Z"]
    told = subprocess.run(command, capture_output=True, text=True).stdout
    rows = [line.split(maxsplit=1) for line in told.splitlines()]
    return [row[0] for row in rows if len(row) == 2 and row[1] == str(Path(folder).resolve())]


def main() -> None:
    """Stop with a sentence where a job is alive."""
    here, queued = local_jobs(), slurm_jobs()
    if here:
        told = "\n  ".join(here)
        sys.exit(f"Jobs of a run in this folder are alive:\n  {told}\nWait for them, or end them: kill PID.")
    if queued:
        sys.exit(
            f"SLURM jobs of a run in this folder are in the queue: {' '.join(queued)}\n"
            "Wait for them, or end them: scancel JOB."
        )


if __name__ == "__main__":
    main()
