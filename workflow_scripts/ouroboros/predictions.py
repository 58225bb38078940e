"""What the committee predicted for the test set, kept for plots that nobody has thought of yet."""

from pathlib import Path

import numpy as np

from .committee import Prediction
from .frames import COLUMN, Frames


def save_predictions(
    path: str | Path, prediction: Prediction, frames: Frames, indices: np.ndarray, uncertainty: np.ndarray
) -> None:
    """Write an npz; docs/accuracy.md names its arrays and shows how to read them.

    Args:
        path: ends in `.npz`.
        prediction: of the committee for `frames`.
        frames: with labels.
        indices: (n_frames,) number of each frame in the reference, from 0.
        uncertainty: (n_atoms_total,) expected length of the force error of each atom, eV/Å.
    """
    stress = {}
    if prediction.member_stress is not None and frames.has_stress.any():
        stress = {"stress_eV_per_A3": frames.stress, "member_stress_eV_per_A3": prediction.member_stress}
    columns = {COLUMN + name: values for name, values in frames.columns.items()}
    np.savez(
        path,
        allow_pickle=False,
        reference_index=np.asarray(indices),
        n_atoms=frames.n_atoms,
        numbers=frames.numbers,
        energy_eV=frames.energy,
        forces_eV_per_A=frames.forces,
        member_energy_eV=prediction.member_energy,
        member_forces_eV_per_A=prediction.member_forces,
        uncertainty_eV_per_A=uncertainty,
        temperature_K=frames.columns.get("temperature_K", np.full(len(frames), np.nan)),
        **stress,
        **columns,
    )
