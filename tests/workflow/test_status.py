"""What `make status` and `make plan` say of real runs; and that they know the jobs that the rules make."""

import os
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import yaml
from conftest import PROJECT, TINY, changed, job_counts, snakemake

from ouroboros.config import load_experiment
from ouroboros.plan.graph import jobs_to_run
from ouroboros.status import jobs_of
from ouroboros.status.expected import TIMED, ends

PUBLISHED = {
    "name": "tiny",
    "reference": {"source": "download"},
    "oracle": {"kind": "pool"},
    "split": {"strategy": "published", "train": 50, "validation": 10, "test": 100},
}
CONFIGS = {
    "generated": changed(
        TINY, rounds__count=3, committee__size=3, rounds__seeds=[1, 2], reference__generate__distorted=5
    ),
    "no labels": changed(TINY, rounds__count=1),
    "pool": PUBLISHED,
}
SNAKEFILE = ("--snakefile", str(PROJECT / "Snakefile"), "--workflow-profile", str(PROJECT / "profiles/default"))


def told(module: str, folder: Path, config: dict[str, Any], *options: str) -> str:
    """What a command prints that has to come to its end."""
    (folder / "my.yaml").write_text(yaml.safe_dump(config), encoding="utf-8")
    environment = {**os.environ, "PYTHONPATH": str(PROJECT / "workflow_scripts"), "COLUMNS": "100"}
    command = [sys.executable, "-m", module, "my.yaml", *options]
    run = subprocess.run(
        command, cwd=folder, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    assert run.returncode == 0, run.stdout
    return run.stdout


@pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS)
def test_the_jobs_it_knows_are_those_that_the_rules_make(config: dict[str, Any], tmp_path: Path):
    settings = load_experiment(config)
    counts = job_counts(snakemake(tmp_path, config, "--dry-run").stdout)
    del counts["all"]
    assert Counter(job.rule for job in jobs_of(settings, ends(tmp_path, settings["rounds"]))) == counts


def test_a_finished_run_is_told_as_one(finished: Path, tmp_path: Path):
    shutil.copytree(finished, tmp_path, dirs_exist_ok=True, ignore=shutil.ignore_patterns("cache"))
    text = told("ouroboros.status", tmp_path, TINY)
    assert "tiny: 62 of 62 jobs done, finished 20" in text and "At work" not in text and "Time left" not in text
    rows = {tuple(line.split()[:2]): line.split() for line in text.splitlines() if "-42 " in line}
    assert set(rows) == {(arm, r) for arm in ("committee-42", "random-42") for r in "01"}
    assert rows["committee-42", "0"][2:5] == ["16", "2/2", "100"] and "6/0/0" in rows["committee-42", "0"]
    assert rows["committee-42", "1"][2] == "22" and rows["random-42", "1"][-1] in ("budget_spent", "converged")
    assert "Nothing to be done" in told("ouroboros.plan", tmp_path, TINY, *SNAKEFILE)


def test_every_log_and_every_time_belongs_to_a_job_that_it_knows(finished: Path):
    home, settings = finished / "results/tiny", load_experiment(TINY)
    jobs = jobs_of(settings, ends(home, settings["rounds"]))
    for folder, ending, rules in (("logs", ".log", None), ("benchmarks", ".tsv", TIMED)):
        names = {str(path.relative_to(home / folder).with_suffix("")) for path in (home / folder).rglob(f"*{ending}")}
        assert names == {job.name for job in jobs if rules is None or job.rule in rules}
    assert [job.output for job in jobs if not (home / job.output).is_file()] == []


def test_a_run_that_goes_on_tells_what_is_left_and_how_long_it_will_take(finished: Path, tmp_path: Path):
    shutil.copytree(finished, tmp_path, dirs_exist_ok=True, ignore=shutil.ignore_patterns("cache"))
    text = " ".join(told("ouroboros.status", tmp_path, changed(TINY, rounds__count=3)).split())
    assert "57 of 94 jobs done" in text  # reports and comparison are others
    assert "4 train, 2 test, 2 explore, 2 simulate, 2 select, 4 label, 2 prospective at the mean time" in text


def test_the_plan_is_made_of_real_work_and_of_the_jobs_that_snakemake_would_run(tmp_path: Path):
    config = changed(TINY, rounds__mode="until_converged")
    text = told("ouroboros.plan", tmp_path, config, *SNAKEFILE)
    rows = {line.split()[0]: line.split() for line in text.splitlines() if line.strip()}
    assert "tiny: 62 jobs to run" in text and "H2O: " in text
    assert {rule: int(rows[rule][1]) for rule in ("generate", "train", "label", "explore")} == {
        "generate": 4, "train": 6, "label": 4, "explore": 3,
    }  # fmt: skip
    assert all(float(rows[rule][2]) > 0 for rule in ("generate", "train", "test", "explore", "simulate", "label"))
    assert "Labels  80 for the reference, 12 of selected structures, 3 to check the oracle" in text
    assert "Total   at most " in text and "An estimate" in text and max(map(len, text.splitlines())) <= 100


def test_a_plan_knows_what_waits_for_what(tmp_path: Path):
    nodes = jobs_to_run(load_experiment(TINY), [*SNAKEFILE, "--directory", str(tmp_path)])
    rules = {number: node.rule for number, node in nodes.items()}
    assert "test" in rules.values()
    for node in nodes.values():
        if node.rule == "test":
            assert Counter(rules[number] for number in node.after)["train"] == 2
