"""Frames in the order of time, and a split of each trajectory into blocks: train first, then validation, then test."""

import numpy as np

from ..frames import Frames
from ..seeds import generator


def in_time(frames: Frames, members: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """`members` ordered by trajectory, then time; the rank of each in its trajectory; the length of that.

    Without the column `trajectory` all are one; without `time_fs` the stored order counts as time.

    Args:
        frames: the reference.
        members: indices into it; rank and length count these frames alone.
    """
    trajectory = frames.columns.get("trajectory", np.zeros(len(frames), dtype=int))[members]
    time = frames.columns.get("time_fs", np.arange(len(frames)))[members]
    _, own, length = np.unique(trajectory, return_inverse=True, return_counts=True)
    order = np.lexsort((members, time, own))
    rank = np.arange(len(members)) - np.repeat(np.cumsum(length) - length, length)
    return members[order], rank, np.repeat(length, length)


def split_by_time(
    frames: Frames, train: int, validation: int, test: int, gap_frames: int, seed: int
) -> dict[str, np.ndarray]:
    """Each trajectory in three blocks of time, as long as train, validation and test are large.

    Long trajectories give more frames than short ones; within the blocks frames are drawn evenly spaced. Frames at
    the border of two blocks, `gap_frames` on either side, are left out, so that neighbours in time do not stand on
    both; trajectories of no more frames than the gaps of their two borders are left out altogether.

    Args:
        frames: the reference; the columns `trajectory` and `time_fs` count where there are any.
        train: frames to train on; the first k of `train_idx` are a random subset of size k.
        validation: frames to validate on.
        test: frames to test on.
        gap_frames: frames left out on each side of a border.
        seed: of the experiment.

    Returns:
        As `make_split`; `pool_idx` is the rest of the training blocks.

    Raises:
        ValueError: there are too few frames.
    """
    ordered, rank, length = in_time(frames, np.arange(len(frames)))
    usable = length - 4 * gap_frames
    slots = np.flatnonzero(rank < usable)  # what is left when the gaps are taken out and the blocks joined
    asked = train + validation + test
    if asked > len(slots):
        raise ValueError(
            f"split.train {train}, split.validation {validation} and split.test {test} ask for {asked} frames, but "
            f"blocks of time with split.gap_frames {gap_frames} on both sides of their borders hold {len(slots)}: "
            "lower them or the gap"
        )
    spare = len(slots) - asked
    sizes = [train + spare * train // asked, validation + spare * validation // asked]
    # the frames least advanced in their trajectories come first: blocks of exact size, in proportion in each of them
    by_progress = np.argsort((rank[slots] + 0.5) / usable[slots], kind="stable")
    blocks = []
    for number, part in enumerate(np.split(by_progress, np.cumsum(sizes))):
        blocks.append(ordered[slots[np.sort(part)] + 2 * gap_frames * number])
    drawn = [_evenly_spaced(block, n) for block, n in zip(blocks, (train, validation, test), strict=True)]
    return {
        "train_idx": generator(seed, "split").permutation(drawn[0]),
        "val_idx": np.sort(drawn[1]),
        "test_idx": np.sort(drawn[2]),
        "pool_idx": np.setdiff1d(blocks[0], drawn[0]),
    }


def _evenly_spaced(block: np.ndarray, n: int) -> np.ndarray:
    return block[((np.arange(n) + 0.5) * len(block) / n).astype(int)]
