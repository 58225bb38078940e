"""Splits that hold out whole groups of frames for the test: trajectories, or all frames of a column's values."""

from collections.abc import Sequence

import numpy as np

from ..domain import DYNAMICS
from ..frames import Frames
from ..seeds import generator
from .time_blocks import in_time


def split_by_trajectory(
    frames: Frames, train: int, validation: int, test: int, start_temperature_max_K: float | None, seed: int
) -> dict[str, np.ndarray]:
    """Split by whole trajectories, because frames a few fs apart are nearly the same structure.

    Every trajectory hotter than `start_temperature_max_K` belongs to the test, and so does half of those of each
    temperature at or below it (rounded down, but at least one). Training frames are drawn from the earlier part of
    the rest, validation frames from the later part; test frames from the test trajectories, the same number for each
    temperature as far as there are enough. Structures that no dynamics made (column `made`) belong to the test, each
    way of making them like a temperature. The test set does not depend on the sizes of the other two.

    Args:
        frames: with the column `trajectory`; without `temperature_K` all frames count as of one temperature.
        train: frames to train on; the first k of `train_idx` are a random subset of size k.
        validation: frames to validate on, from the later part of the same trajectories.
        test: frames to test on.
        start_temperature_max_K: the hottest trajectories that training may start from; None: any.
        seed: of the experiment.

    Returns:
        As `make_split`; `pool_idx` is the rest of the earlier part.

    Raises:
        ValueError: a column is missing or there are too few trajectories or frames, in one sentence with the key.
    """
    if "trajectory" not in frames.columns:
        raise ValueError(
            "split.strategy 'trajectory' needs the column 'trajectory', which the reference does not have: name it in "
            "reference.files.columns or choose another strategy"
        )
    trajectory = frames.columns["trajectory"]
    temperature = frames.columns.get("temperature_K", np.zeros(len(frames)))
    hottest = np.inf if start_temperature_max_K is None else start_temperature_max_K
    rng = generator(seed, "split")
    made = frames.columns.get("made", np.full(len(frames), DYNAMICS))
    moved = made == DYNAMICS
    held_out = _test_trajectories(trajectory[moved], temperature[moved], hottest, rng)
    is_test = np.isin(trajectory, held_out) | ~moved

    seen = np.flatnonzero(~is_test)
    if train + validation > len(seen):
        limit = ""
        if "temperature_K" in frames.columns and hottest < np.inf:
            levels = ", ".join(f"{level:g}" for level in np.unique(temperature)[:10])
            limit = f" at or below {hottest:g} K (split.start_temperature_max_K; there are {levels} K)"
        raise ValueError(
            f"split.train {train} and split.validation {validation} ask for {train + validation} frames, but the "
            f"{len(np.unique(trajectory[~is_test]))} trajectories left for training{limit} hold {len(seen)}: lower "
            "them, take more or longer trajectories, or choose split.strategy time"
        )
    if test > is_test.sum():
        raise ValueError(
            f"split.test {test} asks for more than the {is_test.sum()} frames of the {len(held_out)} trajectories "
            "that training never sees: lower it or take more or longer trajectories"
        )
    named = [f"{how} {kelvin}" for how, kelvin in zip(made, temperature, strict=True)]
    kinds = np.unique(named, return_inverse=True)[1]
    test_idx = _evenly(np.flatnonzero(is_test), kinds, test, rng)
    early, late = _by_time(frames, seen, train, validation)
    early = rng.permutation(early)
    return {
        "train_idx": early[:train],
        "val_idx": np.sort(rng.permutation(late)[:validation]),
        "test_idx": test_idx,
        "pool_idx": np.sort(early[train:]),
    }


