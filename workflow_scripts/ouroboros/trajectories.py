"""Walks on disk: HDF5 for exploration, an ASE trajectory and a table for production runs."""

from collections.abc import Sequence
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
from ase import Atoms
from ase.calculators.singlepoint import SinglePointCalculator
from ase.io.trajectory import Trajectory

from .frames import SPIN_STATE, Frames
from .walk import Walk

EXPLORED = ("walker", "step", "uncertainty", "max_force")  # columns of explored frames
WALKERS = (
    "walker", "target_K", "last_step", "time_ps", "survived", "ended", "frames", "mean_temperature_K",
    "max_uncertainty_eV_per_A",
)  # fmt: skip
SCALARS = ("step", "potential_eV", "kinetic_eV", "temperature_K", "uncertainty", "max_force")


def write_exploration(path: str | Path, walks: Sequence[Walk], timestep_fs: float) -> None:
    """Write one HDF5 group a walker: `positions` (n_frames, n_atoms, 3) Å, `numbers`, `cell`, and SCALARS (n_frames,).

    `uncertainty` (calibrated) and `max_force` are in eV/Å.
    """
    with h5py.File(path, "w") as file:
        file.attrs.update(timestep_fs=timestep_fs, length="Å", energy="eV", force="eV/Å", temperature="K")
        for number, walk in enumerate(walks):
            group = file.create_group(f"walker_{number:04d}")
            group.attrs.update(ended=walk.ended, last_step=walk.last_step, target_K=walk.target_K, **walk.spin_state)
            group["numbers"], group["cell"], group["pbc"] = walk.numbers, walk.cell, walk.pbc
            group["positions"] = np.array(walk.positions).reshape(-1, len(walk.numbers), 3)
            for name in SCALARS:
                group[name] = np.array(getattr(walk, name))


def read_exploration(path: str | Path) -> Frames:
    """All kept frames but the first of each walker, which is the training frame that it started from.

    Returns:
        Unlabelled frames with the columns EXPLORED, and those of SPIN_STATE where every walker has its own; zero
        frames where no walker came so far.
    """
    images = []
    with h5py.File(path) as file:
        for name in sorted(file):
            group = file[name]
            scalars = {key: group[key][:] for key in EXPLORED if key != "walker"}
            for i, positions in enumerate(group["positions"]):
                if scalars["step"][i] == 0:
                    continue
                atoms = Atoms(group["numbers"][:], positions, cell=group["cell"][:], pbc=group["pbc"][:])
                atoms.info = {
                    "walker": int(name.removeprefix("walker_")),
                    **{key: values[i].item() for key, values in scalars.items()},
                }
                atoms.info |= {key: int(group.attrs[key]) for key in SPIN_STATE if key in group.attrs}
                images.append(atoms)
    frames = Frames.from_atoms(images)
    return frames if images else frames.with_columns(**{name: [] for name in EXPLORED})


def walker_table(walks: Sequence[Walk], timestep_fs: float) -> pd.DataFrame:
    """One row a walker: how far it came, why it ended, and the largest uncertainty it met; no walker, no row."""
    rows = [
        {
            "walker": number,
            "target_K": walk.target_K,
            "last_step": walk.last_step,
            "time_ps": walk.last_step * timestep_fs / 1000,
            "survived": walk.survived,
            "ended": walk.ended,
            "frames": len(walk.step),
            "mean_temperature_K": float(np.mean(walk.temperature_K)) if walk.step else np.nan,
            "max_uncertainty_eV_per_A": max(walk.uncertainty, default=np.nan),
        }
        for number, walk in enumerate(walks)
    ]
    return pd.DataFrame(rows, columns=WALKERS)


def write_production(path: str | Path, walks: Sequence[Walk]) -> None:
    """Write an ASE trajectory, walkers one after another, with momenta, energies and `info` walker and step."""
    with Trajectory(str(path), "w") as trajectory:
        for number, walk in enumerate(walks):
            for i, step in enumerate(walk.step):
                atoms = Atoms(walk.numbers, walk.positions[i], cell=walk.cell, pbc=walk.pbc, momenta=walk.momenta[i])
                atoms.info = {"walker": number, "step": step}
                atoms.calc = SinglePointCalculator(atoms, energy=walk.potential_eV[i])
                trajectory.write(atoms)


def thermo_table(walks: Sequence[Walk], timestep_fs: float) -> pd.DataFrame:
    """One row a kept frame: time, energies, temperature and uncertainty of each walker."""
    tables = []
    for number, walk in enumerate(walks):
        potential, kinetic = np.array(walk.potential_eV), np.array(walk.kinetic_eV)
        tables.append(
            pd.DataFrame(
                {
                    "walker": number,
                    "step": walk.step,
                    "time_fs": np.array(walk.step) * timestep_fs,
                    "potential_energy_eV": potential,
                    "kinetic_energy_eV": kinetic,
                    "total_energy_eV": potential + kinetic,
                    "temperature_K": walk.temperature_K,
                    "uncertainty_eV_per_A": walk.uncertainty,
                }
            )
        )
    return pd.concat(tables, ignore_index=True)
