"""A run's state as text for a terminal."""

import time
from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

from rich.console import Console, ConsoleOptions, Group, RenderableType
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
Column = tuple[Literal["left", "right"], str]
COLUMNS: dict[str, Column] = {  # title: side, and the field of a round's figures
    "arm": ("left", "arm"),
    "round": ("right", "number"),
    "data": ("right", "data"),
    "members\ntrained": ("right", "trained"),
    "epochs": ("right", "epoch"),
    "valid.\nloss": ("right", "loss"),
    "test\nMAE\nmeV/Å": ("right", "force_mae"),
    "walkers\nalive": ("right", "walkers"),
    "labels done\n/failed/left": ("right", "labels"),
    "decision": ("left", "decision"),
}
SPARED = ("epochs", "valid.\nloss")  # in a terminal of 80 columns
UNBOUNDED = 1000


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
    parts += _newest(rows) if rows else []
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


class Rounds:
    """The table of rounds, without the columns of `SPARED` where the terminal has no room for all."""

    def __init__(self, rows: list[RoundFigures]):
        self.rows = rows

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[RenderableType]:
        whole = _table(self.rows, COLUMNS)
        fits = console.measure(whole, options=options.update(max_width=UNBOUNDED)).maximum <= options.max_width
        yield whole if fits else _table(self.rows, {name: of for name, of in COLUMNS.items() if name not in SPARED})


def _table(rows: list[RoundFigures], columns: dict[str, Column]) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="bold")
    for name, (side, _) in columns.items():
        table.add_column(name, justify=side, no_wrap=True, vertical="bottom")
    for row in rows:
        values = [getattr(row, field) for _, field in columns.values()]
        table.add_row(*("-" if value == "" else str(value) for value in values))
    return table


def _newest(rows: list[RoundFigures]) -> list[RenderableType]:
    """The rounds, or of too many the newest of each arm."""
    shown = rows if len(rows) <= ROWS else list({row.arm: row for row in rows}.values())
    left_out = len(rows) - len(shown)
    return [
        Rounds(shown),
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
