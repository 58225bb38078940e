"""A tiny experiment that really runs: every step real, two rounds, both strategies."""

import json
import shutil
from pathlib import Path

import ase.io
import pandas as pd
import torch
from ase.io.trajectory import Trajectory
from conftest import TINY, changed, job_counts, snakemake

from ouroboros.frames import Frames
from ouroboros.reference import read_database
from ouroboros.rounds import terminal_table

ARMS = ("committee-42", "random-42")
START = "start-42/round_0"  # what the arms have in common
SHARED = [
    "dataset.npz",
    "dataset.json",
    *(f"model_{m}/{name}" for m in range(2) for name in ("model.pt", "metrics.csv", "training.json", "curves.svg")),
    *(f"test/{name}" for name in ("metrics.json", "predictions.npz", "errors.csv")),
    *(f"test/{name}" for name in ("parity.svg", "errors.svg", "uncertainty.svg")),
    *(f"explore/{name}" for name in ("trajectory.h5", "walkers.csv", "walkers.traj")),
    *(f"simulate/{name}" for name in ("nve.traj", "thermo.csv", "velocities.h5", "walkers.csv")),
    *(f"analysis/{name}" for name in ("analysis.json", "energy.svg", "spectrum.svg", "distances.svg")),
]
OWN = [
    *(
        f"select/{name}"
        for name in ("candidates.extxyz", "selection.csv", "selection.json", "uncertainty.svg", "map.svg")
    ),
    *(f"select/structures.{ending}" for ending in ("svg", "png")),
    "decision.json",
    "decision_checked.json",
]
LABELLED = [
    "label/batch_0.extxyz",
    "label/batch_1.extxyz",
    "labels.extxyz",
    "label_failures.csv",
    "labels.json",
    "labels_checked.json",
    "prospective/uncertainty.json",
    "prospective/frames.csv",
    "prospective/uncertainty.svg",
]
REPORT = ("rounds.csv", "rounds.html", "answer.json", "model_card.md", "survival.svg", "structures.html")


def read(path: Path) -> dict:
    return json.loads(path.read_text(encoding="utf-8"))


def test_every_file_of_the_contract_is_there(finished: Path):
    home = finished / "results/tiny"
    files = ("reference.db", "reference.json", "split.npz", "split.json", "leakage.json")
    files += ("oracle_check.json", "reference_checked.json")
    reference = [f"reference/{name}" for name in files]
    rounds = [f"{START}/{name}" for name in SHARED]
    rounds += [f"{arm}/round_1/{name}" for arm in ARMS for name in SHARED]
    rounds += [f"{arm}/round_{r}/{name}" for arm in ARMS for r in (0, 1) for name in OWN]
    labels = [f"{arm}/round_0/{name}" for arm in ARMS for name in LABELLED]
    reports = [f"{arm}/report/rounds_1/{name}" for arm in ARMS for name in REPORT]
    compared = [f"comparison/rounds_1-1/{name}" for name in ("learning_curve.svg", "answer.html")]
    expected = [*reference, *rounds, *labels, *reports, *compared]
    assert [name for name in expected if not (home / name).is_file()] == []


def test_a_second_run_has_nothing_to_do(finished: Path):
    run = snakemake(finished, TINY, "--dry-run")
    assert "Nothing to be done" in run.stdout


def test_the_table_of_rounds_ends_the_run(finished: Path):
    text, broken = terminal_table(finished / "results/tiny")
    rows = [line.split() for line in text.splitlines()[1:]]
    assert [row[:2] for row in rows] == [
        ["committee-42", "0"],
        ["committee-42", "1"],
        ["random-42", "0"],
        ["random-42", "1"],
    ]
    assert not broken and {row[-1] for row in rows} <= {"continue", "converged", "budget_spent"}


def test_the_test_set_comes_from_trajectories_that_training_never_saw(finished: Path):
    home = finished / "results/tiny"
    reference, split = read_database(home / "reference/reference.db"), read(home / "reference/split.json")
    assert split["trajectories"] == {"train": 1, "val": 1, "test": 3, "pool": 1, "shared": 0}
    assert set(reference.columns["temperature_K"]) == {300, 500}
    dataset = Frames.load(home / START / "dataset.npz")
    assert len(dataset) == 16


