"""A sweep makes the runs that were asked for, refuses what cannot be compared, and says how far it can be trusted."""

import re

import numpy as np
import pandas as pd
import pytest

from ouroboros.config import ConfigError, load_experiment, sweep_runs, with_changes
from ouroboros.sweep_figure import error_against_time
from ouroboros.sweeps import TEST, TIME, VALIDATION, over_seeds, pareto_front, tabulate, terminal_table, verdict


def swept(over, **sweep):
    return load_experiment({"sweep": {"over": over, **sweep}})


def test_each_value_is_a_run_that_changes_nothing_else():
    config = swept({"model.n_interactions": [3, 6, 9], "training.gradient_clip": [None, 0.5]})
    runs = sweep_runs(config)
    assert list(runs) == [
        "model.n_interactions-3",
        "model.n_interactions-6",
        "model.n_interactions-9",
        "training.gradient_clip-0.5",  # null is the config's own, which n_interactions 3 is too: trained once
    ]
    six = with_changes(config, runs["model.n_interactions-6"])
    assert six["model"] == config["model"] | {"n_interactions": 6}
    assert {name for name in config if config[name] != six[name]} == {"model"}


def test_a_grid_is_every_combination():
    config = swept({"model.n_interactions": [3, 6], "training.learning_rate": [0.001, 0.01]}, grid=True)
    combinations = [tuple(changes.values()) for changes in sweep_runs(config).values()]
    assert combinations == [(3, 0.001), (3, 0.01), (6, 0.001), (6, 0.01)]


def test_without_values_there_are_no_runs():
    assert sweep_runs(load_experiment({})) == {}
    assert sweep_runs(swept({}, grid=True)) == {}


def test_names_of_runs_are_folders_that_need_no_quotes_and_tell_the_values():
    over = {"training.learning_rate": [0.005, 1e-05, 0.12345678901], "training.gradient_clip": [None, 5.0]}
    names = list(sweep_runs(swept(over, grid=True)))
    assert len(set(names)) == 6
    assert names[0] == "training.learning_rate-0.005__training.gradient_clip-null"
    assert names[3] == "training.learning_rate-1e-05__training.gradient_clip-5"
    assert all(re.fullmatch(r"[A-Za-z0-9._+-]+", name) for name in names)


@pytest.mark.parametrize(
    ("sweep", "words"),
    [
        ({"over": {"model.n_interactions": [3, 40]}}, ["model.n_interactions", "40", "less than or equal to 12"]),
        ({"over": {"model.n_interactions": [3, 40], "model.n_rbf": [8, 9]}, "grid": True}, ["n_interactions", "40"]),
        ({"over": {"training.learning_rate": ["1e-3"]}}, ["training.learning_rate", "'1e-3'", "1.0e-3"]),
        ({"over": {"training.epochs": [20, 15]}}, ["training.epochs", "15", "multiple"]),
        ({"over": {"training.learning_rat": [0.1]}}, ["training.learning_rat", "did you mean", "learning_rate"]),
        ({"over": {"n_interactions": [3]}}, ["n_interactions", "did you mean 'model.n_interactions'"]),
        ({"over": {"committee.size": [2, 3]}}, ["committee.size", "unknown", "keys of model and training"]),
        ({"over": {"model": {"n_interactions": [3]}}}, ["sweep.over", "model.n_interactions: [3, 6]"]),
        ({"over": {"model.n_interactions": 3}}, ["sweep.over", "a list for each key"]),
        ({"over": {"model.n_interactions": []}}, ["model.n_interactions", "no values"]),
        ({"over": {"model.cutoff_A": [5, 5.0]}}, ["model.cutoff_A", "[5, 5.0]", "once"]),
        ({"over": {"model.n_filters": [32, 64]}}, ["model.n_filters", "change nothing", "schnet"]),
        ({"over": {"training.warm_start": [True, False]}}, ["training.warm_start", "round 0"]),
        ({"over": {"training.mem_mb": [2000, 4000]}}, ["training.mem_mb", "ask for", "section training"]),
        ({"over": {"training.plateau_factor": [0.5, 0.1]}}, ["training.plateau_factor", "schedule is plateau"]),
        ({"over": {"training.steps": [10, 20], "training.epochs": [10]}, "grid": True}, ["training.steps", "epochs"]),
        ({"seeds": [1, 1]}, ["sweep.seeds", "[1, 1]", "once"]),
        ({"seeds": []}, ["sweep.seeds", "at least 1"]),
        ({"ovr": {}}, ["sweep.ovr", "did you mean 'over'"]),
    ],
)
def test_a_sweep_that_cannot_be_run_is_one_sentence(sweep, words):
    with pytest.raises(ConfigError) as caught:
        load_experiment({"sweep": sweep})
    assert "\n" not in str(caught.value)
    for word in words:
        assert word in str(caught.value)


def test_a_key_that_one_of_the_runs_uses_can_be_swept():
    over = {"model.representation": ["painn", "schnet"], "model.n_filters": [32]}
    assert len(sweep_runs(swept(over, grid=True))) == 2


