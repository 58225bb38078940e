"""Error bars of averages over correlated samples, from block averages."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

BLOCKS = 10  # long enough blocks to be independent, and enough of them for a Student t with 9 degrees of freedom


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

    Samples that follow closely on one another are not independent, so their plain standard error is too small.
    Means over blocks longer than the correlation time are (Flyvbjerg and Petersen, J. Chem. Phys. 91, 461, 1989).

    Args:
        series: one (n_samples,) array for each walker; all are cut into the same number of blocks.
        n_blocks: blocks a series.
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
    means = np.array([[block.mean() for block in np.array_split(values, n_blocks)] for values in series])
    about = means.mean() if share_mean else means.mean(axis=1, keepdims=True)
    freedom = means.size - (1 if share_mean else len(series))
    error = np.sqrt(((means - about) ** 2).sum() / freedom / means.size)
    return Average(float(np.concatenate(series).mean()), float(error), freedom)
