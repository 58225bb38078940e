"""Distances between atoms: all pairs of an isolated molecule, g(r) of a periodic cell."""

from dataclasses import dataclass
from itertools import combinations_with_replacement

import numpy as np
from ase.data import chemical_symbols

from ouroboros.analysis.neighbours import pairs_within
from ouroboros.frames import Frames

ALL = "all"  # the curve over all pairs, whatever their elements


@dataclass(frozen=True)
class Distribution:
    """Curves on one grid.

    Attributes:
        distance_A: (n_bins,) bin centres, Å.
        curves: for "all" and for each pair of elements such as "C-H" (symbols in alphabetical order), (n_bins,):
            probability density in 1/Å of area 1 for molecules, g(r) without unit for periodic cells.
        periodic: which of the two it is.
    """

    distance_A: np.ndarray
    curves: dict[str, np.ndarray]
    periodic: bool


def pair_distances(frames: Frames, edges: np.ndarray) -> Distribution:
    """Normalised histogram of the distances between all pairs of atoms of each isolated molecule.

    A pair farther apart than the last edge is counted in the last bin, so an atom that flew off is not forgotten and
    every curve has area 1.

    Args:
        frames: molecules, without periodic images.
        edges: (n_bins + 1,) evenly spaced bin edges, Å.

    Returns:
        Densities in 1/Å.

    Raises:
        ValueError: a position is not finite.
    """
    _refuse_non_finite(frames)
    width = edges[1] - edges[0]
    counts: dict[str, np.ndarray] = {}
    for start, n in zip(frames.starts, frames.n_atoms, strict=True):
        i, j = np.triu_indices(n, k=1)
        x = frames.positions[start : start + n]
        bins = _bin(np.linalg.norm(x[i] - x[j], axis=1), edges)
        _count(counts, frames.numbers[start : start + n], i, j, bins, len(edges) - 1)
    curves = {name: count / count.sum() / width for name, count in counts.items() if count.sum()}
    return Distribution((edges[1:] + edges[:-1]) / 2, curves, periodic=False)


def radial_distribution(frames: Frames, edges: np.ndarray) -> Distribution:
    """Radial distribution function g(r) of periodic cells, total and for each pair of elements.

    Counts over ideal-gas counts, N_a N_b / V times the volume of the shell (Allen and Tildesley, Computer Simulation of
    Liquids, 2nd ed., section 2.6). All images within range count, so the range may exceed half the cell.

    Args:
        frames: periodic cells of any size, volume and composition.
        edges: (n_bins + 1,) evenly spaced bin edges, Å.

    Returns:
        g(r), which goes to 1 where atoms no longer know of each other.

    Raises:
        ValueError: a position is not finite, or a cell has no volume.
    """
    _refuse_non_finite(frames)
    volumes = np.abs(np.linalg.det(frames.cell))
    if not (volumes > 0).all():
        raise ValueError("g(r) needs cells with a volume: give a cell vector to each direction, periodic or not")
    shells = 4 / 3 * np.pi * np.diff(edges**3)
    counts: dict[str, np.ndarray] = {}
    ideal: dict[str, np.ndarray] = {}
    for frame, (start, n) in enumerate(zip(frames.starts, frames.n_atoms, strict=True)):
        numbers = frames.numbers[start : start + n]
        positions = frames.positions[start : start + n]
        i, j, d = pairs_within(positions, frames.cell[frame], frames.pbc[frame], float(edges[-1]))
        _count(counts, numbers, i, j, _bin(d, edges), len(edges) - 1)
        kinds, amount = np.unique(numbers, return_counts=True)
        pairs = {ALL: n * n}
        for a, b in combinations_with_replacement(range(len(kinds)), 2):
            pairs[_name(kinds[a], kinds[b])] = amount[a] * amount[b] * (1 if a == b else 2)
        for name, number in pairs.items():
            ideal[name] = ideal.get(name, 0) + number / volumes[frame] * shells
    curves = {name: counts.get(name, np.zeros(len(shells))) / expected for name, expected in ideal.items()}
    return Distribution((edges[1:] + edges[:-1]) / 2, curves, periodic=True)


def _refuse_non_finite(frames: Frames) -> None:
    if not np.isfinite(frames.positions).all():
        raise ValueError("Positions that are not finite have no distances")


def _bin(distances: np.ndarray, edges: np.ndarray) -> np.ndarray:
    index = ((distances - edges[0]) / (edges[1] - edges[0])).astype(np.int64)
    return np.clip(index, 0, len(edges) - 2)


def _name(a: int, b: int) -> str:
    return "-".join(sorted((chemical_symbols[a], chemical_symbols[b])))


def _count(counts: dict, numbers: np.ndarray, i: np.ndarray, j: np.ndarray, bins: np.ndarray, n_bins: int) -> None:
    """Add the pairs (i, j) that fell into `bins` to the histograms of their elements and of all."""
    low, high = np.minimum(numbers[i], numbers[j]), np.maximum(numbers[i], numbers[j])
    kinds, kind = np.unique(low * 1000 + high, return_inverse=True)  # atomic numbers are below 1000
    table = np.bincount(kind * n_bins + bins, minlength=len(kinds) * n_bins).reshape(len(kinds), n_bins)
    for code, row in zip(kinds, table, strict=True):
        name = _name(*divmod(int(code), 1000))
        counts[name] = counts.get(name, 0) + row
    counts[ALL] = counts.get(ALL, np.zeros(n_bins, dtype=np.int64)) + table.sum(axis=0)