def test_labels_of_round_0_are_the_data_that_round_1_adds(finished: Path):
    for arm in ARMS:
        folder = finished / "results/tiny" / arm
        before = Frames.load(finished / "results/tiny" / START / "dataset.npz")
        after = Frames.load(folder / "round_1/dataset.npz")
        labels = Frames.from_atoms(ase.io.read(folder / "round_0/labels.extxyz", ":"))
        assert len(labels) == 6
        assert len(after) == len(before) + 6
        assert (after.positions[len(before.positions) :] == labels.positions).all()
        assert (after.energy[len(before) :] == labels.energy).all()


def test_arms_differ_in_what_they_select(finished: Path):
    first, second = (finished / "results/tiny" / arm / "round_0" for arm in ARMS)
    assert (first / "select/candidates.extxyz").read_text() != (second / "select/candidates.extxyz").read_text()


def test_committee_members_differ(finished: Path):
    folder = finished / "results/tiny/committee-42/round_1"
    weights = [torch.load(folder / f"model_{m}/model.pt", weights_only=True)["state_dict"] for m in (0, 1)]
    assert any(not torch.equal(weights[0][name], weights[1][name]) for name in weights[0])
    members = read(folder / "test/metrics.json")["members"]
    assert members[0]["force_mae_meV_per_A"] != members[1]["force_mae_meV_per_A"]


def test_no_structure_starts_two_walkers_while_others_are_left(finished: Path):
    for name, walkers in (("explore", 4), ("simulate", 2)):
        table = pd.read_csv(finished / f"results/tiny/committee-42/round_1/{name}/walkers.csv")
        assert table["started_from"].is_unique and len(table) >= walkers


def test_production_trajectories_open_in_ase_with_velocities(finished: Path):
    with Trajectory(str(finished / "results/tiny/committee-42/round_1/simulate/nve.traj")) as trajectory:
        assert len(trajectory) == 2 * 101
        assert abs(trajectory[50].get_velocities()).max() > 0


def test_walkers_and_decision_tell_how_and_why(finished: Path):
    folder = finished / "results/tiny/committee-42"
    walkers = pd.read_csv(folder / "round_1/explore/walkers.csv")
    assert len(walkers) == 4
    assert walkers["ended"].notna().all()
    decision = read(folder / "round_1/decision.json")
    assert decision["state"] in ("budget_spent", "converged")
    assert decision["reason"]


def test_training_again_gives_the_same_metrics_and_no_label_is_computed_twice(finished: Path, tmp_path: Path):
    shutil.copytree(finished, tmp_path, dirs_exist_ok=True, ignore=shutil.ignore_patterns("cache"))
    folder, start = (tmp_path / "results/tiny" / part for part in ("committee-42/round_0", START))
    metrics = (start / "test/metrics.json").read_bytes()
    stored = {path: path.stat().st_mtime_ns for path in (tmp_path / "results/tiny/labels").rglob("*.json")}
    shutil.rmtree(start / "model_0")
    shutil.rmtree(folder / "label")
    (folder / "labels.json").unlink()
    targets = [f"results/tiny/{START}/test/metrics.json", "results/tiny/committee-42/round_0/labels.json"]
    run = snakemake(tmp_path, TINY, targets=targets)
    assert run.returncode == 0, run.stdout
    assert (start / "test/metrics.json").read_bytes() == metrics
    assert read(folder / "labels.json")["n_from_store"] == 6
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "results/tiny/labels").rglob("*.json")} == stored


def test_an_interrupted_round_resumes_with_what_is_missing(finished: Path, tmp_path: Path):
    shutil.copytree(finished, tmp_path, dirs_exist_ok=True, ignore=shutil.ignore_patterns("cache"))
    folder = tmp_path / "results/tiny/committee-42/round_1"
    shutil.rmtree(folder / "select")
    (folder / "decision.json").unlink()
    counts = job_counts(snakemake(tmp_path, TINY, "--dry-run").stdout)
    shown = {"draw_selected": 1, "show_structures": 1, "report": 1, "compare": 1}
    assert counts == {"all": 1, "select": 1, "decide": 1, "check_decision": 1, **shown}


