"""What a run will take: from measured seconds to those of each job, and from the jobs to hours on so many cores."""

from pathlib import Path

import ase.io
import numpy as np
import pytest
from ase.build import molecule
from ase.calculators.singlepoint import SinglePointCalculator

from ouroboros.config import ConfigError, load_experiment
from ouroboros.plan.estimate import costs, shares, training_of
from ouroboros.plan.graph import Node, parse, wall_seconds
from ouroboros.plan.measure import measure_oracle
from ouroboros.plan.structures import measured_frames
from ouroboros.status.expected import have_ended

ORACLE = {"begin": 1.0, "label": 0.5, "oracle_step": 0.25}
MODEL = {"begin": 10.0, "train_step": 0.1, "validation": 2.0, "predict": 0.01, "exploration": 0.2, "simulation": 0.3}
DOT = """digraph snakemake_dag {
    node[shape=box, style=rounded, fontname=sans,                 fontsize=10, penwidth=2];
	0[label = "all", color = "0.00 0.6 0.85", style="rounded"];
	1[label = "train\\nm: 0", color = "0.62 0.6 0.85", style="rounded"];
	2[label = "dataset\\narm: start-42\\nr: 0", color = "0.17 0.6 0.85", style="rounded"];
	3[label = "curate", color = "0.15 0.6 0.85", style="rounded,dashed"];
	1 -> 0
	2 -> 1
	3 -> 2
}"""


def test_a_job_takes_what_its_work_was_measured_at_and_the_time_to_begin():
    settings = load_experiment(
        {
            "reference": {"generate": {"length_ps": 1.0, "equilibration_ps": 0.5}},  # 3000 steps, 100 labels
            "training": {"steps": 1200, "batch_size": 5, "validate_every_epochs": 10},  # 60 frames: 100 epochs
            "split": {"train": 60, "validation": 12, "test": 240},
            "exploration": {"length_ps": 0.5},
            "simulation": {"steps": 1000, "equilibration_ps": 0.1},
            "selection": {"per_round": 60},
            "labels": {"batch_size": 40},
        }
    )
    seconds = {rule: cost.seconds for rule, cost in costs(settings, ORACLE, MODEL).items()}
    assert seconds["generate"] == pytest.approx(1 + 3000 * 0.25 + 100 * 0.5)
    assert seconds["label"] == pytest.approx(1 + 30 * 0.5)
    assert seconds["train"] == pytest.approx(10 + 1200 * 0.1 + 10 * 2)
    assert seconds["test"] == pytest.approx(10 + 252 * 0.01)
    assert seconds["explore"] == pytest.approx(10 + 1000 * 0.2)
    assert seconds["simulate"] == pytest.approx(10 + 1200 * 0.3)
    assert seconds["select"] == 10


def test_labels_of_a_pool_cost_nothing():
    pool = {"reference": {"source": "download"}, "oracle": {"kind": "pool"}, "split": {"strategy": "random"}}
    assert costs(load_experiment(pool), ORACLE, MODEL)["label"].seconds == ORACLE["begin"]


def test_what_is_done_is_no_job_and_nobody_waits_for_it():
    assert parse(DOT) == {1: Node("train", (2,)), 2: Node("dataset", ())}


@pytest.mark.parametrize(("cores", "wall"), [(1, 46.0), (2, 36.0), (3, 26.0), (8, 26.0)])
def test_jobs_begin_when_a_core_is_free_and_what_they_wait_for_is_done(cores: int, wall: float):
    jobs = {0: Node("dataset", ()), **{m: Node("train", (0,)) for m in (1, 2, 3)}, 4: Node("test", (1, 2, 3))}
    jobs[5] = Node("train", (4,))
    seconds = {"dataset": 1.0, "train": 10.0, "test": 5.0}
    assert wall_seconds(jobs, seconds, cores, {}) == wall


def test_one_gpu_and_threads_hold_jobs_back():
    jobs, seconds = {m: Node("train", ()) for m in range(4)}, {"train": 10.0}
    assert wall_seconds(jobs, seconds, 8, {}) == 10
    assert wall_seconds(jobs, seconds, 8, {}, on_gpu=("train",)) == 40
    assert wall_seconds(jobs, seconds, 8, {"train": 4}) == 20
    assert wall_seconds(jobs, seconds, 2, {"train": 4}) == 40


def test_a_label_is_a_real_one_of_a_shaken_molecule(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    settings = load_experiment({"name": "mine", "reference": {"generate": {"molecule": "water"}}})
    frames = measured_frames(settings, 30)
    assert len(frames) == 30 and abs(frames.forces).max() > 0.1
    measured = measure_oracle(settings)
    assert measured["formula"] == "H2O"
    assert 0 < measured["oracle_step"] < 1 and 0 < measured["label"] < 1 and measured["begin"] > 0


def test_a_pool_needs_no_oracle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "pool.extxyz"
    atoms = molecule("H2O")
    atoms.calc = SinglePointCalculator(atoms, energy=1.0, forces=np.zeros((3, 3)))
    ase.io.write(path, [atoms] * 4)
    files = {"paths": [str(path)], "level_of_theory": "none", "energy_unit": "eV", "length_unit": "A"}
    files |= {"energy_key": "energy", "force_key": "forces", "force_unit": "eV/A"}
    pool = {
        "reference": {"source": "files", "files": files},
        "oracle": {"kind": "pool"},
        "split": {"strategy": "random"},
    }
    measured = measure_oracle(load_experiment(pool))
    assert measured["label"] == measured["oracle_step"] == 0 and measured["formula"] == "H2O"


def test_a_share_of_the_split_is_reckoned_as_a_hundred_frames():
    settings = load_experiment(
        {
            "reference": {"source": "download"},
            "oracle": {"kind": "pool"},
            "split": {"strategy": "random", "train": 0.8, "validation": 0.1, "test": 0.1},
            "training": {"batch_size": 5, "epochs": 50},
        }
    )
    assert shares(settings) == ["train", "validation", "test"]
    assert training_of(settings)[0] == 50 * 20
    assert costs(settings, ORACLE, MODEL)["test"].made_of == "200 frames predicted"


def test_a_run_whose_arms_have_ended_has_no_rounds_to_come(tmp_path: Path):
    rounds = {"count": 3, "mode": "until_converged", "strategies": ["random"], "seeds": [1]}
    assert not have_ended(tmp_path, rounds)
    for r, state in enumerate(("continue", "converged")):
        (tmp_path / f"random-1/round_{r}").mkdir(parents=True)
        (tmp_path / f"random-1/round_{r}/decision.json").write_text(f'{{"state": "{state}"}}')
        assert have_ended(tmp_path, rounds) == (state == "converged")
    assert not have_ended(tmp_path, {**rounds, "strategies": ["committee", "random"]})


def test_data_that_are_not_here_yet_are_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    settings = load_experiment({"name": "mine", "reference": {"source": "download"}, "split": {"strategy": "random"}})
    with pytest.raises(ConfigError, match=r"not downloaded yet.*results/mine/reference/reference\.db"):
        measured_frames(settings, 10)
