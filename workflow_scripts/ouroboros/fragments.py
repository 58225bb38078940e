"""Pieces that a structure falls into."""

import numpy as np
from ase.data import covalent_radii
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from .contacts import BROKEN
from .frames import Frames


def count_fragments(frames: Frames) -> np.ndarray:
    """(n_frames,) pieces whose atoms hold together by contacts up to BROKEN; 1 for periodic frames, not looked at.

    A contact is a distance over the sum of the two covalent radii, see `contacts`. What is farther apart everywhere
    has come off: a bond stretched in a vibration has not.
    """
    pieces, starts = np.ones(len(frames), dtype=int), frames.starts
    for frame in np.flatnonzero(~frames.pbc.any(axis=1)):
        atoms = slice(starts[frame], starts[frame] + frames.n_atoms[frame])
        positions, radii = frames.positions[atoms], covalent_radii[frames.numbers[atoms]]
        distance = np.linalg.norm(positions[:, None] - positions, axis=-1)
        held = coo_array(distance < BROKEN * (radii[:, None] + radii))
        pieces[frame] = connected_components(held, directed=False)[0]
    return pieces


def most_fragments(frames: Frames) -> dict[bytes, int]:
    """The most pieces that any frame of a composition has, by its atomic numbers as bytes."""
    most: dict[bytes, int] = {}
    for kind, pieces in zip(compositions(frames), count_fragments(frames), strict=True):
        most[kind] = max(most.get(kind, 1), int(pieces))
    return most


def compositions(frames: Frames) -> list[bytes]:
    """What frames of the same atoms have in common, whatever their order."""
    return [np.sort(numbers).tobytes() for numbers in np.split(frames.numbers, frames.starts[1:])]
