"""Errors of energies, forces and stresses against labels, each as named figures with their unit."""

from typing import Any

import numpy as np
from ase.stress import full_3x3_to_voigt_6_stress

from .energy_baseline import element_counts, fit_energy_offsets
from .frames import Frames
from .units import CHEMICAL_ACCURACY_MEV, GPA_IN_EV_PER_A3

EXACT = 1e-9  # share of the largest label: what labels spread by less than this is rounding


def composition_energy(frames: Frames) -> np.ndarray:
    """(n_frames,) eV that each label owes to its composition: energies of the elements, fitted to these very labels.

    With one composition it is the mean label.
    """
    elements = np.unique(frames.numbers)
    return element_counts(frames, elements) @ fit_energy_offsets(frames)[elements]


def energy_errors(energy: np.ndarray, frames: Frames) -> dict[str, Any]:
    """Errors of total energies and of energies an atom.

    R² is 1 − Σ(predicted − label)² / Σ(label − `composition_energy`)²: of total energies over several compositions
    nearly all variance comes from the composition, which would hide any error.

    Args:
        energy: (n_frames,) predicted, eV.
        frames: with labels.

    Returns:
        `energy_mae_meV`, `energy_rmse_meV`, `energy_max_meV`; `energy_bias_meV`, the mean of predicted − label; the
        first three `_per_atom`; `energy_r2`, None where labels do not differ beyond their composition.
    """
    error = 1000 * (energy - frames.energy)
    return {
        **_spread("energy", error, "meV"),
        "energy_bias_meV": float(error.mean()),
        **_spread("energy", error / frames.n_atoms, "meV_per_atom"),
        "energy_r2": _energy_r2(energy, frames),
    }


def force_errors(forces: np.ndarray, labels: np.ndarray) -> dict[str, Any]:
    """Errors of forces: of components, and of vectors, whose error is the length of predicted − label.

    Args:
        forces: (n_atoms, 3) predicted, eV/Å.
        labels: (n_atoms, 3) eV/Å.

    Returns:
        `force_mae_meV_per_A`, `force_rmse_meV_per_A`, `force_max_meV_per_A` of components; the same of vectors as
        `force_vector_...`; `force_r2` of components, None where all labels are equal; `force_cosine`, the mean
        cosine of the angle between predicted and label (as in OC20, Chanussot et al., ACS Catal. 2021, 11, 6059), None
        where all forces of one side are zero.
    """
    error = 1000 * (forces - labels)
    return {
        **_spread("force", error, "meV_per_A"),
        "force_r2": _r2(error, 1000 * (labels - labels.mean()), 1000 * np.abs(labels).max()),
        **_spread("force_vector", np.linalg.norm(error, axis=1), "meV_per_A"),
        "force_cosine": _cosine(forces, labels),
    }


def stress_errors(stress: np.ndarray, frames: Frames) -> dict[str, Any]:
    """Errors of the six components of the stress, over the frames that have one for a label.

    Args:
        stress: (n_frames, 3, 3) predicted, eV/Å³.
        frames: with labels.

    Returns:
        `stress_frames`, their number; MAE, RMSE and largest error in meV/Å³ and in GPa; `stress_r2`, None where all
        labels are equal. Nothing where no frame has a stress.
    """
    given = frames.has_stress
    if not given.any():
        return {}
    labels = full_3x3_to_voigt_6_stress(frames.stress[given])
    error = full_3x3_to_voigt_6_stress(stress[given]) - labels
    return {
        "stress_frames": int(given.sum()),
        **_spread("stress", 1000 * error, "meV_per_A3"),
        **_spread("stress", error / GPA_IN_EV_PER_A3, "GPa"),
        "stress_r2": _r2(error, labels - labels.mean(), np.abs(labels).max()),
    }


def in_kcal_per_mol(figures: dict[str, Any]) -> dict[str, Any]:
    """The energy and force errors among `figures` in kcal/mol, kcal/mol an atom and kcal/mol/Å."""
    return {
        name.replace("meV", "kcal_per_mol"): value / CHEMICAL_ACCURACY_MEV
        for name, value in figures.items()
        if "meV" in name and not name.startswith("stress")
    }


def _spread(name: str, error: np.ndarray, unit: str) -> dict[str, float]:
    size = np.abs(error)
    return {
        f"{name}_mae_{unit}": float(size.mean()),
        f"{name}_rmse_{unit}": float(np.sqrt((size**2).mean())),
        f"{name}_max_{unit}": float(size.max()),
    }


def _energy_r2(energy: np.ndarray, frames: Frames) -> float | None:
    counts = element_counts(frames, np.unique(frames.numbers))
    if len(frames) <= np.linalg.matrix_rank(counts):  # the baseline meets every label
        return None
    return _r2(energy - frames.energy, frames.energy - composition_energy(frames), np.abs(frames.energy).max())


def _r2(error: np.ndarray, deviation: np.ndarray, scale: float) -> float | None:
    """1 − Σ error² / Σ deviation², None where the deviation is nothing but the rounding of numbers of size `scale`."""
    if np.sqrt((deviation**2).mean()) <= EXACT * scale:
        return None
    return float(1 - (error**2).sum() / (deviation**2).sum())


def _cosine(forces: np.ndarray, labels: np.ndarray) -> float | None:
    lengths = np.linalg.norm(forces, axis=1) * np.linalg.norm(labels, axis=1)
    known = lengths > 0
    return float(((forces * labels).sum(axis=1)[known] / lengths[known]).mean()) if known.any() else None
