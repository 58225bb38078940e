"""Bonds that break or form during a run."""

from dataclasses import dataclass

import numpy as np
from ase import Atoms
from ase.geometry import find_mic
from ase.neighborlist import natural_cutoffs

from ouroboros.analysis.neighbours import pairs_within
from ouroboros.contacts import BROKEN, MADE, NON_METALS


@dataclass(frozen=True)
class BondChange:
    """The first time that a pair of atoms changed its state.

    Attributes:
        kind: "broken" or "formed".
        atoms: indices of the two atoms, from 0, the smaller first.
        pair: their symbols, e.g. "C-H".
        step: MD step of the first frame that shows it.
        distance_A: distance in that frame, Å.
    """

    kind: str
    atoms: tuple[int, int]
    pair: str
    step: int
    distance_A: float


def changes(
    positions: np.ndarray,
    numbers: np.ndarray,
    step: np.ndarray,
    cell: np.ndarray | None = None,
    pbc: np.ndarray | bool = False,
    made: float = MADE,
    broken: float = BROKEN,
) -> list[BondChange]:
    """Compare the connectivity of each frame with that of the first.

    Two atoms are bonded when they are closer than `made` times the sum of their covalent radii (Cordero et al., Dalton
    Trans. 2832, 2008, as in ASE) and apart beyond `broken` times. Pairs of two metals are left out: their neighbours
    change in any melt and that breaks no bond. Periodic images count as the atom they are images of.

    Args:
        positions: (n_frames, n_atoms, 3), Å, finite.
        numbers: (n_atoms,) atomic numbers.
        step: (n_frames,) MD step of each frame.
        cell: (n_frames, 3, 3), Å; None for an isolated molecule.
        pbc: (3,) bool or one bool.
        made: factor below which a pair is bonded.
        broken: factor above which it is not.

    Returns:
        One entry for each pair that changed, in order of time.

    Raises:
        ValueError: positions that are not finite, or factors in the wrong order.
    """
    if not made < broken:
        raise ValueError(f"A bond is made within {made} and broken beyond {broken} radii: the second has to be larger")
    if not np.isfinite(positions).all():
        raise ValueError("Positions that are not finite have no bonds")
    if not len(positions):
        return []
    n_atoms = len(numbers)
    cell = np.zeros((len(positions), 3, 3)) if cell is None else cell
    radii = np.array(natural_cutoffs(Atoms(numbers)))
    non_metal = np.isin(numbers, NON_METALS)
    cutoff = float(broken * 2 * radii.max())

    frames = []  # for each frame: pair codes, distance in units of the covalent radii
    for coordinates, box in zip(positions, cell, strict=True):
        i, j, d = pairs_within(coordinates, box, pbc, cutoff)
        scaled = d / (radii[i] + radii[j])
        close = (scaled < broken) & (i < j) & (non_metal[i] | non_metal[j])
        frames.append((i[close] * n_atoms + j[close], scaled[close]))
    codes = np.unique(np.concatenate([code for code, _ in frames]))
    scaled = np.full((len(frames), len(codes)), np.inf)
    for row, (code, value) in zip(scaled, frames, strict=True):
        np.minimum.at(row, np.searchsorted(codes, code), value)  # the nearest image of each pair

    state = np.where(scaled < made, 1, np.where(scaled < broken, 0, -1))
    known = np.maximum.accumulate(np.where(state != 0, np.arange(len(frames))[:, None], -1), axis=0)
    first = np.argmax(state != 0, axis=0)
    start = state[first, np.arange(len(codes))]
    now = np.where(known >= 0, np.take_along_axis(state, np.maximum(known, 0), axis=0), start)
    changed = (now != start) & (start != 0)

    found = []
    for pair in np.flatnonzero(changed.any(axis=0)):
        frame = int(np.argmax(changed[:, pair]))
        a, b = (int(index) for index in divmod(codes[pair], n_atoms))
        vector = positions[frame, b] - positions[frame, a]
        distance = float(find_mic(vector, cell[frame], pbc)[1] if np.any(pbc) else np.linalg.norm(vector))
        symbols = "-".join(Atoms(numbers[[a, b]]).get_chemical_symbols())
        kind = "broken" if start[pair] == 1 else "formed"
        found.append(BondChange(kind, (a, b), symbols, int(step[frame]), distance))
    return sorted(found, key=lambda change: change.step)
