"""Did every walker come to the end of the run?"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from ouroboros.analysis.verdict import Check


@dataclass(frozen=True)
class Planned:
    """What the run was meant to be.

    Attributes:
        walkers: how many.
        steps: MD steps of each.
        stride: steps between saved frames.
        timestep_fs: length of a step, fs.
    """

    walkers: int
    steps: int
    stride: int
    timestep_fs: float


def reasons_to_stop(walkers: str | Path) -> dict[int, str]:
    """Why each walker of walkers.csv that was stopped was, by its number."""
    table = pd.read_csv(walkers)
    stopped = table[~table["survived"].astype(bool)]
    return dict(zip(stopped["walker"].astype(int).tolist(), stopped["ended"].tolist(), strict=True))


def judge(
    last_step: Mapping[int, int], planned: Planned | None = None, ended: Mapping[int, str] | None = None
) -> tuple[dict, Check]:
    """Compare the last saved step of each walker with the plan.

    A walker that stopped early met something that stops a run: a NaN, atoms too close, a broken bond. What it did until
    then looks sound, so that without this check a potential that explodes would pass all others.

    Args:
        last_step: MD step of the last saved frame of each walker that has one.
        planned: the plan; None: the walkers that are there, for as long as the longest of them.
        ended: why walkers were stopped, as far as that is known.

    Returns:
        The section of analysis.json, and pass when each walker saved the last frame it was to save.
    """
    if planned:
        last = planned.steps - planned.steps % planned.stride
        names = sorted(set(range(planned.walkers)) | set(last_step))
    else:
        last, names = max(last_step.values(), default=0), sorted(last_step)
    stopped = {name: last_step.get(name, -1) for name in names if last_step.get(name, -1) < last}
    ended = ended or {}
    section = {
        "n_walkers": len(names),
        "n_completed": len(names) - len(stopped),
        "last_step_planned": last,
        "stopped_after_step": {name: step if step >= 0 else None for name, step in stopped.items()},
        "ended": {name: ended[name] for name in sorted(ended)},
    }
    if not names:
        return section, Check(False, "no walker saved a frame")
    if not stopped:
        return section, Check(True, f"every walker ({len(names)}) came to step {last}")
    first = min(stopped, key=lambda name: stopped[name])
    where = f"after step {stopped[first]} of {last}" if stopped[first] >= 0 else "before its first frame"
    why = ended.get(first, "see the log of simulate")
    return section, Check(False, f"{len(stopped)} of {len(names)} walkers stopped early, walker {first} {where}: {why}")
