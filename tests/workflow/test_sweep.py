"""A sweep of settings: real trainings on the data of a finished run, and what it runs again."""

import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from conftest import PROJECT, TINY, changed, job_counts, snakemake

from ouroboros.committee import Committee
from ouroboros.frames import Frames
from ouroboros.reference import read_database

SWEEP = {"over": {"model.n_interactions": [1]}, "seeds": [0, 1]}


@pytest.fixture(scope="module")
def swept(finished: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a finished run with a sweep of one value and two seeds."""
    folder = tmp_path_factory.mktemp("swept")
    shutil.copytree(finished, folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns("cache"))
    run = snakemake(folder, changed(TINY, sweep=SWEEP), targets=["sweep"])
    assert run.returncode == 0, run.stdout
    assert "sweep: model.n_interactions-1 has the smallest validation force MAE" in run.stdout
    return folder


def test_the_runs_of_a_sweep_are_trainings_of_their_own_on_the_data_of_round_0(swept: Path):
    home = swept / "results/tiny"
    trainings = [
        json.loads((home / f"sweep/model.n_interactions-1/seed_{s}/training.json").read_text(encoding="utf-8"))
        for s in (0, 1)
    ]
    member = json.loads((home / "start-42/round_0/model_0/training.json").read_text(encoding="utf-8"))
    assert [training["model"]["n_interactions"] for training in trainings] == [1, 1]
    assert member["model"] == trainings[0]["model"] | {"n_interactions": 2}
    assert member["training"] == trainings[0]["training"]
    assert member["frames"] == trainings[0]["frames"]
    assert len({training["seed"] for training in [*trainings, member]}) == 3
    assert trainings[0]["validation"] != trainings[1]["validation"]


def test_the_table_of_a_sweep_holds_the_errors_on_the_frozen_test_set(swept: Path):
    home = swept / "results/tiny"
    table = pd.read_csv(home / "sweep/table.csv")
    assert list(table["seed"]) == [0, 1]
    with np.load(home / "reference/split.npz") as split:
        test = read_database(home / "reference/reference.db", split["test_idx"])
    assert isinstance(test, Frames) and len(test) == 20
    for seed, written in zip(table["seed"], table["test_force_mae_meV_per_A"], strict=True):
        committee = Committee.load([home / f"sweep/model.n_interactions-1/seed_{seed}/model.pt"])
        measured = 1000 * np.abs(committee.predict(test).forces - test.forces).mean()
        assert written == pytest.approx(measured, rel=1e-4)
    assert "range of 2 seeds" in (home / "sweep/error_against_time.svg").read_text(encoding="utf-8")


def test_a_sweep_leaves_the_run_as_it_is(finished: Path, swept: Path):
    assert "Nothing to be done" in snakemake(swept, changed(TINY, sweep=SWEEP), "--dry-run").stdout
    assert "Nothing to be done" in snakemake(swept, changed(TINY, sweep=SWEEP), "--dry-run", targets=["sweep"]).stdout
    own = [path.relative_to(finished) for path in (finished / "results/tiny").rglob("*") if path.is_file()]
    assert all((finished / path).stat().st_mtime == (swept / path).stat().st_mtime for path in own)


@pytest.mark.parametrize(
    ("sweep", "trainings"),
    [
        ({"over": {"model.n_interactions": [1, 3]}}, 2),  # the new value with both seeds
        ({"over": {"model.n_interactions": [3]}}, 2),
        ({"over": {"training.loss": ["mse"], "model.n_interactions": [1]}}, 2),
        ({"seeds": [0, 1, 7]}, 1),  # the new seed
        ({"seeds": [1]}, 0),
    ],
)
def test_a_changed_list_trains_what_is_new(sweep, trainings: int, swept: Path):
    counts = job_counts(snakemake(swept, changed(TINY, sweep=SWEEP | sweep), "--dry-run", targets=["sweep"]).stdout)
    expected = {"sweep_train": trainings, "sweep_test": trainings} if trainings else {}
    assert counts == expected | {"sweep_table": 1, "sweep": 1}


def test_one_run_of_a_sweep_is_a_legal_request(swept: Path):
    sweep = {"over": {"model.n_interactions": [1, 3], "training.loss": ["mse", "l1"]}, "grid": True}
    target = "results/tiny/sweep/model.n_interactions-3__training.loss-mse/seed_5/test/metrics.json"
    counts = job_counts(snakemake(swept, changed(TINY, sweep=sweep), "--dry-run", targets=[target]).stdout)
    assert counts == {"sweep_train": 1, "sweep_test": 1}


def test_a_sweep_of_nothing_says_so(swept: Path):
    run = snakemake(swept, TINY, "--dry-run", targets=["sweep"])
    assert run.returncode != 0
    assert "Config key 'sweep.over' is empty" in run.stdout


def test_the_example_compares_three_depths(tmp_path: Path):
    run = snakemake(tmp_path, PROJECT / "examples/sweep_interactions.yaml", "--dry-run", targets=["sweep"])
    counts = job_counts(run.stdout)
    assert counts["sweep_train"] == counts["sweep_test"] == 6
    assert "train" not in counts  # no round of active learning


def test_trainings_of_a_sweep_are_timed_one_at_a_time(swept: Path):
    config = changed(TINY, sweep=SWEEP | {"over": {"model.n_interactions": [3]}})
    run = snakemake(swept, config, "--dry-run", "--quiet", "host", targets=["sweep"])
    asked = [line for line in run.stdout.splitlines() if "resources:" in line and "timed=1" in line]
    assert len(asked) == 2, run.stdout
    assert "timed: 1" in (PROJECT / "profiles/default/config.yaml").read_text(encoding="utf-8")
