"""Which frames belong together when errors are told by temperature, by source or by another column."""

from collections.abc import Iterable
from typing import Any

import numpy as np

MOST = 20  # groups of one column
QUARTERS = 4
NO_VALUE, OTHERS = "no value", "others"


def groups_of(values: np.ndarray) -> dict[str, np.ndarray]:
    """The frames of each value of a column, as masks.

    A value each, in order, up to 20 values. Of more numbers (a quantity that varies from frame to frame) the four
    quarters of the frames, named by their ends; of more words the 19 most frequent, and the rest as `others`.

    Args:
        values: (n_frames,) numbers, words or booleans; NaN where a frame has none.

    Returns:
        Mask (n_frames,) by name; every frame is in one group. 300.0 K is named "300".
    """
    missing = np.isnan(values) if values.dtype.kind == "f" else np.zeros(len(values), dtype=bool)
    groups = _of_present(values, ~missing)
    if missing.any():
        groups[NO_VALUE] = missing
    return groups


def _of_present(values: np.ndarray, present: np.ndarray) -> dict[str, np.ndarray]:
    distinct, counts = np.unique(values[present], return_counts=True)
    if len(distinct) <= MOST:
        return {name: values == value for name, value in zip(_names(distinct), distinct, strict=True)}
    if values.dtype.kind in "iuf":
        return _quarters(values, present)
    frequent = np.sort(distinct[np.argsort(-counts, kind="stable")[: MOST - 1]])
    groups = {name: values == value for name, value in zip(_names(frequent), frequent, strict=True)}
    return {**groups, OTHERS: present & ~np.isin(values, frequent)}


def _quarters(values: np.ndarray, present: np.ndarray) -> dict[str, np.ndarray]:
    """Quarters of the frames by value; equal values stay together, so that they can be of unequal size or fewer."""
    inner = np.quantile(values[present], np.arange(1, QUARTERS) / QUARTERS)
    quarter = np.searchsorted(inner, values, side="left")
    masks = [present & (quarter == number) for number in np.unique(quarter[present])]
    ends = [np.unique([values[own].min(), values[own].max()]) for own in masks]
    return dict(zip(_names(ends, digits=4), masks, strict=True))


def _names(groups: Iterable[Any], digits: int = 6) -> list[str]:
    """Each group's value, or its ends, as a key of JSON: with `digits`, or with as many as tell the groups apart."""
    ends = [np.atleast_1d(group) for group in groups]
    for enough in (digits, 9, 17):
        names = [" to ".join(_name(value, enough) for value in group) for group in ends]
        if len(set(names)) == len(names):
            break
    return names


def _name(value: Any, digits: int) -> str:
    return f"{value:.{digits}g}" if isinstance(value, np.number) else str(value)
