"""How good the uncertainty is: whether it ranks errors, and whether it has their size."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import mannwhitneyu, spearmanr

from .calibration import LEVELS, Calibration, fit_calibration, gaussian
from .frames import Frames
from .predictions import Prediction
from .units import CHEMICAL_ACCURACY_MEV

LARGE_ERROR = CHEMICAL_ACCURACY_MEV / 1000  # eV/Å; 1 kcal/mol/Å, in the length of the error on an atom
GROUPS = 10  # of atoms by uncertainty, in which errors are averaged for ENCE


@dataclass(frozen=True)
class Told:
    """A set of frames: its name, its figures (`figures_of`), and the atoms that they are of.

    `spread` (bare), `expected` and `error` are (n_atoms_total,) in eV/Å.
    """

    name: str
    spread: np.ndarray
    expected: np.ndarray
    error: np.ndarray
    figures: dict[str, Any]


def force_errors(prediction: Prediction, frames: Frames) -> np.ndarray:
    """(n_atoms_total,) length of the force error of the committee's mean on each atom, eV/Å."""
    return np.linalg.norm(prediction.forces - frames.forces, axis=1)


def expected_errors(prediction: Prediction, calibration: Calibration) -> np.ndarray:
    """(n_atoms_total,) rms length of the force error to expect on each atom, eV/Å."""
    return calibration.expected_error(prediction.force_std, prediction.frame_force_std)


def errors_of_frames(prediction: Prediction, frames: Frames) -> pd.DataFrame:
    """A row a frame: its `candidate`, and `force_error_eV_per_A`, the largest force error over its atoms."""
    largest = np.maximum.reduceat(force_errors(prediction, frames), frames.starts) if len(frames) else np.zeros(0)
    candidates = frames.columns.get("candidate", np.zeros(0, dtype=str))
    return pd.DataFrame({"candidate": candidates, "force_error_eV_per_A": largest})


def calibrate(prediction: Prediction, frames: Frames) -> Calibration:
    """Learn from frames that were neither trained nor tested on; a committee of one has no spread to learn from.

    Raises:
        ValueError: spread or errors are zero or NaN.
    """
    if len(prediction.member_energy) == 1:
        return gaussian()
    spreads = prediction.force_std, prediction.frame_force_std
    return fit_calibration(*spreads, force_errors(prediction, frames), len(frames))


def quality(
    prediction: Prediction,
    frames: Frames,
    sets: dict[str, np.ndarray],
    calibration: Calibration,
) -> list[Told]:
    """Each set of frames that is not empty, told apart; nothing for a committee of one.

    Args:
        prediction: of the committee for `frames`.
        frames: with labels.
        sets: masks (n_frames,) by name.
        calibration: learned on other frames.

    Raises:
        ValueError: a spread or an error is NaN.
    """
    told = []
    spread, error = prediction.force_std, force_errors(prediction, frames)
    expected = expected_errors(prediction, calibration)
    for name, chosen in sets.items():
        if len(prediction.member_energy) > 1 and chosen.any():
            atoms = chosen[frames.frame_of_atom]
            own = spread[atoms], expected[atoms], error[atoms]
            told.append(Told(name, *own, figures_of(*own, frames.n_atoms[chosen], calibration)))
    return told


