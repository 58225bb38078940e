"""How a run stands, told by its files: whole ones, half-written ones, missing ones."""

import os
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from ouroboros.config import load_experiment
from ouroboros.dynamics.progress import Progress
from ouroboros.status import Job, jobs_of, time_left, view
from ouroboros.status.expected import ends
from ouroboros.status.figures import RoundFigures
from ouroboros.status.observed import AT_WORK, DONE, FAILED, PROGRESS, WAITING, observe
from ouroboros.status.view import Rounds

NOW = 1_800_000_000.0
SETTINGS = load_experiment({"name": "mine", "committee": {"size": 3}, "rounds": {"count": 2, "strategies": ["random"]}})
MEMBERS = [Job("train", f"start-42/round_0/model_{m}/model.pt", f"start-42/round_0/train_{m}") for m in range(3)]


def put(path: Path, text: str = "x", ago_s: float = 0.0) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    os.utime(path, (NOW - ago_s, NOW - ago_s))


def finish(home: Path, job: Job, seconds: float, ago_s: float) -> None:
    put(home / job.output, ago_s=ago_s)
    put(home / f"benchmarks/{job.name}.tsv", f"s\th:m:s\tmax_rss\n{seconds}\t0:01:00\t-\n", ago_s)


def shown(home: Path, settings: dict[str, Any] = SETTINGS) -> str:
    console = Console(width=100)
    with console.capture() as capture:
        console.print(view(home, settings, NOW))
    return capture.get()


@pytest.mark.parametrize(("width", "loss"), [(100, True), (80, False)])
def test_a_narrow_terminal_loses_columns_and_no_letters(width: int, loss: bool):
    row = RoundFigures("committee-42", 0, "1622", "2/2", "100", "0.0678", "73.6", "16/16", "40/0/0", "budget_spent")
    console = Console(width=width)
    with console.capture() as capture:
        console.print(Rounds([row]))
    text = capture.get()
    assert "committee-42      0" in text and "budget_spent" in text and "…" not in text
    assert ("0.0678" in text) == loss


def test_each_job_is_told_by_its_files(tmp_path: Path):
    logs = tmp_path / "logs/start-42/round_0"
    assert [each.state for each in observe(tmp_path, MEMBERS)] == [WAITING] * 3
    put(tmp_path / MEMBERS[0].output)
    put(logs / "train_1.log", "noise\nepoch 20/80 after 7 s: validation loss 0.05, force MAE 41.0 meV/Å\nmore noise\n")
    put(logs / "train_2.log", "Traceback (most recent call last):\nRule train stopped: labels are NaN [/x]\n")
    found = observe(tmp_path, MEMBERS)
    assert [each.state for each in found] == [DONE, AT_WORK, FAILED]
    assert found[1].share == 0.25 and found[1].seconds == 7
    assert found[2].told == "Rule train stopped: labels are NaN [/x]"
    text = shown(tmp_path)
    assert "1 failed" in text and "validation loss 0.05, force MAE 41.0 meV/Å" in text
    assert "Rule train stopped: labels are NaN [/x]" in text


def test_a_traceback_that_is_no_end_is_no_failure(tmp_path: Path):
    put(
        tmp_path / f"logs/{MEMBERS[0].name}.log",
        "Exception ignored in: x\nTraceback (most recent call last):\nepoch 2/8\n",
    )
    assert observe(tmp_path, MEMBERS)[0].state == AT_WORK


def test_an_interrupted_job_waits_for_the_next_run(tmp_path: Path):
    put(tmp_path / f"logs/{MEMBERS[0].name}.log", "epoch 2/8\nTraceback (most recent call last):\nKeyboardInterrupt\n")
    assert observe(tmp_path, MEMBERS)[0].state == WAITING


def test_what_trainings_and_walkers_print_is_understood(water, model_settings, training_settings, capsys):
    from ouroboros.training import train_member

    train_member(water, model_settings, training_settings | {"steps": 20}, seed=0)
    progress = Progress(steps=100)
    progress.tell(50, going=3, started=4, walker_steps=150)
    *epochs, steps = [found for line in capsys.readouterr().out.splitlines() if (found := PROGRESS.match(line))]
    assert epochs[-1][1] == epochs[-1][2] and epochs[-1][3] is not None
    assert (steps[1], steps[2]) == ("50", "100")


def test_half_written_files_are_no_fault(tmp_path: Path):
    jobs = jobs_of(SETTINGS, ends(tmp_path, SETTINGS["rounds"]))
    assert "not begun" in shown(tmp_path)
    for text in ("", "{", '{"committee": ', "a,b\n1", "[]"):
        for job in jobs:
            put(tmp_path / job.output, text)
            put(tmp_path / f"logs/{job.name}.log", text)
            put(tmp_path / f"benchmarks/{job.name}.tsv", text)
        for name in ("dataset.json", "test/metrics.json", "select/selection.json", "labels.json"):
            put(tmp_path / "start-42/round_0" / name, text)
            put(tmp_path / "random-42/round_0" / name, text)
        for m in range(3):
            put(tmp_path / f"start-42/round_0/model_{m}/training.json", text)
        put(tmp_path / "reference/split.json", text)
        assert "mine:" in shown(tmp_path)


