"""The splits that were published with rMD17 (Christensen and von Lilienfeld, 2020), by numbers of raw frames."""

from pathlib import Path

import numpy as np

from ..frames import Frames
from ..seeds import generator


def read_published(folder: str | Path, fold: int) -> tuple[np.ndarray, np.ndarray]:
    """Numbers of the raw frames, from 0, that one fold trains and tests on.

    Args:
        folder: with `index_train_01.csv`, `index_test_01.csv` and so on, one number a line.
        fold: 1 to 5.

    Raises:
        ValueError: a file is missing, holds anything else, or train and test are not distinct frames.
    """
    folder = Path(folder)
    train, test = (_read_indices(folder / f"index_{part}_{fold:02d}.csv") for part in ("train", "test"))
    if shared := len(np.intersect1d(train, test)):
        raise ValueError(
            f"{folder}: {shared} frames stand both in the train and in the test indices of split.fold {fold}: get the "
            "published files again"
        )
    return train, test


def _read_indices(path: Path) -> np.ndarray:
    if not path.is_file():
        raise ValueError(f"there is no {path}: choose a split.fold whose indices were published, or download again")
    lines = path.read_text(encoding="utf-8", errors="replace").split()
    wrong = next((line for line in lines if not line.isascii() or not line.isdecimal()), None)
    if wrong is not None or not lines:
        found = repr(wrong[:40]) if wrong is not None else "nothing"
        raise ValueError(f"{path} has to hold one frame number a line, but {found} stands there: get the file again")
    indices = np.array([int(line) for line in lines], dtype=np.int64)
    if len(np.unique(indices)) < len(indices):
        raise ValueError(f"{path} names a frame more than once: get the file again")
    return indices


def split_as_published(
    frames: Frames, train: int, validation: int, test: int, published: tuple[np.ndarray, np.ndarray] | None, seed: int
) -> dict[str, np.ndarray]:
    """Training and validation frames from the published training frames, test frames from the published test frames.

    Drawn by seed from two permutations, training frames from the front of the first and validation frames from its
    end, so that a larger start set holds the smaller one and the test set does not depend on it.

    Args:
        frames: with the column `raw_index`, the number of each frame in the published set.
        train: frames to train on.
        validation: frames to validate on.
        test: frames to test on.
        published: what `read_published` gave.
        seed: of the experiment.

    Returns:
        As `make_split`; `pool_idx` is every frame but these and the published test frames. `published_missing` are
        the published numbers that the reference does not have, because curation dropped them.

    Raises:
        ValueError: there are no published indices, no column, or too few frames.
    """
    if published is None:
        raise ValueError("split.strategy 'published' needs published indices, which only rMD17 has: choose another one")
    if "raw_index" not in frames.columns:
        raise ValueError(
            "split.strategy 'published' needs the column 'raw_index', which the reference does not have: import it "
            "again or choose another strategy"
        )
    rows = {int(raw): row for row, raw in enumerate(frames.columns["raw_index"])}
    trained, tested = (
        np.array([rows[int(raw)] for raw in numbers if int(raw) in rows], dtype=np.int64) for numbers in published
    )
    missing = np.array([raw for numbers in published for raw in numbers if int(raw) not in rows], dtype=np.int64)
    gone = f"{len(missing)} published frames are not in the reference"
    if train + validation > len(trained):
        raise ValueError(
            f"split.train {train} and split.validation {validation} ask for {train + validation} frames, but "
            f"{len(trained)} were published to train on ({gone}): lower them or choose another strategy"
        )
    if test > len(tested):
        raise ValueError(
            f"split.test {test} asks for more than the {len(tested)} frames that were published to test on ({gone}): "
            "lower it or choose another strategy"
        )
    tested = generator(seed, "split", "test").permutation(tested)
    trained = generator(seed, "split").permutation(trained)
    learned = np.concatenate([trained[:train], trained[len(trained) - validation :]])
    return {
        "train_idx": trained[:train],
        "val_idx": np.sort(trained[len(trained) - validation :]),
        "test_idx": np.sort(tested[:test]),
        "pool_idx": np.setdiff1d(np.arange(len(frames)), np.concatenate([learned, tested])),
        "published_missing": np.sort(missing),
    }
