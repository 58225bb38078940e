"""Which walkers are of one system, and which reference frames they can be compared with."""

from collections.abc import Sequence
from typing import Protocol

import numpy as np

from ouroboros.frames import Frames

NEAR = 0.1  # of the target temperature: frames that are at most so much farther from it than the nearest are compared


class HasSystem(Protocol):
    """What has `numbers` (n_atoms,) and `pbc` (3,): a walker, or ASE's Atoms."""

    @property
    def numbers(self) -> np.ndarray:
        """(n_atoms,) atomic numbers."""

    @property
    def pbc(self) -> np.ndarray:
        """(3,) bool."""


def of_one_system[T: HasSystem](walkers: Sequence[T]) -> list[T]:
    """The walkers of the system that most of them are of; the first such system where two are as frequent."""
    kinds = [(walker.numbers.tobytes(), walker.pbc.tobytes()) for walker in walkers]
    most = max(kinds, key=kinds.count, default=None)
    return [walker for walker, kind in zip(walkers, kinds, strict=True) if kind == most]


def same_system(frames: Frames, numbers: np.ndarray, pbc: np.ndarray | bool) -> Frames:
    """The frames that can be compared with a system, whatever the order of their atoms.

    Args:
        frames: any.
        numbers: (n_atoms,) atomic numbers of the system.
        pbc: (3,) along which cell vectors it is periodic, or one bool. Where it is along any, cells of the same
            composition, any size and the same periodicity fit; of molecules, only those with the same atoms.

    Returns:
        Some, all or none of them.
    """
    amounts = np.zeros((len(frames), 128))
    np.add.at(amounts, (frames.frame_of_atom, frames.numbers), 1)
    wanted = np.bincount(numbers, minlength=128)
    if np.any(pbc):
        fits = np.isclose(amounts / frames.n_atoms[:, None], wanted / len(numbers)).all(axis=1)
    else:
        fits = (amounts == wanted).all(axis=1)
    return frames.take(fits & (frames.pbc == pbc).all(axis=1))


def near_temperature(frames: Frames, target_K: float | None) -> tuple[Frames, tuple[float, float] | None]:
    """The frames whose temperature is nearest to a target, and others within `NEAR` of it.

    Sets of a few temperatures give those of the nearest one; where each frame has its own, a range about the target.

    Args:
        frames: with a column `temperature_K`, NaN where it is not known, or without.
        target_K: K; None: all frames are taken.

    Returns:
        Those frames, and their lowest and highest temperature in K; without any known temperature all frames, and None.
    """
    temperature = np.asarray(frames.columns.get("temperature_K", np.full(len(frames), np.nan)), dtype=float)
    known = np.isfinite(temperature)
    if target_K is None or not known.any():
        return frames, None
    apart = np.where(known, np.abs(temperature - target_K), np.inf)
    taken = apart <= apart.min() + NEAR * target_K
    return frames.take(taken), (float(temperature[taken].min()), float(temperature[taken].max()))
