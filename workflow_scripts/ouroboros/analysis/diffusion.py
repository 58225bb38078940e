"""Mean square displacement and self-diffusion in periodic cells."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import fft

BLOCKS = 5
WINDOW = (0.1, 0.5)  # of a block: past the ballistic start, before the lags that few pairs of frames cover
CM2_PER_S = 1e-4  # 1 Å²/ps
DIFFUSIVE = (0.75, 1.25)  # exponent of MSD ~ t^x that counts as diffusion: 0 in a crystal, 2 in free flight
# A crystal passes through exponent 1 on its way from flight to its plateau. Even where it melts, at an amplitude of
# 0.15 neighbour distances (Lindemann), that plateau is at some 2 (0.15 x 2.5 Å)² = 0.3 Å²: farther is out of the cage.
OUT_OF_CAGE_A2 = 1.0


@dataclass(frozen=True)
class Diffusion:
    """Self-diffusion of one group of atoms.

    Attributes:
        D_A2_per_ps, D_error_A2_per_ps: coefficient and its standard error, Å²/ps.
        D_cm2_per_s, D_error_cm2_per_s: the same in cm²/s.
        exponent: x of MSD ~ t^x in the fit window.
        msd_at_end_A2: mean square displacement at the end of the window, Å².
        diffusive: whether x is close to 1 and the atoms have left their places, so that D means something.
        reason: why it does not; empty where it does.
        fit_from_ps, fit_to_ps: the fit window, ps.
    """

    D_A2_per_ps: float
    D_error_A2_per_ps: float
    D_cm2_per_s: float
    D_error_cm2_per_s: float
    exponent: float
    msd_at_end_A2: float
    diffusive: bool
    reason: str
    fit_from_ps: float
    fit_to_ps: float


def unwrap(positions: np.ndarray, cell: np.ndarray, pbc: np.ndarray | bool = True) -> np.ndarray:
    """Undo the jumps of atoms that left the cell on one side and came back on the other.

    Args:
        positions: (n_frames, n_atoms, 3), Å; frames close enough that no atom moves half a cell between two.
        cell: (n_frames, 3, 3), Å.
        pbc: (3,) bool or one bool; no jump is undone along the other directions.

    Returns:
        (n_frames, n_atoms, 3) continuous positions, Å; positions that are continuous already stay as they are.

    Raises:
        ValueError: a cell without volume.
    """
    if not (np.abs(np.linalg.det(cell)) > 0).all():
        raise ValueError("A cell without volume has no jumps to undo: give a cell vector to each direction")
    scaled = np.einsum("tax,txy->tay", positions, np.linalg.inv(cell))
    jumps = np.round(np.diff(scaled, axis=0)) * np.broadcast_to(pbc, 3)
    crossings = np.cumsum(np.concatenate([np.zeros_like(jumps[:1]), jumps]), axis=0)
    return positions - np.einsum("tax,txy->tay", crossings, cell)


def in_mean_cell(positions: np.ndarray, cell: np.ndarray) -> np.ndarray:
    """Continuous positions (n_frames, n_atoms, 3) in Å with the strain of a moving cell (n_frames, 3, 3) taken out.

    A barostat scales all positions, by more the farther they are from the origin. Scaled coordinates do not see it;
    times the mean cell they are lengths again. A cell at rest leaves the positions as they are.
    """
    if not np.ptp(cell, axis=0).any():
        return positions
    return np.einsum("tax,txy->tay", positions, np.linalg.inv(cell) @ cell.mean(axis=0))


def without_centre_of_mass(positions: np.ndarray, masses: np.ndarray) -> np.ndarray:
    """Continuous positions (n_frames, n_atoms, 3) relative to the centre of mass of each frame."""
    return positions - (np.einsum("tax,a->tx", positions, masses) / masses.sum())[:, None]


def mean_square_displacement(positions: np.ndarray) -> np.ndarray:
    """Mean square displacement over all time origins and atoms, in O(n log n).

    Kneller et al., Comput. Phys. Commun. 91, 191 (1995); Calandrini et al., Collection SFN 12, 201 (2011): the squares
    are running sums and the cross term is an autocorrelation, which a Fourier transform gives.

    Args:
        positions: (n_frames, n_atoms, 3) continuous, at even intervals, Å.

    Returns:
        (n_frames,) displacement squared at lags 0, 1, ..., Å².

    Raises:
        ValueError: a position is not finite.
    """
    if not np.isfinite(positions).all():
        raise ValueError("Positions that are not finite have no displacement")
    n, n_atoms, _ = positions.shape
    x = positions - positions.mean(axis=0)  # far from the origin the two terms would cancel to nothing
    size = fft.next_fast_len(2 * n, real=True)
    power = np.zeros(size // 2 + 1)
    for atom in range(n_atoms):
        power += (np.abs(fft.rfft(x[:, atom], size, axis=0)) ** 2).sum(axis=1)
    cross = fft.irfft(power, size)[:n]
    running = np.concatenate([[0.0], np.cumsum((x**2).sum(axis=(1, 2)))])
    squares = running[::-1][:n] + running[-1] - running[:n]  # sum over origins of r(t)² + r(t + lag)²
    msd = (squares - 2 * cross) / np.arange(n, 0, -1) / n_atoms
    msd[0] = 0.0
    return msd


def self_diffusion(runs: Sequence[np.ndarray], interval_ps: float, n_blocks: int = BLOCKS) -> Diffusion:
    """Self-diffusion coefficient by Einstein's relation MSD = 6 D t, with an error bar from blocks.

    Each run is cut into blocks; every block gives its own slope over the same window of lags, and their scatter is the
    error. A finite cell lowers D by some kT / (6 pi viscosity) 2.837 / L (Yeh and Hummer, J. Phys. Chem. B 108, 15873,
    2004); no correction is made, since it needs the viscosity.

    Args:
        runs: one (n_frames, n_atoms, 3) array a walker: continuous positions of the group of atoms, centre of mass of
            the whole system removed, at even intervals, Å.
        interval_ps: time between frames, ps.
        n_blocks: blocks a run.

    Returns:
        D with its error, and whether the motion was diffusive at all.

    Raises:
        ValueError: fewer than 20 frames a block, or a position that is not finite.
    """
    length = min((len(run) for run in runs), default=0) // n_blocks
    if length < 20:
        raise ValueError(f"{length} frames a block are too few to fit a diffusion coefficient: 20 are needed")
    lags = np.arange(int(WINDOW[0] * length), int(WINDOW[1] * length) + 1)
    curves = np.array(
        [mean_square_displacement(run[b * length : (b + 1) * length])[lags] for run in runs for b in range(n_blocks)]
    )
    time = lags * interval_ps
    slopes = np.polyfit(time, curves.T, 1)[0] / 6
    mean, error = slopes.mean(), slopes.std(ddof=1) / np.sqrt(len(slopes))
    average = curves.mean(axis=0)
    exponent = np.polyfit(np.log(time), np.log(average), 1)[0] if (average > 0).all() else 0.0
    reason = ""
    if not DIFFUSIVE[0] <= exponent <= DIFFUSIVE[1]:
        reason = f"The mean square displacement grows as t^{exponent:.2f}, not as t: this is not diffusion."
    elif average[-1] < OUT_OF_CAGE_A2:
        reason = (
            f"The atoms moved by {average[-1]:.2g} Å² only, less than {OUT_OF_CAGE_A2:g} Å²: this is not diffusion."
        )
    return Diffusion(
        D_A2_per_ps=float(mean),
        D_error_A2_per_ps=float(error),
        D_cm2_per_s=float(mean * CM2_PER_S),
        D_error_cm2_per_s=float(error * CM2_PER_S),
        exponent=float(exponent),
        msd_at_end_A2=float(average[-1]),
        diffusive=not reason,
        reason=reason,
        fit_from_ps=float(time[0]),
        fit_to_ps=float(time[-1]),
    )
