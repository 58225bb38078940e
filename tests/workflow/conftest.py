"""Run the real Snakemake in a folder of its own, on a tiny but real experiment: water, two rounds, both strategies."""

import copy
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml
from filelock import FileLock

PROJECT = Path(__file__).parents[2]
TINY: dict[str, Any] = {
    "name": "tiny",
    "reference": {
        "generate": {
            "molecule": "water",
            "temperatures_K": [300, 500],
            "trajectories_per_temperature": 2,
            "length_ps": 0.2,
            "equilibration_ps": 0.05,
        }
    },
    "split": {"train": 12, "validation": 4, "test": 20},
    "committee": {"size": 2},
    "model": {"n_atom_basis": 16, "n_interactions": 2, "n_rbf": 10},
    "training": {"steps": 300, "learning_rate": 0.01},
    "exploration": {"walkers": 4, "length_ps": 0.05, "stride_fs": 5, "hard_limit_eV_per_A": 20},
    "simulation": {"walkers": 2, "steps": 200, "stride": 2},
    "selection": {"per_round": 6, "low_eV_per_A": 0.0},
    "labels": {"batch_size": 4},
    "rounds": {"count": 2, "strategies": ["committee", "random"]},
}


def changed(config: dict[str, Any], **values: Any) -> dict[str, Any]:
    """A copy of a config with keys replaced: `changed(TINY, training__steps=5)`."""
    config = copy.deepcopy(config)
    for path, value in values.items():
        *sections, key = path.split("__")
        target = config
        for section in sections:
            target = target.setdefault(section, {})
        target[key] = value
    return config


# For runs that are broken off: one arm, and trainings long enough to leave a state behind.
BROKEN_OFF = changed(TINY, rounds__strategies=["committee"], training__steps=1500)


def command_for(
    folder: Path,
    config: dict[str, Any] | Path,
    *options: str,
    targets: Sequence[str] = (),
    profile: Path = PROJECT / "profiles/default",
) -> list[str]:
    """The command that runs Snakemake in `folder`; a config of values is written there."""
    path = config if isinstance(config, Path) else folder / "config.yaml"
    if isinstance(config, dict):
        path.write_text(yaml.safe_dump(config), encoding="utf-8")
    command = [sys.executable, "-m", "snakemake", "--snakefile", PROJECT / "Snakefile", "--directory", folder]
    command += ["--workflow-profile", profile, "--configfile", path, *options, "--", *targets]
    return [str(part) for part in command]


def snakemake(
    folder: Path, config: dict[str, Any] | Path, *options: str, targets: Sequence[str] = ()
) -> subprocess.CompletedProcess[str]:
    """Run Snakemake with the default profile in `folder`; output and errors come back as one text in `stdout`."""
    command = command_for(folder, config, *options, targets=targets)
    environment = {**os.environ, "XDG_CACHE_HOME": str(folder / "cache")}
    return subprocess.run(command, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=environment)


def job_counts(output: str) -> dict[str, int]:
    """Rule and number of jobs, from the table that a dry run prints."""
    table = output.rsplit("Job stats:", 1)[-1] if "Job stats:" in output else ""
    rows = re.findall(r"^([a-z_]+) +(\d+)$", table, flags=re.MULTILINE)
    return {rule: int(n) for rule, n in rows if rule != "total"}


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a finished tiny run, shared by the tests that only look at it or dry-run on top of it.

    Processes of pytest that work side by side have a copy each of what the first has made.
    """
    own = tmp_path_factory.getbasetemp() / "finished"
    if "PYTEST_XDIST_WORKER" not in os.environ:
        return run_to_the_end(own)
    shared = own.parent.with_name("finished")
    with FileLock(f"{shared}.lock"):
        if not shared.exists():
            run_to_the_end(shared)
    shutil.copytree(shared, own, ignore=shutil.ignore_patterns("cache"))
    return own


def run_to_the_end(folder: Path) -> Path:
    """The tiny experiment in a new folder."""
    folder.mkdir()
    run = snakemake(folder, TINY)
    assert run.returncode == 0, run.stdout
    return folder