def test_time_left_is_that_of_finished_jobs_over_how_many_ran_side_by_side(tmp_path: Path):
    jobs = [Job("train", f"a-1/round_0/model_{m}/model.pt", f"a-1/round_0/train_{m}") for m in range(6)]
    finish(tmp_path, jobs[0], seconds=100, ago_s=5000)  # alone, before a pause of an hour and more
    finish(tmp_path, jobs[1], seconds=100, ago_s=10)
    finish(tmp_path, jobs[2], seconds=100, ago_s=10)
    finish(tmp_path, Job("generate", "reference/raw/trajectory_0.extxyz", "generate/0"), seconds=300, ago_s=10)
    put(tmp_path / f"logs/{jobs[3].name}.log", "epoch 50/100 after 50 s: validation loss 1, force MAE 2.0 meV/Å\n")
    jobs.append(Job("generate", "reference/raw/trajectory_0.extxyz", "generate/0"))  # none of these is to come
    left = time_left(tmp_path, observe(tmp_path, jobs))
    assert left.side_by_side == pytest.approx(300 / 200)
    assert left.seconds == pytest.approx(2.5 * 100 / 1.5)
    assert left.measured == Counter(train=3) and not left.left_out


def test_what_nothing_is_known_of_is_left_out_and_said(tmp_path: Path):
    jobs = jobs_of(SETTINGS, ends(tmp_path, SETTINGS["rounds"]))
    assert time_left(tmp_path, observe(tmp_path, jobs)).seconds is None
    put(tmp_path / "logs/generate/0.log", "")
    assert "not known yet" in shown(tmp_path)
    put(tmp_path / f"logs/{MEMBERS[0].name}.log", "epoch 10/40 after 30 s: validation loss 1, force MAE 2.0 meV/Å\n")
    left = time_left(tmp_path, observe(tmp_path, jobs))  # two at work, a training of 120 s, a quarter of one done
    assert left.seconds == pytest.approx((6 * 120 - 30) / 2)
    assert left.left_out["explore"] == 2 and "left out, as none is measured yet" in " ".join(shown(tmp_path).split())


def test_an_arm_that_may_converge_has_an_upper_bound_until_it_has(tmp_path: Path):
    rounds = {"count": 4, "mode": "until_converged", "strategies": ["random"]}
    settings = load_experiment({"name": "mine", "rounds": rounds})
    assert ends(tmp_path, settings["rounds"]) == {"random-42": 3}
    finish(tmp_path, MEMBERS[0], seconds=60, ago_s=0)
    assert "at least" in shown(tmp_path, settings), "nothing but a training is measured yet"
    put(
        tmp_path / "random-42/round_0/decision.json", '{"state": "continue", "reason": "force MAE 80.0 is over 43"}', 60
    )
    put(tmp_path / "random-42/round_1/decision.json", '{"state": "converged", "reason": "all targets are met"}')
    assert ends(tmp_path, settings["rounds"]) == {"random-42": 1}
    assert "converged (random-42, round 1, 0 s ago): all targets are met" in shown(tmp_path, settings)


def test_labels_of_a_round_are_counted_before_they_are_gathered(tmp_path: Path):
    start, own = tmp_path / "start-42/round_0", tmp_path / "random-42/round_0"
    put(start / "dataset.json", '{"train": 60, "validation": 12}')
    put(own / "select/selection.json", '{"selected": 60}')
    assert "0/0/60" in shown(tmp_path)
    put(own / "label/batch_0.extxyz", 28 * "3\nProperties=species:S:1:pos:R:3 energy=1\nO 0 0 0\nH 0 0 1\nH 0 1 0\n")
    put(own / "label/batch_0_failures.csv", "candidate,reason\na,crashed\nb,crashed\n")
    put(tmp_path / "logs/random-42/round_0/label_1.log", "labels: 12 of 30\n")
    assert "40/2/18" in shown(tmp_path)
    put(own / "labels.json", '{"n_labelled": 57, "n_failed": 3}')
    assert "57/3/0" in shown(tmp_path)


def test_it_fits_a_hundred_columns_and_a_silent_run_is_called_one(tmp_path: Path):
    seeds = list(range(12))
    settings = load_experiment({"name": "mine", "rounds": {"count": 9, "strategies": ["percentile"], "seeds": seeds}})
    for seed in seeds:
        for r in range(4):
            folder = f"percentile-{seed}/round_{r}" if r else f"start-{seed}/round_0"
            put(tmp_path / folder / "dataset.json", '{"train": 6000, "validation": 1200}', 3600)
            put(tmp_path / folder / "test/metrics.json", '{"committee": {"force_mae_meV_per_A": 1234.5}}', 3600)
            decided = '{"state": "budget_spent", "reason": "all rounds done"}'
            put(tmp_path / f"percentile-{seed}/round_{r}/decision.json", decided, 3600)
        put(tmp_path / f"percentile-{seed}/round_0/select/selection.json", '{"selected": 6000}', 3600)
    text = shown(tmp_path, settings)
    assert max(len(line.rstrip()) for line in text.splitlines()) <= 100
    assert "last sign of life 60 min ago (ended, waiting for its turn, or in a long silent job)" in " ".join(
        text.split()
    )
    assert "(36 earlier rounds are not shown" in text and text.count("budget_spent") == 13
