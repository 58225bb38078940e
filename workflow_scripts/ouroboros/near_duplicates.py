"""Structures so near to one another that a second label would teach nothing."""

import numpy as np

from .frames import Frames
from .reference.leakage import COLUMNS, ROWS, by_kind, metric_of
from .reference.rmsd import Metric


def like_known(frames: Frames, known: Frames, within_A: float) -> np.ndarray:
    """(n_frames,) whether a frame lies within an RMSD of `within_A` (Å) of one of `known`.

    Compared are frames of the same atoms in the same order, see `reference.leakage.nearest_training_distance`.
    """
    both = Frames.concatenate([frames, known])
    near = np.zeros(len(frames), dtype=bool)
    others = by_kind(both, np.arange(len(frames), len(both)))
    for kind, own in by_kind(both, np.arange(len(frames))).items():
        if kind in others:
            metric = metric_of(both, own, len(frames) + others[kind])
            near[own[_pairs_within(metric, len(own), len(others[kind]), within_A)[0]]] = True
    return near


def repeated(frames: Frames, within_A: float) -> np.ndarray:
    """(n_frames,) whether a frame lies within an RMSD of `within_A` (Å) of an earlier one that is not so itself."""
    near = np.zeros(len(frames), dtype=bool)
    for own in by_kind(frames, np.arange(len(frames))).values():
        later, earlier = _pairs_within(metric_of(frames, own, own), len(own), len(own), within_A, earlier=True)
        order = np.lexsort((earlier, later))
        for one, other in zip(own[later[order]], own[earlier[order]], strict=True):
            near[one] |= not near[other]
    return near


def _pairs_within(
    metric: Metric, n_rows: int, n_columns: int, within_A: float, earlier: bool = False
) -> tuple[np.ndarray, np.ndarray]:
    """Numbers of the structures of all pairs that are nearer than that; with `earlier`, the column before the row."""
    found = []
    for top in range(0, n_rows, ROWS):
        bottom = min(top + ROWS, n_rows)
        for left in range(0, bottom if earlier else n_columns, COLUMNS):
            bounds = metric.squared_bounds(slice(top, bottom), slice(left, left + COLUMNS))
            one, other = np.nonzero(bounds < within_A**2)
            one, other = top + one, left + other
            if earlier:
                one, other = one[other < one], other[other < one]
            near = metric.exact(one, other) < within_A
            found.append(np.stack([one[near], other[near]]))
    one, other = np.concatenate(found, axis=1)
    return one, other
