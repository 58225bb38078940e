"""From the members' spread to an error in eV/Å that a threshold can be set on."""

import numpy as np
from scipy.stats import spearmanr

from .committee import Prediction
from .frames import Frames


def force_errors(prediction: Prediction, frames: Frames) -> np.ndarray:
    """(n_atoms_total,) length of the force error of the committee's mean on each atom, eV/Å."""
    return np.linalg.norm(prediction.forces - frames.forces, axis=1)


def calibrate(prediction: Prediction, frames: Frames) -> float:
    """The factor by which the spread is multiplied so that its mean square is that of the force errors.

    Members trained on the same data agree more with one another than with the truth, so that the bare spread is
    too small. To be called with frames that were neither trained nor tested on.

    A committee of one has no spread: its factor is 1.

    Raises:
        ValueError: spread or errors are zero or NaN.
    """
    if len(prediction.member_energy) == 1:
        return 1.0
    error, spread = force_errors(prediction, frames), prediction.force_std
    factor = float(np.sqrt((error**2).mean() / (spread**2).mean())) if spread.any() else np.nan
    if not (np.isfinite(factor) and factor > 0):
        raise ValueError("the committee's uncertainty cannot be calibrated: its spread or its errors are zero or NaN")
    return factor


def quality(prediction: Prediction, frames: Frames, factor: float) -> dict[str, float | None]:
    """How well the calibrated spread tells where the errors are.

    Returns:
        spearman: rank correlation of spread and force error over atoms; coverage_1_sigma: share of atoms whose error
        is within one calibrated spread (for errors that are Gaussian in x, y and z it would be 61 %); rms ratio of
        error over calibrated spread (1 is right). None of them for a committee of one.
    """
    if len(prediction.member_energy) == 1:
        return {"spearman": None, "coverage_1_sigma": None, "error_over_uncertainty_rms": None}
    error, sigma = force_errors(prediction, frames), factor * prediction.force_std
    return {
        "spearman": float(spearmanr(sigma, error).statistic),
        "coverage_1_sigma": float((error <= sigma).mean()),
        "error_over_uncertainty_rms": float(np.sqrt((error**2).mean() / (sigma**2).mean())),
    }
