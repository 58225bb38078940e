"""RMSD of many pairs of structures: lower bounds of all of them from matrix products, exact values of a few.

Both metrics compare the atoms in their stored order, unweighted, so a methyl group turned by 120° counts as another
structure. What they have in common is all that a search for nearest neighbours needs: `squared_bounds` for a block
of pairs and `exact` for a list of them.
"""

from collections.abc import Callable, Iterator
from typing import Protocol

import numpy as np
from ase.geometry import complete_cell, find_mic

ATOMS = 100_000  # of the pairs whose exact RMSD is worked out at a time
EPS = float(np.finfo(float).eps)


class Metric(Protocol):
    """RMSD between test and training structures that consist of the same atoms in the same order."""

    def squared_bounds(self, rows: slice, columns: slice) -> np.ndarray:
        """(n_rows, n_columns) Å², none above the squared RMSD of its pair of test and training structure."""
        ...

    def exact(self, test: np.ndarray, train: np.ndarray) -> np.ndarray:
        """(n_pairs,) RMSD, Å, of each pair of a test and a training structure, given by their numbers."""
        ...


class Superposition:
    """RMSD of isolated structures after the best superposition by a shift and a proper rotation.

    The largest overlap λ = max tr(RᵀC) over rotations R, of structures x and y centred and scaled to |x| = |y| = 1
    with C = xᵀy, is the largest root of the quartic P(λ) = λ⁴ − 2Fλ² − 8dλ + F² − 4e, where F = |C|², d = det C and
    e = |cof C|² (Horn, J. Opt. Soc. Am. A 1987, 4, 629; Theobald, Acta Cryst. A 2005, 61, 478). All of its roots are
    real and none exceeds 1, so Newton's steps from λ = 1 come down to the root and never pass it: each of them ends
    at an upper bound of λ, hence n RMSD² = (|x| − |y|)² + 2|x||y|(1 − λ) has a lower bound. After two steps it is
    within a percent for structures of one conformer, and one or a few pairs a test structure are left. (The
    difference of all pair distances, over n, is a bound at the same price, but of about 60 % of the RMSD: 5 % of the
    pairs of frames of a molecule's dynamics are then left, and nearly all of those of frames without neighbours.)

    Rounding in P and P' is below 64 (n + 1) ε for n atoms, as no entry of C exceeds 1 and its error n ε; both are
    shifted by so much to the safe side, which blurs the bound by some 10⁻⁶ Å and no more.

    Args:
        test: (n_test, n, 3) positions, Å.
        train: (n_train, n, 3) positions, Å.
    """

    def __init__(self, test: np.ndarray, train: np.ndarray):
        self._test, self._train = _centred(test), _centred(train)
        self._test_norm, self._train_norm = (np.sqrt((x**2).sum(axis=(1, 2))) for x in (self._test, self._train))
        self._rows = np.ascontiguousarray(_scaled(self._test, self._test_norm).transpose(2, 0, 1))
        self._columns = np.ascontiguousarray(_scaled(self._train, self._train_norm).transpose(2, 1, 0))

    def squared_bounds(self, rows: slice, columns: slice) -> np.ndarray:
        """See `Metric`."""
        one, other = self._test_norm[rows, None], self._train_norm[columns]
        n = self._test.shape[1]
        missing = _missing_overlap(self._rows[:, None, rows] @ self._columns[None, :, :, columns], 64 * (n + 1) * EPS)
        missing *= 2 * one * other
        missing += (one - other) ** 2
        missing /= n
        return missing

    def exact(self, test: np.ndarray, train: np.ndarray) -> np.ndarray:
        """See `Metric`; the rotation by Kabsch, Acta Cryst. A 1976, 32, 922, and the RMSD from what it leaves."""
        return _in_pieces(self._exact, test, train, self._test.shape[1])

    def _exact(self, test: np.ndarray, train: np.ndarray) -> np.ndarray:
        one, other = self._test[test], self._train[train]
        left, _, right = np.linalg.svd(one.transpose(0, 2, 1) @ other)
        left[:, :, 2] *= np.sign(np.linalg.det(left @ right))[:, None]  # a reflection is not a rotation
        return _root_mean_square(one @ (left @ right) - other)


