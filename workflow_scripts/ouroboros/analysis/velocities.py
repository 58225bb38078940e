"""The velocities of a run at even intervals: what a spectrum is made of."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import h5py
import numpy as np

from ouroboros.analysis.walkers import Walker


@dataclass(frozen=True)
class VelocitySeries:
    """Velocities of several walkers of one system, all equally long.

    Attributes:
        names: the number of each walker.
        runs: one (n_samples, n_atoms, 3) array a walker, finite, in one unit (only the shape of a spectrum counts).
        masses: (n_atoms,) amu.
        interval_fs: time between samples, fs; NaN where there are fewer than two.
    """

    names: list[int]
    runs: list[np.ndarray]
    masses: np.ndarray
    interval_fs: float

    @property
    def n_samples(self) -> int:
        """Samples of each walker."""
        return len(self.runs[0])

    def only(self, names: Collection[int]) -> "VelocitySeries":
        """The series of the walkers among `names`."""
        kept = [(name, run) for name, run in zip(self.names, self.runs, strict=True) if name in names]
        return replace(self, names=[name for name, _ in kept], runs=[run for _, run in kept])


def of_frames(walkers: Sequence[Walker], step_fs: float) -> VelocitySeries:
    """The velocities of the saved frames: those of a walker up to its first gap or bad number."""
    used, length, interval_fs = even_runs(walkers, step_fs)
    names, runs = [walker.name for walker in used], [walker.velocities[:length] for walker in used]
    return VelocitySeries(names, runs, walkers[0].masses, interval_fs)


def of_file(path: str | Path, walkers: Sequence[Walker]) -> VelocitySeries | None:
    """The velocities that were saved more often than the frames (velocities.h5, see docs/dynamics.md).

    Args:
        path: attribute `interval_fs`, and for each walker a group `walker_0000` with `velocities`
            (n_samples, n_atoms, 3).
        walkers: those that are wanted, all of one system.

    Returns:
        Those of the walkers that ran at least half as long as the longest; None where none has two samples.
    """
    with h5py.File(path) as file:
        interval_fs = float(file.attrs["interval_fs"])
        groups = {walker.name: file.get(f"walker_{walker.name:04d}") for walker in walkers}
        runs = {name: group["velocities"][:] for name, group in groups.items() if group is not None}
    sound = {name: run[: _finite(run)] for name, run in runs.items()}
    longest = max(map(len, sound.values()), default=0)
    if longest < 2:
        return None
    used = {name: run for name, run in sound.items() if len(run) >= longest / 2}
    length = min(map(len, used.values()))
    return VelocitySeries(list(used), [run[:length] for run in used.values()], walkers[0].masses, interval_fs)


def even_runs(walkers: Sequence[Walker], step_fs: float) -> tuple[list[Walker], int, float]:
    """Walkers at least half as long as the longest, the frames that all of them have, and the time between two, fs."""
    longest = max(walkers, key=lambda walker: walker.n_even)
    if longest.n_even < 2:
        return [longest], longest.n_even, float("nan")
    gap = longest.step[1] - longest.step[0]
    used = [w for w in walkers if w.n_even >= max(longest.n_even / 2, 2) and w.step[1] - w.step[0] == gap]
    return used, min(walker.n_even for walker in used), float(gap * step_fs)


def _finite(run: np.ndarray) -> int:
    """Samples before the first that is not finite."""
    good = np.isfinite(run).all(axis=(1, 2))
    return len(run) if good.all() else int(np.argmin(good))
