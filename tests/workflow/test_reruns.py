"""What reruns after which change of the config: the table in docs/reruns.md, checked by dry runs on a finished run."""

from pathlib import Path

import pytest
from conftest import PROJECT, TINY, changed, job_counts, snakemake

LABELLING = {"select", "label", "gather", "check_labels", "prospective", "dataset"}
SHOWING = {"draw_selected", "show_structures"}
JUDGING = {"decide", "check_decision", "report", "compare"}
LOOP = {"train", "test", "explore", "simulate", "analyse", *LABELLING, *SHOWING, *JUDGING}
LAST_ROUND = LOOP - {"label", "gather", "check_labels", "prospective", "dataset"}
CHANGES = {
    "training.learning_rate": (0.02, LOOP),
    "training.from_scratch_every": (1, LAST_ROUND),
    "training.warm_start": (False, LAST_ROUND),
    "training.mem_mb": (8000, set()),
    "training.runtime_min": (60, set()),
    "committee.bootstrap": (True, LOOP),
    "selection.per_round": (8, LOOP),
    "exploration.temperatures_K": ([700], LOOP),
    "simulation.temperature_K": (250, {"simulate", "analyse", *JUDGING}),
    "analysis.drift_limit_eV_per_step": (0.01, {"analyse", *JUDGING}),
    "analysis.timestep_scan.length_ps": (0.1, set()),
    "analysis.vibrations.oracle_hours": (2.0, set()),
    "decision.survival_fraction": (0.5, JUDGING),
    "labels.max_failed_fraction": (0.4, set()),
    "labels.energy_window_eV_per_atom": (2.0, LOOP),
    "labels.time_limit_s": (100.0, set()),
    "split.leakage_rmsd_A": (0.03, set()),
    "split.max_leaked_fraction": (0.5, set()),
    "oracle_gate.force_mae_meV_per_A": (10.0, set()),
    "oracle_gate.frames": (2, set()),
    "oracle.pyscf.basis": ("def2-TZVP", set()),
    "reference.files.citation": ("nobody", set()),
    "split.gap_frames": (3, set()),
    "threads": (2, set()),
    "container": ("ouroboros.sif", set()),
    "sweep.over": ({"model.n_interactions": [1, 3]}, set()),
}


@pytest.mark.parametrize("key", CHANGES)
def test_a_changed_key_reruns_what_depends_on_it(key: str, finished: Path):
    value, expected = CHANGES[key]
    run = snakemake(finished, changed(TINY, **{key.replace(".", "__"): value}), "--dry-run")
    assert set(job_counts(run.stdout)) - {"all"} == expected, run.stdout


def test_a_change_before_the_first_training_leaves_the_reference_alone(finished: Path):
    run = snakemake(finished, changed(TINY, training__learning_rate=0.02), "--dry-run")
    counts = job_counts(run.stdout)
    assert counts["train"] == 6
    assert not {"generate", "curate", "split"} & set(counts)


def test_more_rounds_add_rounds_and_label_what_was_the_last(finished: Path):
    counts = job_counts(snakemake(finished, changed(TINY, rounds__count=3), "--dry-run").stdout)
    assert counts["train"] == 4  # two members, two arms, one new round
    assert counts["label"] == 4
    assert "generate" not in counts


def test_dropping_an_arm_leaves_the_other_as_it_is(finished: Path):
    counts = job_counts(snakemake(finished, changed(TINY, rounds__strategies=["random"]), "--dry-run").stdout)
    assert set(counts) == {"all", "compare"}


def test_another_member_is_trained_and_what_follows_from_it(finished: Path):
    counts = job_counts(snakemake(finished, changed(TINY, committee__size=3), "--dry-run").stdout)
    assert counts["train"] == 1 + 6  # the new one of round 0; all of round 1, which learns from other labels
    assert not {"generate", "curate", "split"} & set(counts)


def test_touched_code_reruns_nothing(finished: Path):
    """As a checkout or another clone does."""
    for path in [*PROJECT.glob("workflow_scripts/**/*.py"), *PROJECT.glob("rules/*.smk"), PROJECT / "Snakefile"]:
        path.touch()
    assert "Nothing to be done" in snakemake(finished, TINY, "--dry-run").stdout
