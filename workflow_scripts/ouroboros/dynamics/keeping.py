"""What is kept of a walker: frames, velocities, and the frame that stopped it."""

from collections.abc import Sequence

import numpy as np
import torch
from ase import units
from torch_sim.integrators import MDState

from ..calibration import Calibration
from ..walk import Crossing, Walk
from .watching import Seen

A_PER_FS = units.fs  # ASE's unit of velocity, Å over its unit of time, in Å/fs


class Snapshot:
    """The batch of one step in main memory, fetched when something of it is kept.

    Attributes:
        positions, momenta: (n_atoms, 3) Å and ASE's unit; masses: (n_atoms,) amu.
        force_std: (n_atoms,) length of the members' standard deviation of the force, eV/Å; rms_force_std: (n_systems,).
        cells: (n_systems, 3, 3) Å; tension: (n_systems,) mean normal stress, eV/Å³, None where the cell is at rest.
        atoms: the slice of each system.
    """

    def __init__(self, state: MDState) -> None:
        """Fetch positions, momenta and cells."""
        self.positions, self.momenta = state.positions.cpu().numpy(), state.momenta.cpu().numpy()
        self.force_std, self.rms_force_std = state.force_std.cpu().numpy(), state.rms_force_std.cpu().numpy()
        self.masses = state.masses.cpu().numpy()
        self.cells = state.row_vector_cell.cpu().numpy()
        tension = torch.diagonal(state.stress, dim1=1, dim2=2).mean(1) if hasattr(state, "stress") else None
        self.tension = None if tension is None else tension.cpu().numpy()
        ends = np.cumsum(np.bincount(state.system_idx.cpu().numpy()))
        self.atoms = [slice(start, end) for start, end in zip([0, *ends[:-1]], ends, strict=True)]


def keep_frames(
    now: Snapshot,
    seen: Seen,
    walks: Sequence[Walk],
    own_steps: Sequence[int],
    wanted: Sequence[int],
    calibration: Calibration,
) -> None:
    """Append this step's frame to walkers.

    Args:
        now: the batch.
        seen: what was measured of it.
        walks: one a system of the batch.
        own_steps: of each, since it began.
        wanted: indices into the batch.
        calibration: from the members' spread to the expected force error of each atom.
    """
    for i in wanted:
        walk, atoms = walks[i], now.atoms[i]
        force_std = now.force_std[atoms]
        expected = calibration.expected_error(force_std, now.rms_force_std[i])
        walk.step.append(int(own_steps[i]))
        walk.potential_eV.append(float(seen.potential[i]) + walk.energy_offset_eV)
        walk.kinetic_eV.append(float(seen.kinetic[i]))
        walk.temperature_K.append(float(seen.temperature[i]))
        walk.uncertainty.append(float(seen.uncertainty[i]))
        walk.mean_uncertainty.append(float(expected.mean()))
        walk.energy_std.append(float(seen.energy_std[i]))
        walk.force_std.append(force_std.astype(np.float32))
        walk.max_force.append(float(seen.largest_force[i]))
        walk.positions.append(now.positions[atoms].copy())
        walk.momenta.append(now.momenta[atoms].copy())
        if now.tension is not None:
            volume = abs(np.linalg.det(now.cells[i]))
            pressure = 2 * seen.kinetic[i] / (3 * volume) - now.tension[i]
            walk.cells.append(now.cells[i].copy())
            walk.pressure_GPa.append(float(pressure) / units.GPa)


def keep_velocities(now: Snapshot, walks: Sequence[Walk], wanted: Sequence[int]) -> None:
    """Append this step's velocities, Å/fs in float32, to walkers.

    Args:
        now: the batch.
        walks: one a system of the batch.
        wanted: indices into the batch.
    """
    velocities = (now.momenta / now.masses[:, None] * A_PER_FS).astype(np.float32)
    for i in wanted:
        walks[i].velocities.append(velocities[now.atoms[i]])


def keep_crossing(now: Snapshot, seen: Seen, walk: Walk, own_step: int, i: int) -> None:
    """Keep the frame that stopped `walk`, number i of the batch, where it is finite."""
    positions = now.positions[now.atoms[i]]
    figures = (float(seen.uncertainty[i]), float(seen.largest_force[i]))
    if np.isfinite(positions).all() and np.isfinite(figures).all():
        walk.crossing = Crossing(own_step, positions.copy(), now.cells[i].copy(), *figures)