def figures_of(
    spread: np.ndarray,
    expected: np.ndarray,
    error: np.ndarray,
    n_atoms: np.ndarray,
    calibration: Calibration,
    large_error: float = LARGE_ERROR,
) -> dict[str, Any]:
    """Figures for one set of frames; docs/uncertainty.md tells what each is.

    Args:
        spread: (n_atoms_total,) length of the members' standard deviation on each atom, eV/Å.
        expected: (n_atoms_total,) error that the calibration expects of each, eV/Å.
        error: (n_atoms_total,) length of the force error of their mean, eV/Å.
        n_atoms: (n_frames,) atoms of each frame; at least one frame.
        calibration: learned on other frames.
        large_error: eV/Å; what an error is called large from.

    Returns:
        Ranking by the expected error, of atoms and of frames by their worst atom: `spearman`, `auc` (None where no
        error or every one is large), `frame_spearman`, `frame_auc`; and `calibrated` and `bare`, the figures of `sizes`
        with the calibration and for Gaussian errors of the bare spread.

    Raises:
        ValueError: a spread or an error is NaN.
    """
    if not (np.isfinite(spread).all() and np.isfinite(error).all()):
        raise ValueError("the quality of the uncertainty cannot be told: a spread or an error is NaN")
    starts = np.cumsum(n_atoms) - n_atoms
    of_frames = [np.maximum.reduceat(values, starts) for values in (expected, error)]
    return {
        "frames": len(n_atoms),
        "atoms": len(error),
        "large_error_eV_per_A": large_error,
        "spearman": rank_correlation(expected, error),
        "auc": auc(expected, error > large_error),
        "frame_spearman": rank_correlation(*of_frames),
        "frame_auc": auc(of_frames[0], of_frames[1] > large_error),
        "calibrated": sizes(expected, error, calibration),
        "bare": sizes(spread, error, gaussian()),
    }


def sizes(expected: np.ndarray, error: np.ndarray, calibration: Calibration) -> dict[str, float | None]:
    """Whether errors are as large as the uncertainty says.

    Args:
        expected: (n_atoms_total,) eV/Å.
        error: (n_atoms_total,) eV/Å.
        calibration: that the expected errors are of, for its intervals.

    Returns:
        coverage_90: share of errors within the 90 % interval. miscalibration_area: mean distance of the share of
        errors within an interval from the share that it promises, over intervals from 2 to 98 % (Tran et al., Mach.
        Learn.: Sci. Technol. 1, 025006 (2020)). ence: mean relative distance of rms error and rms uncertainty in ten
        groups of atoms by uncertainty (Levi et al., Sensors 22, 5540 (2022)). nll: negative logarithm of the Gaussian
        likelihood of an error's component, in eV/Å, a nat each. error_over_uncertainty_rms: 1 is right, above is
        over-confident. All but the first two are None where some expected error is zero.
    """
    figures: dict[str, float | None] = {
        "coverage_90": float((error <= calibration.bound(0.9) * expected).mean()),
        "miscalibration_area": float(np.abs(held(expected, error, calibration) - LEVELS).mean()),
    }
    if not (expected > 0).all():
        return figures | {"ence": None, "nll": None, "error_over_uncertainty_rms": None}
    grouped, found = grouped_rms(GROUPS, expected, error)
    component = expected / 3**0.5
    return figures | {
        "ence": float((np.abs(grouped - found) / grouped).mean()),
        "nll": float((np.log(component) + 0.5 * np.log(2 * np.pi) + error**2 / (6 * component**2)).mean()),
        "error_over_uncertainty_rms": float(np.sqrt((error**2).mean() / (expected**2).mean())),
    }


def grouped_rms(groups: int, expected: np.ndarray, error: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Rms expected error and rms error, eV/Å, of so many groups of equal size, from the least to the most uncertain."""
    bins = [own for own in np.array_split(np.argsort(expected, kind="stable"), groups) if len(own)]
    own_rms = [[np.sqrt((values[own] ** 2).mean()) for own in bins] for values in (expected, error)]
    return np.array(own_rms[0]), np.array(own_rms[1])


def held(expected: np.ndarray, error: np.ndarray, calibration: Calibration) -> np.ndarray:
    """(n_levels,) share of the errors within the interval of each of `calibration.LEVELS`."""
    return (error <= np.outer(calibration.quantiles, expected)).mean(axis=1)


def rank_correlation(uncertainty: np.ndarray, error: np.ndarray) -> float | None:
    """Spearman's; None where one of the two is the same for all."""
    if np.ptp(uncertainty) == 0 or np.ptp(error) == 0:
        return None
    return float(spearmanr(uncertainty, error).statistic)


def auc(uncertainty: np.ndarray, large: np.ndarray) -> float | None:
    """Area under the receiver operating characteristic: chance that a large error is the more uncertain of two."""
    if large.all() or not large.any():
        return None
    statistic = mannwhitneyu(uncertainty[large], uncertainty[~large]).statistic
    return float(statistic / (large.sum() * (~large).sum()))
