"""A training set of its own for each committee member."""

import numpy as np

from ..frames import Frames


def resampled(train: Frames, seed: int) -> Frames:
    """Each frame as often as a Poisson draw of mean one says: the bootstrap (Efron 1979) of a set that grows.

    The draws follow the order of the frames (Oza and Russell, AISTATS 2001), so that a frame which a member has seen in
    one round is seen as often in the next: a warm start does not lead all members to all frames in the end.

    Args:
        train: the training frames, those of earlier rounds first.
        seed: of the member, the same in all rounds.
    """
    draws = np.random.default_rng(seed)
    times = np.array([draws.poisson(1.0) for _ in range(len(train))])
    if not times.any():
        times[:] = 1
    return train.take(np.repeat(np.arange(len(train)), times))
