"""Near-duplicates across the split: how far each test frame is from everything trained on."""

import numpy as np

from ..frames import Frames

BLOCK = 500_000  # pairs aligned at a time


def nearest_training_distance(
    frames: Frames, split: dict[str, np.ndarray], threshold_A: float = 0.01
) -> tuple[np.ndarray, int]:
    """Smallest aligned RMSD of each test frame to any training frame, and how many are under `threshold_A`.

    The optimal superposition of each pair by proper rotations (Kabsch, Acta Cryst. A 1976, 32, 922) with the atoms
    in their stored order, so a methyl group turned by 120° counts as another structure; unweighted. Frames are
    compared only with training frames of the same atoms; inf where there are none. 1.5 s a million pairs.

    Args:
        frames: isolated molecules.
        split: with `train_idx` and `test_idx`.
        threshold_A: Å, under which a test frame counts as a near-duplicate.

    Returns:
        (n_test,) Å, and the number of them under `threshold_A`.

    Raises:
        ValueError: the frames are periodic, for which an aligned RMSD is not defined.
    """
    train, test = frames.take(split["train_idx"]), frames.take(split["test_idx"])
    if train.pbc.any() or test.pbc.any():
        raise ValueError("the leakage check aligns isolated molecules, but the reference is periodic: leave it out")
    nearest = np.full(len(test), np.inf)
    trained = _by_composition(train)
    for composition, members in _by_composition(test).items():
        if composition in trained:
            nearest[members] = _nearest(_centred(test, members), _centred(train, trained[composition]))
    return nearest, int((nearest < threshold_A).sum())


def _by_composition(frames: Frames) -> dict[bytes, np.ndarray]:
    """Frame indices by atomic numbers in their order."""
    groups: dict[bytes, list[int]] = {}
    for i, (start, n) in enumerate(zip(frames.starts, frames.n_atoms, strict=True)):
        groups.setdefault(frames.numbers[start : start + n].tobytes(), []).append(i)
    return {composition: np.array(members) for composition, members in groups.items()}


def _centred(frames: Frames, members: np.ndarray) -> np.ndarray:
    """(len(members), n, 3) positions about their centroids, Å."""
    positions = frames.take(members).positions.reshape(len(members), -1, 3)
    return positions - positions.mean(axis=1, keepdims=True)


def _nearest(test: np.ndarray, train: np.ndarray) -> np.ndarray:
    """(len(test),) smallest RMSD, Å, of centred (n_test, n, 3) to centred (n_train, n, 3)."""
    n = test.shape[1]
    columns = train.transpose(1, 0, 2).reshape(n, -1)  # all training frames side by side: one matrix product
    norm_train = (train**2).sum(axis=(1, 2))
    nearest = np.empty(len(test))
    for block in np.array_split(np.arange(len(test)), len(test) * len(train) // BLOCK + 1):
        rows = test[block].transpose(0, 2, 1).reshape(-1, n)
        covariance = (rows @ columns).reshape(len(block), 3, len(train), 3).transpose(0, 2, 1, 3)
        singular = np.linalg.svd(covariance, compute_uv=False)
        singular[..., 2] *= np.sign(np.linalg.det(covariance))  # a reflection is not a rotation
        squared = (test[block] ** 2).sum(axis=(1, 2))[:, None] + norm_train - 2 * singular.sum(axis=-1)
        nearest[block] = np.sqrt(squared.min(axis=1).clip(min=0) / n)
    return nearest
