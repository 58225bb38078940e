"""What has become of each job, told by its files alone: it may run on another machine."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from .expected import Job
from .lenient import last_lines, written

DONE, AT_WORK, FAILED, WAITING = "done", "at work", "failed", "waiting"
PROGRESS = re.compile(r"(?:epoch|step|labels:) (\d+)(?:/| of )(\d+)(?: after (\d+) s)?")


@dataclass(frozen=True)
class Observed:
    """One job of the run.

    Attributes:
        job: which.
        state: done: its last output is there; at work: only its log is, and names no failure; failed; waiting.
        told: the last line of the log of a job that is at work or failed.
        wrote: when it wrote last, in seconds since 1970; None of a job that waits.
    """

    job: Job
    state: str
    told: str = ""
    wrote: float | None = None

    @property
    def share(self) -> float:
        """The share of its work that it has told of, 0 to 1."""
        progress = PROGRESS.search(self.told)
        if not progress:
            return 0.0 if self.state != DONE else 1.0
        done, whole = int(progress[1]), int(progress[2])
        return min(done / whole, 1.0) if whole else 0.0

    @property
    def seconds(self) -> float | None:
        """What it has told that it took so far."""
        progress = PROGRESS.search(self.told)
        return float(progress[3]) if progress and progress[3] else None


def observe(home: Path, jobs: Iterable[Job]) -> list[Observed]:
    """Each job with what its files tell."""
    return [_look(home, job) for job in jobs]


def _look(home: Path, job: Job) -> Observed:
    done = written(home / job.output)
    if done is not None:
        return Observed(job, DONE, wrote=done)
    log = home / f"logs/{job.name}.log"
    wrote = written(log)
    if wrote is None:
        return Observed(job, WAITING)
    lines = last_lines(log)
    failure = [line for line in lines if re.match(r"Rule \w+ stopped: ", line)]
    if failure:
        return Observed(job, FAILED, failure[-1], wrote)
    if lines and lines[-1].startswith("KeyboardInterrupt"):  # Ctrl-C: the next run begins it again
        return Observed(job, WAITING)
    progress = [line for line in lines if PROGRESS.match(line)]
    return Observed(job, AT_WORK, progress[-1] if progress else "", wrote)


def last_sign(home: Path, observed: Iterable[Observed]) -> float | None:
    """When the run wrote last, in seconds since 1970, so far as its jobs, their states and the label store tell."""
    signs = [each.wrote for each in observed]
    for pattern in ("states/*/*/*/*", "labels/*", "labels/*/*.claim"):
        signs += [written(path) for path in home.glob(pattern)]
    return max((sign for sign in signs if sign is not None), default=None)
