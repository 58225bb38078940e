"""Training, validation and test sets, and the frames that may still be learned from later."""

from typing import Any

import numpy as np

from ..frames import Frames
from ..seeds import generator
from .held_out import split_by_column, split_by_trajectory
from .published_split import split_as_published
from .time_blocks import split_by_time

SIZES = ("train", "validation", "test")
SIDES = ("train", "val", "test", "pool")


def make_split(
    frames: Frames, settings: dict[str, Any], seed: int, published: tuple[np.ndarray, np.ndarray] | None = None
) -> dict[str, np.ndarray]:
    """Split the reference as config says.

    Args:
        frames: the reference.
        settings: `strategy`: trajectory, time, column, published or random; `train`, `validation`, `test`: each a
            count, or a share of all frames, rounded down; and what the strategy needs of `start_temperature_max_K`,
            `gap_frames`, `column`, `test_values`.
        seed: of the experiment.
        published: for the strategy published, what `read_published` gave.

    Returns:
        `train_idx`, `val_idx`, `test_idx`, each int64: SchNetPack's names, so that `numpy.savez(path, **split)` is its
        split file. The first k of `train_idx` are a random subset of size k. `pool_idx`: frames of the training side
        that are in none of these, to be learned from later; nothing that was held out for the test or, by time, for
        validation is among them. The strategy published adds `published_missing`.

    Raises:
        ValueError: a setting is wrong, a column is missing, or there are too few frames.
    """
    train, validation, test = _sizes(settings, len(frames))
    strategy = settings["strategy"]
    if strategy == "trajectory":
        limit = settings.get("start_temperature_max_K")
        split = split_by_trajectory(frames, train, validation, test, limit, seed)
    elif strategy == "time":
        split = split_by_time(frames, train, validation, test, settings.get("gap_frames", 0), seed)
    elif strategy == "column":
        chosen = settings.get("test_values")
        split = split_by_column(frames, train, validation, test, settings["column"], chosen, seed)
    elif strategy == "published":
        split = split_as_published(frames, train, validation, test, published, seed)
    elif strategy == "random":
        split = split_at_random(len(frames), train, validation, test, seed)
    else:
        raise ValueError(
            f"split.strategy is {strategy!r}: choose one of trajectory, time, column, published and random"
        )
    return {name: indices.astype(np.int64) for name, indices in split.items()}


def split_at_random(n_frames: int, train: int, validation: int, test: int, seed: int) -> dict[str, np.ndarray]:
    """Test, validation and training frames from one permutation, in this order.

    So a larger training set holds the smaller one, and neither test nor validation set depends on its size. Frames of
    a trajectory have near neighbours in every set; the other strategies keep them together.
    """
    order = generator(seed, "split").permutation(n_frames)
    held_out = test + validation
    return {
        "train_idx": order[held_out : held_out + train],
        "val_idx": np.sort(order[test:held_out]),
        "test_idx": np.sort(order[:test]),
        "pool_idx": np.sort(order[held_out + train :]),
    }


def describe_split(frames: Frames, split: dict[str, np.ndarray], column: str | None = None) -> dict[str, Any]:
    """Figures for `split.json`.

    Args:
        frames: the reference.
        split: what `make_split` gave.
        column: the one that was split by, if any.

    Returns:
        `train`, `val`, `test`, `pool`: numbers of frames; `left_out`: all others, which are never learned from.
        `test_by_temperature_K` and `test_by_<column>`: numbers of test frames; `trajectories`: how many of them each
        side has frames of, and `shared` by the test and the rest. `published_missing`: published frames that the
        reference does not have. The last four as far as there are such columns or indices.
    """
    indices = {side: split[f"{side}_idx"] for side in SIDES}
    figures: dict[str, Any] = {side: len(own) for side, own in indices.items()}
    figures["left_out"] = len(frames) - sum(figures.values())
    for name in dict.fromkeys(["temperature_K", *([column] if column else [])]):
        if name in frames.columns:
            values, counts = np.unique(frames.columns[name][indices["test"]], return_counts=True)
            figures[f"test_by_{name}"] = {_name(v): int(n) for v, n in zip(values, counts, strict=True)}
    if "trajectory" in frames.columns:
        trajectories = {side: np.unique(frames.columns["trajectory"][own]) for side, own in indices.items()}
        learned = np.concatenate([trajectories[side] for side in SIDES if side != "test"])
        figures["trajectories"] = {side: len(own) for side, own in trajectories.items()}
        figures["trajectories"]["shared"] = len(np.intersect1d(trajectories["test"], learned))
    if "published_missing" in split:
        figures["published_missing"] = len(split["published_missing"])
    return figures


def _name(value: np.generic) -> str:
    """A value as a key of JSON: 300 K is "300", whether its column holds integers or floats."""
    return f"{value:g}" if isinstance(value, np.number) else str(value)


def _sizes(settings: dict[str, Any], n_frames: int) -> list[int]:
    """Numbers of training, validation and test frames."""
    counts = []
    for key in SIZES:
        size = settings[key]
        share = isinstance(size, float) and 0 < size < 1
        if not share and (isinstance(size, bool) or not isinstance(size, int) or size < 1):
            raise ValueError(f"split.{key} is {size!r}: give a number of frames from 1 on, or a share between 0 and 1")
        counts.append(int(size * n_frames + 1e-9) if share else int(size))  # 0.29 × 100 is 28.999999999999996
        if not counts[-1]:
            raise ValueError(f"split.{key} {size} of {n_frames} frames is less than one: raise it")
    if sum(counts) > n_frames:
        asked = ", ".join(f"split.{key} {settings[key]}" for key in SIZES)
        raise ValueError(
            f"{asked} ask for {sum(counts)} frames together, but the reference holds {n_frames}: lower them or add "
            "frames"
        )
    return counts
