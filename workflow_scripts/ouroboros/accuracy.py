"""Errors of a committee and of each of its members against labels, and the verdict on them."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from ase.data import chemical_symbols

from .error_groups import groups_of
from .error_statistics import energy_errors, force_errors, in_kcal_per_mol, stress_errors
from .frames import Frames
from .predictions import Prediction
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
    _refuse_nan(prediction, frames)
    committee = errors(prediction, frames)
    members = [errors(_member(prediction, number), frames) for number in range(len(prediction.member_energy))]
    return {
        "frames": len(frames),
        "atoms": len(frames.numbers),
        "committee": committee,
        "members": members,
        "by_element": by_element(prediction, frames),
        "by_temperature_K": {},
        **{_key(name): by_column(prediction, frames, name) for name in by if name in frames.columns},
        "kcal_per_mol": {
            "committee": in_kcal_per_mol(committee),
            "members": [in_kcal_per_mol(member) for member in members],
        },
        "worst": worst(prediction, frames, np.arange(len(frames)) if indices is None else indices),
        "within_chemical_accuracy": {
            "energy": committee["energy_mae_meV"] <= CHEMICAL_ACCURACY_MEV,
            "forces": committee["force_mae_meV_per_A"] <= CHEMICAL_ACCURACY_MEV,
        },
        "verdict": {
            "energy": _verdict("energy", committee["energy_mae_meV"], ""),
            "forces": _verdict("force", committee["force_mae_meV_per_A"], "/Å"),
        },
    }


def errors(prediction: Prediction, frames: Frames) -> dict[str, Any]:
    """All errors of the mean of a committee; those of the stress where it was predicted and some frame has a label."""
    stress = prediction.stress
    return {
        **energy_errors(prediction.energy, frames),
        **force_errors(prediction.forces, frames.forces),
        **({} if stress is None else stress_errors(stress, frames)),
    }


def by_element(prediction: Prediction, frames: Frames) -> dict[str, dict[str, Any]]:
    """Force errors of the atoms of each element, by symbol in the order of atomic numbers, with their number."""
    groups, forces = {}, prediction.forces
    for z in np.unique(frames.numbers):
        own = frames.numbers == z
        size = {"frames": len(np.unique(frames.frame_of_atom[own])), "atoms": int(own.sum())}
        groups[chemical_symbols[z]] = {**size, **force_errors(forces[own], frames.forces[own])}
    return groups


def by_column(prediction: Prediction, frames: Frames, name: str) -> dict[str, dict[str, Any]]:
    """Errors of the frames of each value of a column, or of each quarter of its range (`groups_of`)."""
    groups = {}
    for value, chosen in groups_of(frames.columns[name]).items():
        own = frames.take(chosen)
        size = {"frames": len(own), "atoms": len(own.numbers)}
        groups[value] = {**size, **errors(_of_frames(prediction, frames, chosen), own)}
    return groups


def worst(prediction: Prediction, frames: Frames, indices: np.ndarray) -> dict[str, dict[str, Any]]:
    """Where the largest errors are: `energy`, `force` (one component) and `force_vector`, each predicted − label.

    `frame` counts in the reference and `test_frame` in the test set, `atom` in its frame, all from 0.
    """
    energy_error = 1000 * (prediction.energy - frames.energy)
    force_error = 1000 * (prediction.forces - frames.forces)
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


def _refuse_nan(prediction: Prediction, frames: Frames) -> None:
    if not (np.isfinite(prediction.member_forces).all() and np.isfinite(prediction.member_energy).all()):
        raise ValueError("the committee predicts NaN on the test set; look at the training curves of its members")
    if not (np.isfinite(frames.energy).all() and np.isfinite(frames.forces).all()):
        raise ValueError("a test frame has no label or a NaN in it; look at reference.json")
    if prediction.stress is not None and not np.isfinite(prediction.stress[frames.has_stress]).all():
        raise ValueError("the committee predicts a stress of NaN on the test set; look at the cells of its frames")


def _member(prediction: Prediction, number: int) -> Prediction:
    """What one member says alone."""
    stress = None if prediction.member_stress is None else prediction.member_stress[[number]]
    energy, forces = prediction.member_energy[[number]], prediction.member_forces[[number]]
    return Prediction(energy, forces, prediction.n_atoms, stress)


def _of_frames(prediction: Prediction, frames: Frames, chosen: np.ndarray) -> Prediction:
    """What the committee says about the chosen frames (a mask)."""
    stress = None if prediction.member_stress is None else prediction.member_stress[:, chosen]
    energy, forces = prediction.member_energy[:, chosen], prediction.member_forces[:, chosen[frames.frame_of_atom]]
    return Prediction(energy, forces, prediction.n_atoms[chosen], stress)


def _key(column: str) -> str:
    return "by_column_element" if column == "element" else f"by_{column}"  # by_element is of the atoms


def _verdict(what: str, mae_meV: float, per: str) -> str:
    """The MAE in both units and where it stands against chemical accuracy, in words."""
    within = "within" if mae_meV <= CHEMICAL_ACCURACY_MEV else "not within"
    kcal = f"{mae_meV / CHEMICAL_ACCURACY_MEV:.2f} kcal/mol{per}"
    return f"{what} MAE {mae_meV:.1f} meV{per} ({kcal}): {within} chemical accuracy (1 kcal/mol{per})"
