"""What a committee says about frames: mean and spread of its members, and the file that keeps them for later plots."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from .frames import COLUMN, Frames


@dataclass(frozen=True)
class Prediction:
    """What a committee says about some frames.

    Attributes:
        member_energy: (n_members, n_frames) eV.
        member_forces: (n_members, n_atoms_total, 3) eV/Å.
        n_atoms: (n_frames,) atoms in each frame.
        member_stress: (n_members, n_frames, 3, 3) eV/Å³ in ASE's sign, NaN where a frame has no volume; None from a
            committee that was not asked for it.
    """

    member_energy: np.ndarray
    member_forces: np.ndarray
    n_atoms: np.ndarray
    member_stress: np.ndarray | None = None

    @property
    def energy(self) -> np.ndarray:
        """(n_frames,) mean over the members, eV."""
        return self.member_energy.mean(axis=0)

    @property
    def forces(self) -> np.ndarray:
        """(n_atoms_total, 3) mean over the members, eV/Å."""
        return self.member_forces.mean(axis=0)

    @property
    def stress(self) -> np.ndarray | None:
        """(n_frames, 3, 3) mean over the members, eV/Å³; None where it was not asked for."""
        return None if self.member_stress is None else self.member_stress.mean(axis=0)

    @property
    def stress_std(self) -> np.ndarray | None:
        """(n_frames, 3, 3) sample standard deviation over the members (ddof 1), eV/Å³; None where not asked for."""
        return None if self.member_stress is None else spread(self.member_stress)

    @property
    def energy_std(self) -> np.ndarray:
        """(n_frames,) sample standard deviation over the members (ddof 1), eV; zero for a committee of one."""
        return spread(self.member_energy)

    @property
    def force_std(self) -> np.ndarray:
        """(n_atoms_total,) length of the members' force deviation on each atom (ddof 1), eV/Å.

        The square root of the variances summed over x, y and z; DP-GEN (Zhang 2020) scores by the same with ddof 0.
        """
        return np.sqrt((spread(self.member_forces) ** 2).sum(axis=-1))

    @property
    def frame_force_std(self) -> np.ndarray:
        """(n_atoms_total,) root mean square of `force_std` over the frame that each atom is in, eV/Å."""
        return over_frames(self.force_std, self.n_atoms)

    @property
    def max_force_std(self) -> np.ndarray:
        """(n_frames,) largest `force_std` over the atoms of each frame, eV/Å."""
        if not len(self.n_atoms):
            return np.zeros(0)
        return np.maximum.reduceat(self.force_std, np.cumsum(self.n_atoms) - self.n_atoms)


def spread(values: np.ndarray) -> np.ndarray:
    """Sample standard deviation over the first axis (ddof 1); zero where there is one member."""
    return values.std(axis=0, ddof=1) if len(values) > 1 else np.zeros(values.shape[1:])


def over_frames(force_std: np.ndarray, n_atoms: np.ndarray) -> np.ndarray:
    """(n_atoms_total,) root mean square over the frame that each atom is in; `n_atoms` is (n_frames,)."""
    if not len(n_atoms):
        return np.zeros(0)
    starts = np.cumsum(n_atoms) - n_atoms
    return np.repeat(np.sqrt(np.add.reduceat(force_std**2, starts) / n_atoms), n_atoms)


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
