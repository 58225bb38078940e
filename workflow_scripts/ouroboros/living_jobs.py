"""Whether jobs of a run are still alive in a folder: what `make unlock` asks before it takes the lock away.

    python -m ouroboros.living_jobs

A run that is killed with `kill -9` leaves Snakemake's lock behind, and its jobs too where they were not killed with it.
Two runs at a time in one folder would write the same files. What runs on another machine and not by SLURM is not seen.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import psutil

SUBMITTED = Path(
    ".snakemake/slurm_logs"
)  # Snakemake's executor makes it with the first job that it submits, unless slurm-logdir names another


def local_jobs(folder: str | Path = ".") -> list[str]:
    """Processes of this machine that run Snakemake or one of its jobs in `folder` or below it, as `pid command`."""
    mine = {os.getpid(), *(parent.pid for parent in psutil.Process().parents())}
    found = []
    for process in psutil.process_iter(["cwd", "cmdline"]):
        where, command = process.info["cwd"], process.info["cmdline"]
        if process.pid in mine or not (where and command) or not Path(where).is_relative_to(Path(folder).resolve()):
            continue
        if name := _job(command):
            found.append(f"{process.pid} {name}")
    return found


def _job(command: list[str]) -> str:
    """What a command line runs: Snakemake, or a rule's script; empty where neither."""
    program = Path(command[0]).name
    if program.startswith(("python", "bash", "sh")):
        words = [word for argument in command for word in argument.split()]
        scripts = [Path(word).name for word in words if ".snakemake/scripts/" in word]
        if scripts:
            return scripts[0]
        starts = command[1:3] == ["-m", "snakemake"] or (len(command) > 1 and Path(command[1]).name == "snakemake")
        return "snakemake" if starts else ""
    return "snakemake" if program == "snakemake" else ""


def slurm_jobs(folder: str | Path = ".") -> list[str]:
    """This user's SLURM jobs, waiting or running, that Snakemake submitted from `folder`; none where there is no SLURM.

    Raises:
        RuntimeError: the queue cannot be seen, so that nobody knows.
    """
    if not shutil.which("squeue"):
        return []
    command = ["squeue", "--noheader", "--user", str(os.getuid()), "--format", "%i %k %Z"]  # id, comment, folder
    told = subprocess.run(command, capture_output=True, text=True)
    if told.returncode and not (Path(folder) / SUBMITTED).is_dir():
        return []  # SLURM's programs alone, on a machine of no cluster
    if told.returncode:
        raise RuntimeError(f"the queue of SLURM cannot be seen ({told.stderr.strip()}); try again when squeue answers")
    rows = [line.split(maxsplit=2) for line in told.stdout.splitlines()]
    here = str(Path(folder).resolve())
    return [row[0] for row in rows if len(row) == 3 and row[1].startswith("rule_") and row[2] == here]


def main() -> None:
    """Stop with a sentence where a job is alive."""
    try:
        here, queued = local_jobs(), slurm_jobs()
    except RuntimeError as error:
        sys.exit(f"Whether jobs of a run in this folder are alive is not known: {error}.")
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
