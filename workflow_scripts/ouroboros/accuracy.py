"""Errors of a committee and of each of its members against labels, and the verdict on them."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from ase.data import chemical_symbols

from .committee import Prediction
from .error_groups import groups_of
from .error_statistics import energy_errors, force_errors, in_kcal_per_mol
from .frames import Frames
from .units import CHEMICAL_ACCURACY_MEV


def measure(
    prediction: Prediction,
    frames: Frames,
    by: Sequence[str] = ("temperature_K",),
    indices: np.ndarray | None = None,
) -> dict[str, Any]:
    """Errors of the committee's mean and of each member, and of the mean by element and by column.

    Args:
        prediction: of a committee of one member or more for `frames`.
        frames: with labels; at least one.
        by: columns to group by; of those that the frames do not have, `by_temperature_K` alone is there, and empty.
        indices: (n_frames,) number of each frame in the reference, from 0; None: they are the reference.

    Returns:
        Plain values for metrics.json; docs/accuracy.md tells what each is.

    Raises:
        ValueError: a prediction or a label is NaN; a NaN is a failure, never a number to compare.
    """
    if not (np.isfinite(prediction.member_forces).all() and np.isfinite(prediction.member_energy).all()):
        raise ValueError("the committee predicts NaN on the test set; look at the training curves of its members")
    if not (np.isfinite(frames.energy).all() and np.isfinite(frames.forces).all()):
        raise ValueError("a test frame has no label or a NaN in it; look at reference.json")
    energy, forces = prediction.energy, prediction.forces
    committee = errors(energy, forces, frames)
    members = [
        errors(*member, frames) for member in zip(prediction.member_energy, prediction.member_forces, strict=True)
    ]
    return {
        "frames": len(frames),
        "atoms": len(frames.numbers),
        "committee": committee,
        "members": members,
        "by_element": by_element(forces, frames),
        "by_temperature_K": {},
        **{_key(name): by_column(energy, forces, frames, name) for name in by if name in frames.columns},
        "kcal_per_mol": {
            "committee": in_kcal_per_mol(committee),
            "members": [in_kcal_per_mol(member) for member in members],
        },
        "worst": worst(energy, forces, frames, np.arange(len(frames)) if indices is None else indices),
        "within_chemical_accuracy": {
            "energy": committee["energy_mae_meV"] <= CHEMICAL_ACCURACY_MEV,
            "forces": committee["force_mae_meV_per_A"] <= CHEMICAL_ACCURACY_MEV,
        },
        "verdict": {
            "energy": _verdict("energy", committee["energy_mae_meV"], ""),
            "forces": _verdict("force", committee["force_mae_meV_per_A"], "/Å"),
        },
    }


def errors(energy: np.ndarray, forces: np.ndarray, frames: Frames) -> dict[str, Any]:
    """All errors of one prediction.

    Args:
        energy: (n_frames,) eV.
        forces: (n_atoms_total, 3) eV/Å.
        frames: with labels.
    """
    return {**energy_errors(energy, frames), **force_errors(forces, frames.forces)}


def by_element(forces: np.ndarray, frames: Frames) -> dict[str, dict[str, Any]]:
    """Force errors of the atoms of each element, by symbol in the order of atomic numbers, with their number."""
    groups = {}
    for z in np.unique(frames.numbers):
        own = frames.numbers == z
        figures = force_errors(forces[own], frames.forces[own])
        groups[chemical_symbols[z]] = {"frames": len(np.unique(frames.frame_of_atom[own])), "atoms": int(own.sum())}
        groups[chemical_symbols[z]] |= figures
    return groups


def by_column(energy: np.ndarray, forces: np.ndarray, frames: Frames, name: str) -> dict[str, dict[str, Any]]:
    """Errors of the frames of each value of a column, or of each quarter of its range (`groups_of`)."""
    groups = {}
    for value, chosen in groups_of(frames.columns[name]).items():
        own, atoms = frames.take(chosen), chosen[frames.frame_of_atom]
        figures = errors(energy[chosen], forces[atoms], own)
        groups[value] = {"frames": len(own), "atoms": len(own.numbers), **figures}
    return groups


def worst(energy: np.ndarray, forces: np.ndarray, frames: Frames, indices: np.ndarray) -> dict[str, dict[str, Any]]:
    """Where the largest errors are: `energy`, `force` (one component) and `force_vector`, each predicted − label.

    `frame` counts in the reference and `test_frame` in the test set, `atom` in its frame, all from 0.
    """
    energy_error, force_error = 1000 * (energy - frames.energy), 1000 * (forces - frames.forces)
    length = np.linalg.norm(force_error, axis=1)
    frame = int(np.abs(energy_error).argmax())
    atom, axis = np.unravel_index(np.abs(force_error).argmax(), force_error.shape)

    def place(of_atom: int) -> dict[str, Any]:
        own = int(frames.frame_of_atom[of_atom])
        return {
            "frame": int(indices[own]),
            "test_frame": own,
            "atom": int(of_atom - frames.starts[own]),
            "element": chemical_symbols[frames.numbers[of_atom]],
        }

    return {
        "energy": {"error_meV": float(energy_error[frame]), "frame": int(indices[frame]), "test_frame": frame},
        "force": {"error_meV_per_A": float(force_error[atom, axis]), **place(atom), "component": "xyz"[axis]},
        "force_vector": {"error_meV_per_A": float(length.max()), **place(length.argmax())},
    }


def _key(column: str) -> str:
    return "by_column_element" if column == "element" else f"by_{column}"  # by_element is of the atoms


def _verdict(what: str, mae_meV: float, per: str) -> str:
    """The MAE in both units and where it stands against chemical accuracy, in words."""
    within = "within" if mae_meV <= CHEMICAL_ACCURACY_MEV else "not within"
    kcal = f"{mae_meV / CHEMICAL_ACCURACY_MEV:.2f} kcal/mol{per}"
    return f"{what} MAE {mae_meV:.1f} meV{per} ({kcal}): {within} chemical accuracy (1 kcal/mol{per})"