def split_by_column(
    frames: Frames,
    train: int,
    validation: int,
    test: int,
    column: str,
    test_values: Sequence[float | str] | None,
    seed: int,
) -> dict[str, np.ndarray]:
    """Split by the values of a column: frames of the same value are either all kept for the test or none of them.

    Test frames are drawn from the groups held out, the same number from each as far as there are enough. Training
    and validation frames are drawn at random from all other groups, since a validation set of groups of its own
    would take every frame of, say, one of two temperatures away from training.

    Args:
        frames: with the column.
        train: frames to train on; the first k of `train_idx` are a random subset of size k.
        validation: frames to validate on.
        test: frames to test on.
        column: its name; numbers or text.
        test_values: values that make the test set; None: groups are drawn until there are enough frames, passing
            over those without which too few would be left to train and validate on.
        seed: of the experiment.

    Returns:
        As `make_split`; `pool_idx` is the rest of the groups that are not held out.

    Raises:
        ValueError: there is no such column or value, or there are too few frames.
    """
    if column not in frames.columns:
        raise ValueError(
            f"split.column is {column!r}, but the columns of the reference are {', '.join(sorted(frames.columns))}: "
            "choose one of them or another strategy"
        )
    values, own, sizes = np.unique(frames.columns[column], return_inverse=True, return_counts=True)
    rng = generator(seed, "split")
    if test_values is None:
        held_out = _draw_groups(sizes, test, len(frames) - train - validation, rng)
    else:
        unknown = [value for value in test_values if value not in values.tolist()]
        if unknown:
            named = ", ".join(repr(value) for value in values.tolist()[:20])
            raise ValueError(
                f"split.test_values names {unknown[0]!r}, but the values of the column {column!r} are {named}"
                f"{' and more' if len(values) > 20 else ''}: name values that occur"
            )
        held_out = np.flatnonzero([value in test_values for value in values.tolist()])
    is_test = np.isin(own, held_out)
    if test > is_test.sum():
        named = "values drawn" if test_values is None else "values named in split.test_values"
        raise ValueError(
            f"split.test {test} asks for more than the {is_test.sum()} frames of the {len(held_out)} {named} (of the "
            f"{len(values)} in column {column!r}): lower it, split.train or split.validation, or name test values"
        )
    seen = np.flatnonzero(~is_test)
    if train + validation > len(seen):
        raise ValueError(
            f"split.train {train} and split.validation {validation} ask for {train + validation} frames, but those "
            f"of the {len(values) - len(held_out)} values of column {column!r} outside the test are {len(seen)}: "
            "lower them or hold out fewer values"
        )
    test_idx = _evenly(np.flatnonzero(is_test), own, test, rng)
    seen = rng.permutation(seen)
    return {
        "train_idx": seen[validation : validation + train],
        "val_idx": np.sort(seen[:validation]),
        "test_idx": test_idx,
        "pool_idx": np.sort(seen[validation + train :]),
    }


def _draw_groups(sizes: np.ndarray, enough: int, most: int, rng: np.random.Generator) -> np.ndarray:
    """Groups in random order until they hold `enough` frames, without those that would bring more than `most`."""
    drawn, total = [], 0
    for group in rng.permutation(len(sizes)):
        if total < enough and total + sizes[group] <= most:
            drawn.append(group)
            total += sizes[group]
    return np.array(drawn, dtype=int)


def _by_time(frames: Frames, seen: np.ndarray, train: int, validation: int) -> tuple[np.ndarray, np.ndarray]:
    """`seen` in two: the earlier parts of its trajectories, and the later ones in the share of the validation set."""
    ordered, rank, length = in_time(frames, seen)
    n_late = min(max(validation, len(seen) * validation // (train + validation)), len(seen) - train)
    ordered = ordered[np.argsort(rank / length, kind="stable")]
    return ordered[: len(seen) - n_late], ordered[len(seen) - n_late :]


def _test_trajectories(
    trajectory: np.ndarray, temperature: np.ndarray, start_temperature_max_K: float, rng: np.random.Generator
) -> np.ndarray:
    """Trajectories (their values in the column) that belong to the test."""
    held_out = [np.unique(trajectory[temperature > start_temperature_max_K])]
    for level in np.unique(temperature[temperature <= start_temperature_max_K]):
        here = np.unique(trajectory[temperature == level])
        held_out.append(rng.choice(here, max(1, len(here) // 2), replace=False))
    return np.unique(np.concatenate(held_out))


def _evenly(candidates: np.ndarray, kind: np.ndarray, n: int, rng: np.random.Generator) -> np.ndarray:
    """(n,) of `candidates`, sorted: as many of each kind, what a short one lacks made up by the others."""
    groups = [rng.permutation(candidates[kind[candidates] == each]) for each in np.unique(kind[candidates])]
    # the k-th frames of all kinds, then the (k+1)-th: whatever n is, the first n are as even as can be
    rank = np.concatenate([np.arange(len(group)) for group in groups])
    return np.sort(np.concatenate(groups)[np.argsort(rank, kind="stable")[:n]])
