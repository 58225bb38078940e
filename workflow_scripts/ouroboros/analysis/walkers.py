"""The files of a run as arrays, walker by walker: frames of the .traj, rows of thermo.csv."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from ase import Atoms, units
from ase.io.trajectory import Trajectory

from ouroboros.analysis.systems import of_one_system
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
        One entry a walker, in the order of their first frames; none where every walker failed before its first frame.

    Raises:
        ValueError: a frame without `step`, steps that do not increase, or a walker that becomes another system.
    """
    images = _images(trajectory) if isinstance(trajectory, str | Path) else list(trajectory)
    if any("step" not in image.info for image in images):
        raise ValueError("Each frame of the trajectory needs its MD step in info['step']")
    groups: dict[int, list[Atoms]] = {}
    for image in images:
        groups.setdefault(int(image.info.get("walker", 0)), []).append(image)
    walkers = []
    for name, group in groups.items():
        first = group[0]
        if any(not np.array_equal(a.numbers, first.numbers) or (a.pbc != first.pbc).any() for a in group):
            raise ValueError(f"The frames of walker {name} are not all of one system")
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


def first_frames(trajectory: str | Path, at_most: int | None = None) -> list[Atoms]:
    """The first frame of each walker with its momenta, of one system: that of most walkers, as the analysis has it.

    Args:
        trajectory: an ASE .traj as `read_walkers` takes it.
        at_most: how many; None: all.

    Raises:
        ValueError: no walker kept a frame.
    """
    starts: dict[int, Atoms] = {}
    for image in _images(trajectory):
        starts.setdefault(int(image.info.get("walker", 0)), image)
    if not starts:
        raise ValueError(f"{trajectory} has no frame to start from: every walker of the production run failed at once")
    return of_one_system(list(starts.values()))[:at_most]


def _images(path: str | Path) -> list[Atoms]:
    """All frames of an ASE trajectory; a file that was opened and never written to has none."""
    with Trajectory(str(path)) as trajectory:
        return list(trajectory)


def read_thermo(thermo: Thermo) -> dict[int, pd.DataFrame]:
    """Read thermo.csv, or take the same columns from memory, and divide the rows among the walkers.

    Args:
        thermo: path, mapping of columns, structured array or data frame with `THERMO_COLUMNS`.

    Returns:
        A table for each walker number; its steps increase. None where every walker failed before its first row.

    Raises:
        ValueError: a column is missing, or the steps of a walker do not increase.
    """
    table = pd.read_csv(thermo) if isinstance(thermo, str | Path) else pd.DataFrame(thermo)
    missing = [column for column in THERMO_COLUMNS if column not in table]
    if missing:
        raise ValueError(f"The thermodynamic table lacks {', '.join(missing)}")
    tables = {int(name): rows.reset_index(drop=True) for name, rows in table.groupby("walker", sort=True)}
    for name, rows in tables.items():
        _increasing(rows["step"].to_numpy(), f"thermodynamic rows of walker {name}")
    return tables


def timestep_fs(tables: Mapping[int, pd.DataFrame], planned: float | None = None) -> float:
    """Length of one MD step in fs, from the columns step and time_fs, or as planned where they do not tell.

    Raises:
        ValueError: no walker has two rows and there is no plan, so nothing tells.
    """
    steps = [np.diff(rows["time_fs"]) / np.diff(rows["step"]) for rows in tables.values()]
    ratios = np.concatenate(steps)
    if not np.isfinite(ratios).any() and planned is not None:
        return planned
    if not np.isfinite(ratios).any():
        raise ValueError("Two rows of one walker are needed to know the time step")
    return float(np.nanmedian(ratios))


def _increasing(step: np.ndarray, what: str) -> np.ndarray:
    if not (np.diff(step) > 0).all():
        raise ValueError(f"The steps of the {what} do not increase")
    return step