def test_until_converged_stops_at_the_first_round_that_meets_the_targets(finished: Path, tmp_path: Path):
    shutil.copytree(finished, tmp_path, dirs_exist_ok=True, ignore=shutil.ignore_patterns("cache"))
    easy = {"force_mae_meV_per_A": 1e6, "uncertain_fraction": 1.0, "survival_fraction": 0.0}
    run = snakemake(tmp_path, changed(TINY, rounds__mode="until_converged", decision=easy))
    assert run.returncode == 0, run.stdout
    for arm in ARMS:
        assert read(tmp_path / "results/tiny" / arm / "round_0/decision.json")["state"] == "converged"
        assert (tmp_path / "results/tiny" / arm / "report/rounds_0/rounds.csv").is_file()
    assert (tmp_path / "results/tiny/comparison/rounds_0-0/learning_curve.svg").is_file()


def test_a_broken_arm_ends_the_run_and_says_what_to_look_at(finished: Path, tmp_path: Path):
    """On purpose: no explored frame is physical when every force is over the cap. Mended, the run goes on."""
    shutil.copytree(finished, tmp_path, dirs_exist_ok=True, ignore=shutil.ignore_patterns("cache"))
    stored = {path: path.stat().st_mtime_ns for path in (tmp_path / "results/tiny/labels").rglob("*.json")}
    alone = changed(TINY, rounds={"count": 2, "mode": "until_converged", "strategies": ["committee"]})
    run = snakemake(tmp_path, changed(alone, selection__force_cap_eV_per_A=1e-6))
    assert run.returncode != 0
    assert "round 0 is broken: no explored frame is physical; look at select/selection.csv" in run.stdout, run.stdout
    decision = read(tmp_path / "results/tiny/committee-42/round_0/decision.json")
    assert decision["state"] == "broken" and decision["figures"]["selected"] == 0
    assert not (tmp_path / "results/tiny/committee-42/round_0/decision_checked.json").exists()
    shutil.rmtree(tmp_path / "results/tiny/committee-42/round_1")
    mended = snakemake(tmp_path, alone)
    assert mended.returncode == 0, mended.stdout
    assert read(tmp_path / "results/tiny/committee-42/round_1/decision.json")["state"] in ("budget_spent", "converged")
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "results/tiny/labels").rglob("*.json")} == stored


def test_a_loose_threshold_stops_a_finished_run_earlier_and_a_tight_one_makes_it_go_on(finished: Path, tmp_path: Path):
    """Judged anew: nothing that is there is trained, explored or labelled again, and going on makes what is not."""
    shutil.copytree(finished, tmp_path, dirs_exist_ok=True, ignore=shutil.ignore_patterns("cache"))
    home, store = tmp_path / "results/tiny/committee-42", tmp_path / "results/tiny/labels"
    easy = {"force_mae_meV_per_A": 1e6, "uncertain_fraction": 1.0, "survival_fraction": 0.0}
    alone = {"count": 2, "mode": "until_converged", "strategies": ["committee"]}
    loose = changed(TINY, rounds=alone, decision=easy)
    counts = job_counts(snakemake(tmp_path, loose, "--dry-run").stdout)
    assert not {"train", "explore", "label", "select"} & set(counts)
    assert snakemake(tmp_path, loose).returncode == 0
    assert (home / "report/rounds_0/rounds.csv").is_file()
    shutil.rmtree(home / "round_1")  # as if the run had been loose from the beginning
    made = [path for name in ("model.pt", "trajectory.h5", "labels.json") for path in tmp_path.rglob(name)]
    made = {path: path.stat().st_mtime_ns for path in [*made, *store.rglob("*.json")]}
    run = snakemake(tmp_path, changed(loose, decision={**easy, "force_mae_meV_per_A": 1e-6}))
    assert run.returncode == 0, run.stdout
    assert {path: path.stat().st_mtime_ns for path in made} == made
    assert set(store.rglob("*.json")) <= set(made)
    states = [read(home / f"round_{r}/decision.json")["state"] for r in (0, 1)]
    assert states == ["continue", "budget_spent"]
    assert (home / "round_1/model_1/model.pt").is_file()
    assert (tmp_path / "results/tiny/comparison/rounds_1/comparison.json").is_file()
