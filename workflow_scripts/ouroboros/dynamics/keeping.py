"""What is kept of a walker: frames, velocities, and the frame that stopped it."""

from collections.abc import Sequence

import numpy as np
import torch
from ase import units
from torch_sim.integrators import MDState

from ..walk import Crossing, Walk
from .watching import Seen

A_PER_FS = units.fs  # ASE's unit of velocity, Å over its unit of time, in Å/fs


class Snapshot:
    """The batch of one step in main memory, fetched when something of it is kept."""

    def __init__(self, state: MDState) -> None:
        """Fetch positions, momenta and cells."""
        self.positions, self.momenta = state.positions.cpu().numpy(), state.momenta.cpu().numpy()
        self.masses = state.masses.cpu().numpy()
        self.cells = state.row_vector_cell.cpu().numpy()
        tension = torch.diagonal(state.stress, dim1=1, dim2=2).mean(1) if hasattr(state, "stress") else None
        self.tension = None if tension is None else tension.cpu().numpy()
        ends = np.cumsum(np.bincount(state.system_idx.cpu().numpy()))
        self.atoms = [slice(start, end) for start, end in zip([0, *ends[:-1]], ends, strict=True)]


def keep_frames(
    now: Snapshot, seen: Seen, walks: Sequence[Walk], own_steps: Sequence[int], wanted: Sequence[int]
) -> None:
    """Append this step's frame to the walkers that are `wanted`, indices into the batch."""
    for i in wanted:
        walk, atoms = walks[i], now.atoms[i]
        walk.step.append(int(own_steps[i]))
        walk.potential_eV.append(float(seen.potential[i]) + walk.energy_offset_eV)
        walk.kinetic_eV.append(float(seen.kinetic[i]))
        walk.temperature_K.append(float(seen.temperature[i]))
        walk.uncertainty.append(float(seen.uncertainty[i]))
        walk.max_force.append(float(seen.largest_force[i]))
        walk.positions.append(now.positions[atoms].copy())
        walk.momenta.append(now.momenta[atoms].copy())
        if now.tension is not None:
            volume = abs(np.linalg.det(now.cells[i]))
            pressure = 2 * seen.kinetic[i] / (3 * volume) - now.tension[i]
            walk.cells.append(now.cells[i].copy())
            walk.pressure_GPa.append(float(pressure) / units.GPa)


def keep_velocities(now: Snapshot, walks: Sequence[Walk], wanted: Sequence[int]) -> None:
    """Append this step's velocities to the walkers that are `wanted`, indices into the batch."""
    velocities = (now.momenta / now.masses[:, None] * A_PER_FS).astype(np.float32)
    for i in wanted:
        walks[i].velocities.append(velocities[now.atoms[i]])


def keep_crossing(now: Snapshot, seen: Seen, walk: Walk, own_step: int, i: int) -> None:
    """Keep the frame that stopped `walk`, number i of the batch, where it is finite."""
    positions = now.positions[now.atoms[i]]
    figures = (float(seen.uncertainty[i]), float(seen.largest_force[i]))
    if np.isfinite(positions).all() and np.isfinite(figures).all():
        walk.crossing = Crossing(own_step, positions.copy(), now.cells[i].copy(), *figures)
