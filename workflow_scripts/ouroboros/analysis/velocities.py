"""The velocities of a run at even intervals: what a spectrum is made of."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np

from ouroboros.analysis.walkers import Walker


@dataclass(frozen=True)
class VelocitySeries:
    """Velocities of several walkers of one system, all equally long.

    Attributes:
        runs: one (n_samples, n_atoms, 3) array a walker, finite, in one unit (only the shape of a spectrum counts).
        masses: (n_atoms,) amu.
        interval_fs: time between samples, fs; NaN where there are fewer than two.
    """

    runs: list[np.ndarray]
    masses: np.ndarray
    interval_fs: float

    @property
    def n_samples(self) -> int:
        """Samples of each walker."""
        return len(self.runs[0])


def of_frames(walkers: Sequence[Walker], step_fs: float) -> VelocitySeries:
    """The velocities of the saved frames: those of a walker up to its first gap or bad number."""
    used, length, interval_fs = even_runs(walkers, step_fs)
    return VelocitySeries([walker.velocities[:length] for walker in used], walkers[0].masses, interval_fs)


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
        groups = [file.get(f"walker_{walker.name:04d}") for walker in walkers]
        runs = [group["velocities"][:] for group in groups if group is not None]
    sound = [run[: len(run) if good.all() else np.argmin(good)] for run in runs for good in [_finite(run)]]
    longest = max(map(len, sound), default=0)
    if longest < 2:
        return None
    used = [run for run in sound if len(run) >= longest / 2]
    length = min(map(len, used))
    return VelocitySeries([run[:length] for run in used], walkers[0].masses, interval_fs)


def even_runs(walkers: Sequence[Walker], step_fs: float) -> tuple[list[Walker], int, float]:
    """Walkers at least half as long as the longest, the frames that all of them have, and the time between two, fs."""
    longest = max(walkers, key=lambda walker: walker.n_even)
    if longest.n_even < 2:
        return [longest], longest.n_even, float("nan")
    gap = longest.step[1] - longest.step[0]
    used = [w for w in walkers if w.n_even >= max(longest.n_even / 2, 2) and w.step[1] - w.step[0] == gap]
    return used, min(walker.n_even for walker in used), float(gap * step_fs)


def _finite(run: np.ndarray) -> np.ndarray:
    return np.isfinite(run).all(axis=(1, 2))
