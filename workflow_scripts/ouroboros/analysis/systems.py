"""Which frames are of one system."""

import numpy as np

from ouroboros.frames import Frames


def same_system(frames: Frames, numbers: np.ndarray, periodic: bool) -> Frames:
    """The frames that can be compared with a system, whatever the order of their atoms.

    Args:
        frames: any.
        numbers: (n_atoms,) atomic numbers of the system.
        periodic: whether it is periodic. Then cells of the same composition and any size fit; of molecules, only those
            with the same atoms.

    Returns:
        Some, all or none of them.
    """
    amounts = np.zeros((len(frames), 128))
    np.add.at(amounts, (frames.frame_of_atom, frames.numbers), 1)
    wanted = np.bincount(numbers, minlength=128)
    if periodic:
        fits = np.isclose(amounts / frames.n_atoms[:, None], wanted / len(numbers)).all(axis=1)
    else:
        fits = (amounts == wanted).all(axis=1)
    return frames.take(fits & (frames.pbc.any(axis=1) == periodic))
