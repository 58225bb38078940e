"""Training, validation and test sets: the test set from whole trajectories that training never sees."""

import numpy as np

from ..frames import Frames
from ..seeds import generator


def split_by_trajectory(
    frames: Frames, train: int, validation: int, test: int, start_temperature_max_K: float, seed: int
) -> dict[str, np.ndarray]:
    """Split so that test errors tell how the potential does where it was not trained.

    Frames of one trajectory are alike, so a random split tests little. Every trajectory hotter than
    `start_temperature_max_K` belongs to the test, and so does half of those of each temperature at or below it
    (rounded down, but at least one). Training frames are drawn from the earlier part of the rest, validation frames
    from the later part; test frames from the test trajectories, the same number for each temperature as far as there
    are enough.

    Args:
        frames: with the columns `trajectory` and `temperature_K`.
        train: frames to train on; the first k of `train_idx` are a random subset of size k.
        validation: frames to validate on, from the later part of the same trajectories.
        test: frames to test on.
        start_temperature_max_K: the hottest trajectories that training may start from.
        seed: of the experiment.

    Returns:
        `train_idx`, `val_idx`, `test_idx`: SchNetPack's names, so `numpy.savez(path, **split)` is its split file.

    Raises:
        ValueError: a column is missing or there are too few trajectories or frames, in one sentence with the key.
    """
    for column in ("trajectory", "temperature_K"):
        if column not in frames.columns:
            raise ValueError(f"a split by trajectory needs the column {column!r}, which the reference does not have")
    trajectory, temperature = frames.columns["trajectory"], frames.columns["temperature_K"]
    rng = generator(seed, "split")
    held_out = _test_trajectories(trajectory, temperature, start_temperature_max_K, rng)
    is_test = np.isin(trajectory, held_out)

    seen = np.flatnonzero(~is_test)
    if train + validation > len(seen):
        raise ValueError(
            f"split.train {train} and split.validation {validation} ask for {train + validation} frames, but the "
            f"{len(np.unique(trajectory[~is_test]))} trajectories left for training at or below "
            f"{start_temperature_max_K:g} K hold {len(seen)}: lower them or generate more or longer trajectories"
        )
    if test > is_test.sum():
        raise ValueError(
            f"split.test {test} asks for more than the {is_test.sum()} frames of the {len(held_out)} trajectories "
            "that training never sees: lower it or generate more or longer trajectories"
        )
    early, late = _by_time(seen, trajectory, train, validation)
    return {
        "train_idx": rng.permutation(early)[:train],
        "val_idx": np.sort(rng.permutation(late)[:validation]),
        "test_idx": _evenly(np.flatnonzero(is_test), temperature, test, rng),
    }


def _by_time(seen: np.ndarray, trajectory: np.ndarray, train: int, validation: int) -> tuple[np.ndarray, np.ndarray]:
    """`seen` in two: the earlier parts of its trajectories, and the later ones in the share of the validation set."""
    progress = np.empty(len(seen))
    for number in np.unique(trajectory[seen]):
        own = np.flatnonzero(trajectory[seen] == number)
        progress[own] = np.arange(len(own)) / len(own)
    n_late = min(max(validation, len(seen) * validation // (train + validation)), len(seen) - train)
    ordered = seen[np.argsort(progress, kind="stable")]
    return ordered[: len(seen) - n_late], ordered[len(seen) - n_late :]


def _test_trajectories(
    trajectory: np.ndarray, temperature: np.ndarray, start_temperature_max_K: float, rng: np.random.Generator
) -> np.ndarray:
    """Numbers of the trajectories that belong to the test."""
    held_out = [np.unique(trajectory[temperature > start_temperature_max_K])]
    for level in np.unique(temperature[temperature <= start_temperature_max_K]):
        here = np.unique(trajectory[temperature == level])
        held_out.append(rng.choice(here, max(1, len(here) // 2), replace=False))
    return np.unique(np.concatenate(held_out))


def _evenly(candidates: np.ndarray, temperature: np.ndarray, n: int, rng: np.random.Generator) -> np.ndarray:
    """(n,) of `candidates`, sorted: as many of each temperature, what a short one lacks made up by the others."""
    groups = [rng.permutation(candidates[temperature[candidates] == t]) for t in np.unique(temperature[candidates])]
    # the k-th frames of all temperatures, then the (k+1)-th: whatever n is, the first n are as even as can be
    rank = np.concatenate([np.arange(len(group)) for group in groups])
    return np.sort(np.concatenate(groups)[np.argsort(rank, kind="stable")[:n]])
