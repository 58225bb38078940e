"""A run's state as text for a terminal."""

import time
from collections import Counter
from datetime import datetime
from pathlib import Path
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from ..durations import clock
from .expected import TIMED, arms, ends, jobs_of
from .figures import RoundFigures, rounds_begun
from .lenient import read_json, written
from .observed import AT_WORK, DONE, FAILED, Observed, last_sign, observe
from .time_left import TimeLeft, time_left

QUIET_S = 600.0  # a job seldom says nothing for so long
ROWS = 24  # of the table, before it is cut to what is newest
COLUMNS = {
    "arm": "left",
    "round": "right",
    "data": "right",
    "members\ntrained": "right",
    "epochs": "right",
    "valid.\nloss": "right",
    "test\nMAE\nmeV/Å": "right",
    "walkers\nalive": "right",
    "labels done\n/failed/left": "right",
    "decision": "left",
}


def view(home: Path, settings: dict[str, Any], now: float | None = None) -> RenderableType:
    """The whole view.

    Args:
        home: the results.
        settings: the checked config of the run.
        now: in seconds since 1970; None: now.
    """
    now, last = now or time.time(), ends(home, settings["rounds"])
    observed = observe(home, jobs_of(settings, last))
    states = Counter(each.state for each in observed)
    finished = states[DONE] == len(observed)
    parts: list[RenderableType] = [_headline(settings["name"], observed, last_sign(home, observed), now), ""]
    rows = rounds_begun(home, last, observed)
    parts += _table(rows) if rows else []
    parts += _section(f"Failed (logs in {home}/logs)", [each for each in observed if each.state == FAILED], now)
    parts += _section("At work", [each for each in observed if each.state == AT_WORK], now)
    facts = _reference(home, observed) | {"Last decision": _last_decision(home, settings, now)}
    if not finished:
        facts["Time left"] = _left(time_left(home, observed), settings["rounds"])
    parts.append(_facts(facts))
    return Group(*parts)


def _headline(name: str, observed: list[Observed], sign: float | None, now: float) -> Text:
    states = Counter(each.state for each in observed)
    told = f"{name}: {states[DONE]} of {len(observed)} jobs done"
    if states[DONE] == len(observed):
        return Text(f"{told}, finished {_date(sign)}", style="bold green")
    if sign is None:
        return Text(f"{told}: not begun", style="bold")
    told += f", {states[AT_WORK]} at work" + (f", {states[FAILED]} failed" if states[FAILED] else "")
    told += f"; last sign of life {_ago(now - sign)}"
    if now - sign > QUIET_S:
        return Text(f"{told} (ended, waiting for its turn, or in a long silent job)", style="bold yellow")
    return Text(told, style="bold red" if states[FAILED] else "bold")


def _reference(home: Path, observed: list[Observed]) -> dict[str, str]:
    """Where the reference data stand, and the label store."""
    facts, split = {}, read_json(home / "reference/split.json")
    made = [each for each in observed if each.job.rule == "generate"]
    if {"train", "val", "test"} <= split.keys():
        facts["Reference"] = f"{split['train']} frames to train on, {split['val']} to validate, {split['test']} to test"
    elif made:
        facts["Reference"] = f"{sum(each.state == DONE for each in made)} of {len(made)} trajectories"
    stored, computed = (sum(1 for _ in home.glob(f"labels/*/*.{ending}")) for ending in ("json", "claim"))
    if stored or computed:
        facts["Labels"] = f"{stored} stored" + (f", {computed} being computed" if computed else "")
    return facts


def _facts(facts: dict[str, str]) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, show_header=False)
    table.add_column(style="bold", no_wrap=True)
    table.add_column(ratio=1)
    for name, fact in facts.items():
        table.add_row(name, Text(fact))
    return table


def _table(rows: list[RoundFigures]) -> list[RenderableType]:
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="bold")
    for name, side in COLUMNS.items():
        table.add_column(name, justify="right" if side == "right" else "left", no_wrap=True, vertical="bottom")
    newest = {row.arm: row for row in rows}
    shown = rows if len(rows) <= ROWS else list(newest.values())
    for row in shown:
        values = (row.data, row.trained, row.epoch, row.loss, row.force_mae, row.walkers, row.labels, row.decision)
        table.add_row(row.arm, str(row.number), *(value or "-" for value in values))
    left_out = len(rows) - len(shown)
    return [
        table,
        *([f"({left_out} earlier rounds are not shown; the table of make run has them)"] if left_out else []),
        "",
    ]


def _section(title: str, jobs: list[Observed], now: float) -> list[RenderableType]:
    """One line a job: what it says of itself, and when it did."""
    if not jobs:
        return []
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, show_header=False)
    table.add_column("job", no_wrap=True)
    table.add_column("told", overflow="fold", ratio=1)
    table.add_column("when", justify="right", no_wrap=True)
    for each in jobs:
        table.add_row(each.job.name, Text(each.told or "begun"), _ago(now - (each.wrote or now)))
    return [Text(title, style="bold"), table, ""]


def _last_decision(home: Path, settings: dict[str, Any], now: float) -> str:
    decisions = [path for arm in arms(settings["rounds"]) for path in home.glob(f"{arm}/round_*/decision.json")]
    known = [(when, path) for path in decisions if (when := written(path)) and "reason" in read_json(path)]
    if not known:
        return "none yet"
    when, path = max(known)
    decision = read_json(path)
    where = f"{path.parts[-3]}, {path.parts[-2].replace('_', ' ')}"
    return f"{decision['state']} ({where}, {_ago(now - when)}): {decision['reason']}"


def _left(left: TimeLeft, rounds: dict[str, Any]) -> str:
    """The time left, what it is an estimate of, and what it leaves out."""
    if left.seconds is None:
        return "not known yet: no job of the kinds still to come has told how long it takes"
    bound = rounds["mode"] == "until_converged"
    about = "at least" if left.left_out else "at most" if bound else "about"
    text = f"{about} {clock(left.seconds)}, an estimate: {_counted(left.measured)} at the "
    text += f"mean time of such jobs so far, {left.side_by_side:.1f} side by side as until now"
    if bound:
        text += "; less where an arm converges before its last round"
    if left.left_out:
        text += f"; left out, as none is measured yet: {_counted(left.left_out)}"
    return text


def _counted(jobs: Counter[str]) -> str:
    return ", ".join(f"{jobs[rule]} {rule}" for rule in TIMED if jobs[rule])


def _ago(seconds: float) -> str:
    return f"{clock(max(seconds, 0.0))} ago"


def _date(when: float | None) -> str:
    return datetime.fromtimestamp(when).strftime("%Y-%m-%d %H:%M") if when else "at an unknown time"