def made_up(**runs):
    """A sweep's table from (validation, test, seconds) of each seed of each run."""
    rows, trainings, tests = [], [], []
    for blocks, seeds in runs.items():
        for seed, (validation, test, seconds) in enumerate(seeds):
            rows.append(
                {"run": f"model.n_interactions-{blocks[1:]}", "model.n_interactions": int(blocks[1:]), "seed": seed}
            )
            trainings.append(
                {
                    "validation": {"force_mae_meV_per_A": validation, "energy_mae_meV": 1.0},
                    "seconds": seconds,
                    "compile_s": None if seed else 4.5,
                    **{"epochs": 10, "steps": 100, "best_epoch": 9, "stop_reason": "all epochs done"},
                    **{"parameters": 500, "frames": {"train": 40, "validation": 10}, "device": "cpu, 1 threads"},
                    "interventions": [],
                }
            )
            tests.append({"committee": {"force_mae_meV_per_A": test, "energy_mae_meV": 2.0}})
    return tabulate(rows, trainings, tests)


TOLD_APART = {"n3": [(20.0, 21.0, 10.0), (22.0, 23.0, 12.0)], "n6": [(10.0, 12.0, 20.0), (11.0, 13.0, 22.0)]}


def test_the_table_has_a_row_for_each_training():
    table = made_up(**TOLD_APART)
    assert list(table["run"]) == ["model.n_interactions-3"] * 2 + ["model.n_interactions-6"] * 2
    assert list(table["model.n_interactions"]) == [3, 3, 6, 6]
    assert list(table["seed"]) == [0, 1, 0, 1]
    assert list(table[TEST]) == [21.0, 23.0, 12.0, 13.0]
    assert list(table[TIME]) == [10.0, 12.0, 20.0, 22.0]
    assert table["compile_s"].fillna(0.0).tolist() == [4.5, 0.0, 4.5, 0.0]


def test_mean_and_range_over_seeds():
    summary = over_seeds(made_up(**TOLD_APART)).set_index("model.n_interactions")
    assert summary.loc[3, [TEST, f"{TEST}_min", f"{TEST}_max"]].tolist() == [22.0, 21.0, 23.0]
    assert summary.loc[6, [TIME, f"{TIME}_min", f"{TIME}_max"]].tolist() == [21.0, 20.0, 22.0]
    assert summary["seeds"].tolist() == [2, 2]


def test_validation_chooses_where_the_test_set_would_choose_otherwise():
    summary = over_seeds(made_up(n3=[(10.0, 15.0, 10.0)], n6=[(11.0, 9.0, 20.0)]))
    assert summary.loc[summary["chosen"], "model.n_interactions"].tolist() == [3]


def test_the_verdict_tells_whether_the_seeds_tell_the_runs_apart():
    apart = verdict(over_seeds(made_up(**TOLD_APART)))
    assert "model.n_interactions-6 has the smallest validation force MAE, 10.5 meV/Å" in apart
    assert "no other run comes as low with any of the 2 seeds" in apart
    overlapping = made_up(**TOLD_APART | {"n9": [(10.9, 12.0, 30.0), (12.0, 13.0, 33.0)]})
    assert verdict(over_seeds(overlapping)).endswith("do not tell it from model.n_interactions-9")
    single = verdict(over_seeds(made_up(n3=[(20.0, 21.0, 10.0)], n6=[(10.0, 12.0, 20.0)])))
    assert "with one seed, a difference may be chance" in single


def test_the_front_holds_what_nothing_beats():
    cost, error = np.array([1.0, 2.0, 3.0, 2.0, 1.0]), np.array([5.0, 3.0, 4.0, 3.0, 6.0])
    assert pareto_front(cost, error).tolist() == [True, True, False, True, False]  # equals do not beat one another


def test_the_table_survives_the_csv_and_prints(tmp_path):
    made_up(**TOLD_APART).to_csv(tmp_path / "table.csv", index=False)
    text = terminal_table(pd.read_csv(tmp_path / "table.csv"))
    assert "22.0 (21.0–23.0)" in text
    assert VALIDATION not in text  # in words


@pytest.mark.parametrize(("seeds", "remark"), [(1, "one seed: a difference may be chance"), (2, "range of 2 seeds")])
def test_the_figure_tells_how_many_seeds_stand_behind_it(seeds, remark, tmp_path):
    table = made_up(**{run: values[:seeds] for run, values in TOLD_APART.items()})
    error_against_time(over_seeds(table), table, tmp_path / "figure.svg")
    text = (tmp_path / "figure.svg").read_text(encoding="utf-8")
    assert remark in text
    assert ">3<" in text and ">6<" in text  # each run is labelled with its value
    assert "Pareto front" in text and "lowest validation error" in text


def test_a_training_that_was_slowed_down_is_told(tmp_path):
    """The trainer goes on at a tenth of a learning rate that diverges, which is not what the run's name says."""
    table = made_up(**TOLD_APART)
    assert list(table["interventions"]) == [""] * 4
    table.loc[1, "interventions"] = "diverged: goes on at a tenth of the learning rate"
    error_against_time(over_seeds(table), table, tmp_path / "figure.svg")
    assert "1 of 4 trainings had to be changed on the way" in (tmp_path / "figure.svg").read_text(encoding="utf-8")


def test_times_of_different_devices_are_marked_in_the_figure(tmp_path):
    table = made_up(**TOLD_APART)
    table.loc[0, "device"] = "NVIDIA H100"
    error_against_time(over_seeds(table), table, tmp_path / "figure.svg")
    assert "times of different devices" in (tmp_path / "figure.svg").read_text(encoding="utf-8")