class PeriodicDisplacement:
    """RMSD of structures in the same periodic cell after the best common shift, not rotated.

    Each atom goes to the nearest image of its partner once the mean displacement is taken out. With the phases
    φ = 2π s of an atom's scaled coordinate s along one cell vector, atoms displaced by θ in phase, after any shift,
    obey θ² ≥ |exp iθ − 1|², and the sum over n atoms is at least 2 (n − |Σ exp i(φ − φ')|). For a cell with the
    lattice vectors a, |Σ sₖ aₖ|² ≥ μ Σ sₖ² |aₖ|² with μ the smallest eigenvalue of the matrix of the cosines between
    them, which turns phases into a lower bound in Å.

    Args:
        test: (n_test, n, 3) positions, Å.
        train: (n_train, n, 3) positions, Å.
        cell: (3, 3) lattice vectors in rows, Å; zero vectors only where not periodic.
        pbc: (3,) bool.
    """

    def __init__(self, test: np.ndarray, train: np.ndarray, cell: np.ndarray, pbc: np.ndarray):
        self._cell, self._pbc = complete_cell(cell), pbc
        self._test, self._train = test, train
        to_scaled = np.linalg.inv(self._cell)
        self._rows = np.exp(2j * np.pi * (test @ to_scaled).transpose(2, 0, 1))
        self._columns = np.exp(-2j * np.pi * (train @ to_scaled).transpose(2, 1, 0))
        lengths = np.linalg.norm(self._cell, axis=1)
        cosines = self._cell @ self._cell.T / np.outer(lengths, lengths)
        self._weights = np.linalg.eigvalsh(cosines)[0] * lengths**2 / (2 * np.pi) ** 2

    def squared_bounds(self, rows: slice, columns: slice) -> np.ndarray:
        """See `Metric`."""
        n = self._test.shape[1]
        overlap = np.abs(self._rows[:, rows] @ self._columns[:, :, columns]) / n
        return np.tensordot(self._weights, (2 * (1 - overlap) - 8 * (n + 1) * EPS).clip(min=0), axes=1)

    def exact(self, test: np.ndarray, train: np.ndarray) -> np.ndarray:
        """See `Metric`."""
        return _in_pieces(self._exact, test, train, self._test.shape[1])

    def _exact(self, test: np.ndarray, train: np.ndarray) -> np.ndarray:
        # the mean phase knows no border, so a shifted copy is recognised wherever its atoms were wrapped
        phases = np.einsum("kpa,kap->pk", self._rows[:, test], self._columns[:, :, train])
        moved = self._test[test] - self._train[train] - (np.angle(phases) / (2 * np.pi) @ self._cell)[:, None]
        for _ in range(2):  # without the mean another image may be the nearest
            moved = find_mic(moved.reshape(-1, 3), self._cell, self._pbc)[0].reshape(moved.shape)
            moved = _centred(moved)
        return _root_mean_square(moved)


def _missing_overlap(c: np.ndarray, slack: float) -> np.ndarray:
    """A lower bound of 1 − λ for each of the (3, 3, n_rows, n_columns) products `c` of unit structures."""
    norm = c[0, 0] * c[0, 0]
    for row, column in list(np.ndindex(3, 3))[1:]:
        norm += c[row, column] * c[row, column]
    determinant, cofactors = np.zeros_like(norm), np.zeros_like(norm)
    for (row, column), cofactor in _cofactors(c):
        if row == 0:
            determinant += c[0, column] * cofactor
        cofactor *= cofactor
        cofactors += cofactor
    cofactors *= 4

    missing = np.zeros_like(norm)  # Newton's steps in 1 − λ
    for _ in range(2):
        root = 1 - missing
        gap = root * root - norm
        slope = 4 * root * gap - 8 * determinant
        value = gap * gap - 8 * determinant * root - cofactors - slack
        missing += value.clip(min=0) / (slope + slack).clip(min=slack)
    return missing


def _cofactors(c: np.ndarray) -> Iterator[tuple[tuple[int, int], np.ndarray]]:
    """Place and value of each cofactor of the 3 × 3 matrices whose entries are the first two axes of `c`."""
    for row, column in np.ndindex(3, 3):
        below, beyond, right, far = (row + 1) % 3, (row + 2) % 3, (column + 1) % 3, (column + 2) % 3
        cofactor = c[below, right] * c[beyond, far]
        cofactor -= c[below, far] * c[beyond, right]
        yield (row, column), cofactor


def _centred(positions: np.ndarray) -> np.ndarray:
    return positions - positions.mean(axis=1, keepdims=True)


def _scaled(positions: np.ndarray, norms: np.ndarray) -> np.ndarray:
    """Structures of norm 1; a single atom stays the zero vector that it is."""
    return positions / np.where(norms > 0, norms, 1)[:, None, None]


def _root_mean_square(displacements: np.ndarray) -> np.ndarray:
    return np.sqrt((displacements**2).sum(axis=2).mean(axis=1))


def _in_pieces(
    exact: Callable[[np.ndarray, np.ndarray], np.ndarray], test: np.ndarray, train: np.ndarray, n_atoms: int
) -> np.ndarray:
    """`exact` of the pairs, some of them at a time, for bounded memory."""
    pieces = len(test) * n_atoms // ATOMS + 1
    pairs = zip(np.array_split(test, pieces), np.array_split(train, pieces), strict=True)
    return np.concatenate([exact(*pair) for pair in pairs])
