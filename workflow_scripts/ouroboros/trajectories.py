"""Walks on disk: HDF5 for exploration, ASE trajectories, tables, and velocities of production runs."""

from collections.abc import Iterator, Sequence
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
SPREAD = ("mean_uncertainty", "energy_std")  # columns of explored frames too; NaN in files of before they were kept
WALKERS = (
    "walker", "started_from", "replaces", "began_at_step", "target_K", "last_step", "time_ps", "survived", "ended",
    "bond_change", "frames", "mean_temperature_K", "max_uncertainty_eV_per_A",
)  # fmt: skip
SCALARS = ("step", "potential_eV", "kinetic_eV", "temperature_K", "uncertainty", "max_force")


def write_exploration(path: str | Path, walks: Sequence[Walk], timestep_fs: float) -> None:
    """Write one HDF5 group a walker: `positions` (n_frames, n_atoms, 3) Å, `numbers`, `cell`, and SCALARS (n_frames,).

    `uncertainty` (calibrated, the largest over the atoms), `mean_uncertainty` (its mean over them) and `max_force` are
    in eV/Å, `energy_std` in eV; `force_std` (n_frames, n_atoms) float32 is each atom's bare spread, eV/Å. Where the
    cell moved, `cells` (n_frames, 3, 3) Å are those of the frames. The frame that stopped a walker stands beside them
    as `crossing/positions` and `crossing/cell`.

    Args:
        path: the file.
        walks: one a walker.
        timestep_fs: time step, fs.
    """
    with h5py.File(path, "w") as file:
        file.attrs.update(timestep_fs=timestep_fs, length="Å", energy="eV", force="eV/Å", temperature="K")
        for number, walk in enumerate(walks):
            group = file.create_group(f"walker_{number:04d}")
            group.attrs.update(ended=walk.ended, last_step=walk.last_step, target_K=walk.target_K, **walk.spin_state)
            group["numbers"], group["cell"], group["pbc"] = walk.numbers, walk.cell, walk.pbc
            group["positions"] = np.array(walk.positions).reshape(-1, len(walk.numbers), 3)
            group.attrs.update(replaces=-1 if walk.replaces is None else walk.replaces, bond_change=walk.bond_change)
            for name in SCALARS:
                group[name] = np.array(getattr(walk, name))
            if walk.force_std:
                group["force_std"] = np.array(walk.force_std, dtype=np.float32)
                for name in SPREAD:
                    group[name] = np.array(getattr(walk, name))
            if walk.cells:
                group["cells"] = np.array(walk.cells)
            if walk.crossing is not None:
                crossing, stopped = walk.crossing, group.create_group("crossing")
                stopped["positions"], stopped["cell"] = crossing.positions, crossing.cell
                stopped.attrs.update(step=crossing.step, uncertainty=crossing.uncertainty, max_force=crossing.max_force)


def read_exploration(path: str | Path) -> Frames:
    """All kept frames but the first of each walker, which is the training frame that it started from.

    Returns:
        Unlabelled frames with the columns EXPLORED and SPREAD, and those of SPIN_STATE where every walker has its own;
        zero frames where no walker came so far.
    """
    images = []
    with h5py.File(path) as file:
        for name in sorted(file):
            group = file[name]
            scalars = {key: group[key][:] for key in EXPLORED if key != "walker"}
            unknown = np.full(len(group["step"]), np.nan)
            scalars |= {key: group[key][:] if key in group else unknown for key in SPREAD}
            cells = group["cells"][:] if "cells" in group else None
            for i, positions in enumerate(group["positions"][:]):
                if scalars["step"][i] > 0:
                    cell = group["cell"][:] if cells is None else cells[i]
                    figures = {key: values[i].item() for key, values in scalars.items()}
                    images.append(_explored(group, name, positions, cell, figures))
    return _frames(images)


def read_crossings(path: str | Path) -> Frames:
    """The frames that stopped a walker, in the form of `read_exploration`, among whose frames they are not."""
    images = []
    with h5py.File(path) as file:
        for name in sorted(file):
            if "crossing" in file[name]:
                stopped = file[name]["crossing"]
                figures = {key: stopped.attrs[key].item() for key in EXPLORED if key != "walker"}
                images.append(_explored(file[name], name, stopped["positions"][:], stopped["cell"][:], figures))
    return _frames(images)


def _explored(group: h5py.Group, name: str, positions: np.ndarray, cell: np.ndarray, figures: dict) -> Atoms:
    atoms = Atoms(group["numbers"][:], positions, cell=cell, pbc=group["pbc"][:])
    atoms.info = {"walker": int(name.removeprefix("walker_")), **figures}
    atoms.info |= {key: int(group.attrs[key]) for key in SPIN_STATE if key in group.attrs}
    return atoms


