"""The files of a run as arrays, walker by walker: frames of the .traj, rows of thermo.csv."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from ase import Atoms, units
from ase.io import iread

from ouroboros.frames import Frames

type Thermo = str | Path | Mapping | np.ndarray | pd.DataFrame  # thermo.csv, or its columns in memory
THERMO_COLUMNS = (
    "walker",
    "step",
    "time_fs",
    "potential_energy_eV",
    "kinetic_energy_eV",
    "total_energy_eV",
    "temperature_K",
)


@dataclass(frozen=True)
class Walker:
    """The saved frames of one walker.

    Attributes:
        name: its number.
        numbers: (n_atoms,) atomic numbers.
        masses: (n_atoms,) amu.
        step: (n_frames,) MD step, increasing.
        positions: (n_frames, n_atoms, 3), Å.
        velocities: (n_frames, n_atoms, 3), Å/fs.
        cell: (n_frames, 3, 3), Å.
        pbc: (3,) bool.
    """

    name: int
    numbers: np.ndarray
    masses: np.ndarray
    step: np.ndarray
    positions: np.ndarray
    velocities: np.ndarray
    cell: np.ndarray
    pbc: np.ndarray

    @property
    def finite(self) -> np.ndarray:
        """(n_frames,) whether every position and velocity of the frame is a finite number."""
        return np.isfinite(self.positions).all(axis=(1, 2)) & np.isfinite(self.velocities).all(axis=(1, 2))

    @property
    def n_even(self) -> int:
        """Frames from the first on that are all finite and equally far apart: what a Fourier transform can use."""
        if len(self.step) < 2:
            return len(self.step)
        gaps = np.diff(self.step)
        good = self.finite & np.concatenate([[True], gaps == gaps[0]])
        return len(good) if good.all() else int(np.argmin(good))

    def frames(self) -> Frames:
        """The finite frames without labels."""
        keep = self.finite
        n, n_atoms = int(keep.sum()), len(self.numbers)
        return Frames(
            numbers=np.tile(self.numbers, n).astype(np.int64),
            positions=self.positions[keep].reshape(-1, 3),
            n_atoms=np.full(n, n_atoms, dtype=np.int64),
            energy=np.full(n, np.nan),
            forces=np.full((n * n_atoms, 3), np.nan),
            cell=self.cell[keep],
            pbc=np.tile(self.pbc, (n, 1)),
        )


def read_walkers(trajectory: str | Path | Sequence[Atoms]) -> list[Walker]:
    """Read a trajectory that holds one walker after another.

    Args:
        trajectory: an ASE .traj, or its frames; `info` holds `step`, and `walker` where there are several.

    Returns:
        One entry a walker, in the order of their first frames.

    Raises:
        ValueError: no frames, a frame without `step`, steps that do not increase, or walkers of different systems.
    """
    images = list(iread(trajectory)) if isinstance(trajectory, str | Path) else list(trajectory)
    if not images:
        raise ValueError("The trajectory has no frames")
    if any("step" not in image.info for image in images):
        raise ValueError("Each frame of the trajectory needs its MD step in info['step']")
    groups: dict[int, list[Atoms]] = {}
    for image in images:
        groups.setdefault(int(image.info.get("walker", 0)), []).append(image)
    first = images[0]
    walkers = []
    for name, group in groups.items():
        for image in group:
            if not np.array_equal(image.numbers, first.numbers) or (image.pbc != first.pbc).any():
                raise ValueError(f"Walker {name} is not the same system as the first frame of the trajectory")
        walkers.append(
            Walker(
                name=name,
                numbers=first.numbers,
                masses=first.get_masses(),
                step=_increasing(np.array([image.info["step"] for image in group]), f"frames of walker {name}"),
                positions=np.array([image.positions for image in group]),
                velocities=np.array([image.get_velocities() for image in group]) * units.fs,  # ASE's unit to Å/fs
                cell=np.array([image.cell.array for image in group]),
                pbc=first.pbc.copy(),
            )
        )
    return walkers


def read_thermo(thermo: Thermo) -> dict[int, pd.DataFrame]:
    """Read thermo.csv, or take the same columns from memory, and divide the rows among the walkers.

    Args:
        thermo: path, mapping of columns, structured array or data frame with `THERMO_COLUMNS`.

    Returns:
        A table for each walker number; its steps increase.

    Raises:
        ValueError: a column is missing, there are no rows, or the steps of a walker do not increase.
    """
    table = pd.read_csv(thermo) if isinstance(thermo, str | Path) else pd.DataFrame(thermo)
    missing = [column for column in THERMO_COLUMNS if column not in table]
    if missing:
        raise ValueError(f"The thermodynamic table lacks {', '.join(missing)}")
    if table.empty:
        raise ValueError("The thermodynamic table has no rows")
    tables = {int(name): rows.reset_index(drop=True) for name, rows in table.groupby("walker", sort=True)}
    for name, rows in tables.items():
        _increasing(rows["step"].to_numpy(), f"thermodynamic rows of walker {name}")
    return tables


def timestep_fs(tables: Mapping[int, pd.DataFrame]) -> float:
    """Length of one MD step in fs, from the columns step and time_fs.

    Raises:
        ValueError: no walker has two rows, so nothing tells.
    """
    steps = [np.diff(rows["time_fs"]) / np.diff(rows["step"]) for rows in tables.values()]
    ratios = np.concatenate(steps)
    if not np.isfinite(ratios).any():
        raise ValueError("Two rows of one walker are needed to know the time step")
    return float(np.nanmedian(ratios))


def _increasing(step: np.ndarray, what: str) -> np.ndarray:
    if not (np.diff(step) > 0).all():
        raise ValueError(f"The steps of the {what} do not increase")
    return step
