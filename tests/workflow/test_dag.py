"""Which jobs a config leads to, found by dry runs."""

from pathlib import Path

import pytest
from conftest import PROJECT, TINY, changed, job_counts, snakemake

from ouroboros import faults

EXAMPLES = [*sorted((PROJECT / "examples").glob("*.yaml")), PROJECT / "config.yaml"]


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_every_example_dry_runs(example: Path, folder_of_examples: Path):
    run = snakemake(folder_of_examples, example, "--dry-run")
    assert run.returncode == 0, run.stdout
    assert job_counts(run.stdout)["train"] > 0


def test_fixed_rounds_make_a_static_dag_in_which_the_arms_share_their_start(tmp_path: Path):
    run = snakemake(tmp_path, changed(TINY, rounds__count=3, committee__size=3), "--dry-run")
    counts = job_counts(run.stdout)
    assert counts == {
        "all": 1,
        "environment": 1,
        "generate": 4,
        "curate": 1,
        "split": 1,
        "leakage": 1,
        "check_oracle": 1,
        "check_reference": 1,
        "dataset": 5,
        "train": 15,  # three members, five rounds: both arms share round 0
        "test": 5,
        "explore": 5,
        "simulate": 5,
        "analyse": 5,
        "select": 6,
        "draw_selected": 6,
        "label": 8,  # two batches, two rounds, two arms: nothing would learn from labels of the last round
        "gather": 4,
        "check_labels": 4,
        "prospective": 4,
        "decide": 6,
        "check_decision": 6,
        "report": 2,
        "show_structures": 2,
        "compare": 1,
    }


def test_a_run_that_labels_nothing_does_not_ask_the_oracle(tmp_path: Path):
    counts = job_counts(snakemake(tmp_path, changed(TINY, rounds__count=1), "--dry-run").stdout)
    assert counts["check_reference"] == 1
    assert not {"check_oracle", "label"} & set(counts)


def test_one_strategy_needs_one_chain(tmp_path: Path):
    counts = job_counts(snakemake(tmp_path, changed(TINY, rounds__strategies=["random"]), "--dry-run").stdout)
    assert counts["train"] == 4
    assert counts["decide"] == 2


def test_an_unknown_strategy_in_a_path_is_no_request(tmp_path: Path):
    run = snakemake(tmp_path, TINY, "--dry-run", targets=["results/tiny/comittee-42/round_1/test/metrics.json"])
    assert run.returncode != 0
    assert "MissingRuleException" in run.stdout


def test_until_converged_plans_only_the_first_round_before_its_decision(tmp_path: Path):
    counts = job_counts(snakemake(tmp_path, changed(TINY, rounds__mode="until_converged"), "--dry-run").stdout)
    assert counts["decide"] == 2  # of both arms, neither waits for the other
    assert "label" not in counts  # what is converged is not labelled
    assert "report" not in counts


def test_a_file_of_a_later_round_is_a_legal_request(tmp_path: Path):
    target = "results/tiny/committee-42/round_1/test/metrics.json"
    counts = job_counts(snakemake(tmp_path, TINY, "--dry-run", targets=[target]).stdout)
    assert counts["train"] == 4
    assert "simulate" not in counts


@pytest.mark.parametrize(("device", "gpus"), [("cpu", 0), ("cuda", 1)])
def test_gpu_rules_ask_for_a_gpu_only_when_the_device_is_one(device: str, gpus: int, tmp_path: Path):
    target = "results/tiny/start-42/round_0/model_0/model.pt"
    run = snakemake(tmp_path, changed(TINY, device=device), "--dry-run", "--quiet", "host", targets=[target])
    asked = [line for line in run.stdout.splitlines() if "resources:" in line and "gpu=" in line]
    assert asked, run.stdout
    assert all(f"gpu={gpus}" in line for line in asked)


def test_a_bad_config_stops_before_the_dag_with_one_sentence(tmp_path: Path):
    run = snakemake(tmp_path, changed(TINY, training__learning_rat=0.1), "--dry-run")
    assert run.returncode != 0
    assert run.stdout.splitlines()[-3:] == [
        "Config key 'training.learning_rat' is unknown; did you mean 'learning_rate'?",
        f"  Next: {faults.NEXT['the-config-cannot-be-run']}",
        "  More: docs/troubleshooting.md#the-config-cannot-be-run",
    ]
    assert "Traceback" not in run.stdout and "common.smk" not in run.stdout