def _frames(images: list[Atoms]) -> Frames:
    frames = Frames.from_atoms(images)
    return frames if images else frames.with_columns(**{name: [] for name in EXPLORED + SPREAD})


def walker_table(
    walks: Sequence[Walk], timestep_fs: float, started_from: Sequence[int] | np.ndarray | None = None
) -> pd.DataFrame:
    """One row a walker: how far it came, why it ended, and the largest uncertainty it met; no walker, no row.

    Args:
        walks: replacements among them, whose steps count from their own beginning, `began_at_step` of the run.
        timestep_fs: time step, fs.
        started_from: what to call the structures that the walkers could start from, e.g. their rows in the dataset.
    """
    rows = [
        {
            "walker": number,
            "started_from": walk.start if started_from is None else int(started_from[walk.start]),
            "replaces": walk.replaces,
            "began_at_step": walk.began_at,
            "target_K": walk.target_K,
            "last_step": walk.last_step,
            "time_ps": walk.last_step * timestep_fs / 1000,
            "survived": walk.survived,
            "ended": walk.ended,
            "bond_change": walk.bond_change,
            "frames": len(walk.step),
            "mean_temperature_K": float(np.mean(walk.temperature_K)) if walk.step else np.nan,
            "max_uncertainty_eV_per_A": max(walk.uncertainty, default=np.nan),
        }
        for number, walk in enumerate(walks)
    ]
    return pd.DataFrame(rows, columns=WALKERS).astype({"replaces": "Int64"})


def write_images(path: str | Path, walks: Sequence[Walk], numbers: Sequence[int] | None = None) -> None:
    """Write an ASE trajectory, walkers one after another, with momenta and energies.

    Args:
        path: the file; `info` of each frame has walker and step, and charge and multiplicity where they are its own; of
            the last one of a walker that was stopped, `ended` says why and when.
        walks: one a walker.
        numbers: what to call each of them; None: 0, 1, ...
    """
    with Trajectory(str(path), "w") as trajectory:
        for number, walk in _numbered(walks, numbers):
            for i, step in enumerate(walk.step):
                atoms = Atoms(walk.numbers, walk.positions[i], cell=walk.cell_of(i), pbc=walk.pbc)
                atoms.set_momenta(walk.momenta[i])
                atoms.info = {"walker": number, "step": step, **walk.spin_state}
                if not walk.survived and i == len(walk.step) - 1:
                    atoms.info["ended"] = walk.ended
                atoms.calc = SinglePointCalculator(atoms, energy=walk.potential_eV[i])
                trajectory.write(atoms)


def thermo_table(walks: Sequence[Walk], timestep_fs: float, numbers: Sequence[int] | None = None) -> pd.DataFrame:
    """One row a kept frame: time, energies, temperature and uncertainty of each walker; volume where the cell moved.

    Args:
        walks: one a walker.
        timestep_fs: time step, fs.
        numbers: what to call each of them; None: 0, 1, ...
    """
    tables = []
    for number, walk in _numbered(walks, numbers):
        potential, kinetic = np.array(walk.potential_eV), np.array(walk.kinetic_eV)
        moving = {
            "volume_A3": [abs(np.linalg.det(cell)) for cell in walk.cells],
            "pressure_GPa": walk.pressure_GPa,
        }
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
                    **(moving if walk.cells else {}),
                }
            )
        )
    return pd.concat(tables, ignore_index=True)


def write_velocities(
    path: str | Path, walks: Sequence[Walk], timestep_fs: float, stride: int, numbers: Sequence[int] | None = None
) -> None:
    """Write one HDF5 group a walker: `velocities` (n_samples, n_atoms, 3) float32 Å/fs, from step 0 on, and `numbers`.

    Args:
        path: the file.
        walks: with velocities every `stride` steps.
        timestep_fs: time step, fs.
        stride: steps between two samples; the file's attribute `interval_fs` tells the time.
        numbers: what to call each of the walkers; None: 0, 1, ...
    """
    with h5py.File(path, "w") as file:
        file.attrs.update(interval_fs=stride * timestep_fs, timestep_fs=timestep_fs, velocity="Å/fs")
        for number, walk in _numbered(walks, numbers):
            group = file.create_group(f"walker_{number:04d}")
            group["numbers"] = walk.numbers
            group["velocities"] = np.array(walk.velocities, dtype=np.float32).reshape(-1, len(walk.numbers), 3)


def _numbered(walks: Sequence[Walk], numbers: Sequence[int] | None) -> Iterator[tuple[int, Walk]]:
    return zip(range(len(walks)) if numbers is None else numbers, walks, strict=True)
