"""What a round trains and validates on: the start set, then every round's labels on top."""

from pathlib import Path
from typing import Any

import numpy as np

from .frames import SPIN_STATE, Frames

TRAIN, VALIDATION = "train", "validation"


def start_set(reference: Frames, split: dict[str, np.ndarray]) -> Frames:
    """The set of round 0: the training and validation frames of the split, with `subset` and `round` columns.

    Args:
        reference: all curated reference frames.
        split: SchNetPack's split file: `train_idx` and `val_idx` index `reference`.
    """
    indices = np.concatenate([split["train_idx"], split["val_idx"]])
    subset = np.repeat([TRAIN, VALIDATION], [len(split["train_idx"]), len(split["val_idx"])])
    start = reference.take(indices)
    return _with_only(start, {"subset": subset, "round": np.zeros(len(indices), int)})


def grow(previous: Frames, labels: Frames, round_: int, validation_fraction: float, rng: np.random.Generator) -> Frames:
    """The previous round's set and its new labels, a share of which goes to the validation set.

    Whole walkers are held back, as neighbouring frames of one walker are nearly alike. Earlier frames keep their
    subset, so that nothing that was validated on is ever trained on.

    Args:
        previous: the set of the round before.
        labels: new labels; the column `walker` tells them apart (without it, each counts as a walker of its own).
        round_: number of the round that trains on the result.
        validation_fraction: the largest share of the new labels that is held back.
        rng: draws the walkers.
    """
    if not len(labels):
        return previous
    subset = np.full(len(labels), TRAIN, dtype=f"<U{len(VALIDATION)}")
    walkers = labels.columns.get("walker", np.arange(len(labels)))
    for walker in rng.permutation(np.unique(walkers)):
        its_frames = walkers == walker
        if (subset == VALIDATION).sum() + its_frames.sum() <= validation_fraction * len(labels):
            subset[its_frames] = VALIDATION
    columns = {"subset": subset, "round": np.full(len(labels), round_)}
    return Frames.concatenate([previous, _with_only(labels, columns)])


def _with_only(frames: Frames, columns: dict[str, np.ndarray]) -> Frames:
    """`frames` with these columns, and charge and multiplicity where the structures have their own."""
    own = {name: frames.columns[name] for name in SPIN_STATE if name in frames.columns}
    return Frames(**{**frames.__dict__, "columns": columns | own})


def describe(frames: Frames) -> dict[str, Any]:
    """Counts for `dataset.json`: frames in each subset and from each round."""
    counts = {name: int((frames.columns["subset"] == name).sum()) for name in (TRAIN, VALIDATION)}
    rounds, n = np.unique(frames.columns["round"], return_counts=True)
    return {**counts, "labels_of_round": {str(r): int(k) for r, k in zip(rounds, n, strict=True)}}


def load_split(path: str | Path) -> dict[str, np.ndarray]:
    """SchNetPack's split file as arrays."""
    with np.load(path) as stored:
        return {name: stored[name] for name in stored}
