"""Error bars of averages over correlated samples, from block averages."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

BLOCKS = 10  # shortest blocks: a tenth of each series
FREEDOM = 4  # fewest degrees of freedom of an error: with fewer, its own is more than a third of it


@dataclass(frozen=True)
class Average:
    """A mean over correlated samples.

    Attributes:
        mean: average over all samples, in their unit.
        error: standard error of the mean, in their unit.
        freedom: degrees of freedom of that error, for Student's t.
    """

    mean: float
    error: float
    freedom: int


def average(series: Sequence[np.ndarray], n_blocks: int = BLOCKS, share_mean: bool = True) -> Average:
    """Mean of several time series and its standard error from the scatter of block means.

    Samples that follow closely on one another are not independent, so their plain standard error is too small. Means
    over blocks longer than the correlation time are. Which that is shows when the blocks are doubled: the error grows
    until they are long enough (Flyvbjerg and Petersen, J. Chem. Phys. 91, 461, 1989). Taken is the largest, as long as
    two blocks a series and FREEDOM degrees of freedom are left.

    Args:
        series: one (n_samples,) array for each walker; all are cut into the same number of blocks.
        n_blocks: shortest blocks a series, to be doubled in length.
        share_mean: whether all series sample one ensemble. If False (NVE, where each walker keeps its own energy) the
            scatter is taken about each series' own mean, and the error does not include the spread between walkers.

    Returns:
        The mean with its error.

    Raises:
        ValueError: no series, or one with fewer than two samples a block.
    """
    if not series:
        raise ValueError("No time series to average")
    shortest = min(len(values) for values in series)
    if n_blocks < 2 or shortest < 2 * n_blocks:
        raise ValueError(f"{shortest} samples are too few for {n_blocks} blocks of two or more")
    mean = float(np.concatenate(series).mean())
    error, freedom = _error(series, n_blocks, share_mean)
    while n_blocks >= 4:
        n_blocks //= 2
        longer = _error(series, n_blocks, share_mean)
        if longer[1] >= FREEDOM and longer[0] > error:
            error, freedom = longer
    return Average(mean, error, freedom)


def _error(series: Sequence[np.ndarray], n_blocks: int, share_mean: bool) -> tuple[float, int]:
    """Standard error of the mean from the scatter of `n_blocks` blocks a series, and its degrees of freedom."""
    means = np.array([[block.mean() for block in np.array_split(values, n_blocks)] for values in series])
    about = means.mean() if share_mean else means.mean(axis=1, keepdims=True)
    freedom = means.size - (1 if share_mean else len(series))
    return float(np.sqrt(((means - about) ** 2).sum() / freedom / means.size)), freedom
