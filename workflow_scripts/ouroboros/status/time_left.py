"""How long a run will still take, by the seconds that its finished jobs took."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from .expected import TIMED
from .lenient import read_table, written
from .observed import AT_WORK, DONE, Observed

PAUSE_S = 120.0  # nothing at work for longer is no part of the run's time: it had been killed, or waited for its turn


@dataclass(frozen=True)
class TimeLeft:
    """An estimate.

    Attributes:
        seconds: wall time; None where no job to come has a measured time.
        side_by_side: jobs that ran at a time so far, of the rules that are still to come; before one is done, those at
            work.
        measured: jobs to come, by rule, whose time is known; left_out: those that no job of theirs has told yet.
    """

    seconds: float | None
    side_by_side: float
    measured: Counter[str]
    left_out: Counter[str]


def time_left(home: Path, observed: Sequence[Observed]) -> TimeLeft:
    """The mean seconds of each rule's finished jobs, times those to come, over the jobs that ran side by side.

    Jobs of rules that keep no time take a second or two each; they are in by what they have taken so far, as they make
    the timed ones seem less side by side.

    Args:
        home: the results.
        observed: all jobs of the run.
    """
    times = {each: _seconds(home, each) for each in observed if each.job.rule in TIMED and each.state == DONE}
    finished = {each: seconds for each, seconds in times.items() if seconds is not None}
    mean = {rule: _mean_of(rule, finished, observed) for rule in TIMED}
    to_come = [each for each in observed if each.job.rule in TIMED and each.state != DONE]
    measured, left_out, work = Counter[str](), Counter[str](), 0.0
    for each in to_come:
        seconds = mean[each.job.rule]
        if seconds is None:
            left_out[each.job.rule] += 1
        else:
            measured[each.job.rule] += 1
            work += seconds * (1 - each.share)
    alike = {each: seconds for each, seconds in finished.items() if each.job.rule in measured}
    side_by_side = _side_by_side(home, alike) or max(sum(each.state == AT_WORK for each in to_come), 1)
    return TimeLeft(work / side_by_side if measured else None, side_by_side, measured, left_out)


def _mean_of(rule: str, finished: dict[Observed, float], observed: Sequence[Observed]) -> float | None:
    """Seconds of a job, by those that are done; before the first is done, by what the running ones have told."""
    seconds = [taken for each, taken in finished.items() if each.job.rule == rule]
    if not seconds:
        running = [each for each in observed if each.job.rule == rule and each.seconds and each.share]
        seconds = [(each.seconds or 0.0) / each.share for each in running]
    return sum(seconds) / len(seconds) if seconds else None


def _seconds(home: Path, each: Observed) -> float | None:
    """What Snakemake measured of a finished job; of one that was killed and went on, its last piece alone."""
    table = read_table(home / f"benchmarks/{each.job.name}.tsv", separator="\t")
    try:
        return float(table["s"].iloc[-1])
    except (KeyError, IndexError, TypeError, ValueError):
        return None


def _side_by_side(home: Path, finished: dict[Observed, float]) -> float:
    """Seconds of jobs in a second of the run, pauses left out; 0 where nothing is known."""
    spans = []
    for each, seconds in finished.items():
        end = written(home / f"benchmarks/{each.job.name}.tsv")
        if end is not None:
            spans.append((end - seconds, end))
    wall, until = 0.0, float("-inf")
    for begin, end in sorted(spans):
        begin = begin if begin - until > PAUSE_S else until
        wall += max(end - begin, 0.0)
        until = max(until, end)
    return sum(end - begin for begin, end in spans) / wall if wall else 0.0
