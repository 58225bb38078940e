"""Energy that appears in one step and that the forces do not account for: in any ensemble, with or without a bias.

Between two steps the potential energy changes by the work of the forces, by the trapezoidal rule

    ΔV = -(F₀ + F₁)/2 · Δx + (V₀σ₀ + V₁σ₁)/2 : ε + O(Δx³),

the second term where the cell moves. At constant energy the difference is by how much the total energy changes in that
step of velocity Verlet (up to the second order in the time step), and unlike the total energy it means the same under a
thermostat. In harmonic motion it is zero; a surface that jumps, forces that are no gradient or a step too long for the
motion make it large.
"""

import torch
from torch_sim.integrators import MDState

ATOMS = ("positions", "forces")
SYSTEMS = ("energy", "cell", "stress")


def energy_jump(state: MDState, forces: torch.Tensor, walkers: int) -> torch.Tensor:
    """Compare with the step before, which the state carries along, and leave this one in its place.

    Args:
        state: the batch; its extras are written.
        forces: (n_atoms, 3) of the energy, eV/Å: without a bias.
        walkers: number of systems.

    Returns:
        (n_systems,) eV; zero at a walker's first step.
    """
    before, cell_moves = {**state.atom_extras, **state.system_extras}, hasattr(state, "stress")
    gap = state.energy.new_zeros(walkers)
    if "last_positions" in before:
        moved = state.positions - before["last_positions"]
        if cell_moves:
            moved, work = _without_strain(state, moved, before)
            gap = gap - work
        work = ((forces + before["last_forces"]) * moved).sum(1) / 2
        gap = gap + state.energy - before["last_energy"]
        gap = gap.index_add(0, state.system_idx, work)
    state.atom_extras.update(last_positions=state.positions, last_forces=forces)
    state.system_extras["last_energy"] = state.energy
    if cell_moves:
        state.system_extras.update(last_cell=state.cell, last_stress=state.stress)
    return gap


def _without_strain(
    state: MDState, moved: torch.Tensor, before: dict[str, torch.Tensor]
) -> tuple[torch.Tensor, torch.Tensor]:
    """(n_atoms, 3) Å that the atoms moved beside their cell's strain, and (n_systems,) eV of work of the stress."""
    old, new = before["last_cell"], state.cell  # cell vectors in columns
    middle = (old + new) / 2
    strain = (new - old) @ torch.linalg.inv(middle)
    centre = (state.positions + before["last_positions"]) / 2
    moved = moved - torch.bmm(strain[state.system_idx], centre[:, :, None]).squeeze(2)
    tension = (state.stress * torch.det(new)[:, None, None] + before["last_stress"] * torch.det(old)[:, None, None]) / 2
    return moved, (tension * strain).sum((1, 2))
