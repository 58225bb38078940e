"""Errors of a committee and of each of its members against labels."""

from typing import Any

import numpy as np

from .committee import Prediction
from .frames import Frames
from .units import CHEMICAL_ACCURACY_MEV


def measure(prediction: Prediction, frames: Frames, by: str = "temperature_K") -> dict[str, Any]:
    """Errors of the committee's mean, of each member, and of the frames of each value of the column `by`.

    Raises:
        ValueError: a prediction or a label is NaN; a NaN is a failure, never a number to compare.
    """
    if not (np.isfinite(prediction.member_forces).all() and np.isfinite(prediction.member_energy).all()):
        raise ValueError("the committee predicts NaN on the test set; look at the training curves of its members")
    if not (np.isfinite(frames.energy).all() and np.isfinite(frames.forces).all()):
        raise ValueError("a test frame has no label or a NaN in it; look at reference.json")
    committee = errors(prediction.energy, prediction.forces, frames)
    groups = {}
    for value in np.unique(frames.columns.get(by, [])):
        chosen = frames.columns[by] == value
        atoms = chosen[frames.frame_of_atom]
        part = errors(prediction.energy[chosen], prediction.forces[atoms], frames.take(chosen))
        groups[f"{value:g}"] = part
    return {
        "frames": len(frames),
        "committee": committee,
        "members": [
            errors(energy, forces, frames)
            for energy, forces in zip(prediction.member_energy, prediction.member_forces, strict=True)
        ],
        f"by_{by}": groups,
        "within_chemical_accuracy": {
            "energy": committee["energy_mae_meV"] <= CHEMICAL_ACCURACY_MEV,
            "forces": committee["force_mae_meV_per_A"] <= CHEMICAL_ACCURACY_MEV,
        },
    }


def errors(energy: np.ndarray, forces: np.ndarray, frames: Frames) -> dict[str, float]:
    """Mean absolute, root mean square and largest errors: energies a frame, forces a component."""
    energy_error = 1000 * np.abs(energy - frames.energy)
    force_error = 1000 * np.abs(forces - frames.forces)
    return {
        "energy_mae_meV": float(energy_error.mean()),
        "energy_rmse_meV": float(np.sqrt((energy_error**2).mean())),
        "energy_mae_meV_per_atom": float((energy_error / frames.n_atoms).mean()),
        "force_mae_meV_per_A": float(force_error.mean()),
        "force_rmse_meV_per_A": float(np.sqrt((force_error**2).mean())),
        "force_max_meV_per_A": float(force_error.max()),
    }
