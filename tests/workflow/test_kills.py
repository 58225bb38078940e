"""A run that is killed in every stage ends as the unbroken one (`bench/kills.py` does it thirty times and more)."""

import random
from pathlib import Path

from conftest import TINY
from killed_run import KilledRun, differences

STAGES = {
    "generate": 1.0,
    "curate": 1.0,
    "train": 8.0,
    "explore": 3.0,
    "select_structures": 2.0,
    "label": 1.0,
    "report": 1.0,
}


def test_a_run_killed_in_every_stage_ends_as_the_unbroken_one(tmp_path: Path, finished: Path):
    run = KilledRun(tmp_path, TINY, random.Random(1))
    for stage, within_s in STAGES.items():
        assert run.kill_in(stage, within_s), f"no job of {stage} was seen"
    run.finish()
    assert [stage for stage, _ in run.kills] == list(STAGES)
    assert differences(finished / "results/tiny", run.home) == []
    assert run.labels and run.labels_recomputed() == 0
    assert run.checkpoints and run.epochs_repeated() == 0
