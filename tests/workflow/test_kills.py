"""A run that is killed in every stage ends as the unbroken one (`bench/kills.py` does it thirty times and more)."""

import random
from pathlib import Path

import pytest
from conftest import BROKEN_OFF, snakemake
from killed_run import KilledRun, differences
from rich.console import Console

from ouroboros.config import load_experiment
from ouroboros.status import view

STATE = "states/*/round_0/model_*/last.ckpt"
STAGES = {  # within seconds of the first sight of a job, once there is such a file
    "generate": (0.5, ""),
    "curate": (0.2, ""),
    "train": (2.0, STATE),
    "explore": (1.0, ""),
    "select_structures": (0.5, ""),
    "label": (0.3, ""),
    "report": (0.2, ""),
}


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("unbroken")
    run = snakemake(folder, BROKEN_OFF)
    assert run.returncode == 0, run.stdout
    return folder / "results/tiny"


def status_of(home: Path) -> str:
    console = Console(width=100)
    with console.capture() as capture:
        console.print(view(home, load_experiment(BROKEN_OFF)))
    return capture.get()


def test_a_run_killed_in_every_stage_ends_as_the_unbroken_one(tmp_path: Path, unbroken: Path):
    run = KilledRun(tmp_path, BROKEN_OFF, random.Random(1))
    for stage, (within_s, once) in STAGES.items():
        assert run.kill_in(stage, within_s, once), f"no job of {stage} was killed: {run.kills}"
        if stage == "train":
            told = status_of(run.home)
            assert "At work" in told and "/train_" in told and "validation loss" in told and "Time left" in told
    run.finish()
    assert differences(unbroken, run.home) == []
    assert run.labels and run.labels_recomputed() == 0
    assert run.checkpoints and run.epochs_repeated() == 0
