"""What reruns after which change of the config: the table in docs/reruns.md, checked by dry runs on a finished run."""

from pathlib import Path

import pytest
from conftest import TINY, changed, job_counts, snakemake

AFTER_TRAINING = {"train", "test", "explore", "simulate", "analyse", "select", "label", "gather"}
LOOP = {*AFTER_TRAINING, "dataset", "decide", "report", "compare"}
CHANGES = {
    "training.learning_rate": (0.02, LOOP),
    "selection.per_round": (8, LOOP),
    "exploration.temperatures_K": ([700], LOOP),
    "simulation.temperature_K": (250, {"simulate", "analyse", "decide", "report", "compare"}),
    "analysis.drift_limit_eV_per_step": (0.01, {"analyse", "decide", "report", "compare"}),
    "decision.survival_fraction": (0.5, {"decide", "report", "compare"}),
    "threads": (2, set()),
}


@pytest.mark.parametrize("key", CHANGES)
def test_a_changed_key_reruns_what_depends_on_it(key: str, finished: Path):
    value, expected = CHANGES[key]
    run = snakemake(finished, changed(TINY, **{key.replace(".", "__"): value}), "--dry-run")
    assert set(job_counts(run.stdout)) - {"all"} == expected, run.stdout
