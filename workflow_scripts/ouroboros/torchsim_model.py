"""The committee as a torch-sim model, so that many walkers move in one batch."""

import torch
import torch_sim as ts
from ase.data import covalent_radii
from schnetpack import properties
from torch_sim.models.interface import ModelInterface
from torch_sim.neighbors import torchsim_nl

from .committee import Committee

ALL_PAIRS_UP_TO = 64  # atoms an isolated system: below it every pair is kept for good and no list is ever rebuilt


class CommitteeModel(ModelInterface):
    """Energy and forces are the committee's mean; what a walker is watched by comes along.

    The state is kept in float64, whatever precision the networks see, so that integration adds no rounding of its own.
    Energies leave out the atomic offsets, which do not change along a trajectory. Stress, for dynamics at constant
    pressure, comes from a committee that evaluates it (`Committee.load(..., stress=True)`).
    """

    def __init__(self, committee: Committee):
        super().__init__()
        self.committee = committee
        self._device, self._dtype = torch.device(committee.device), torch.float64
        self._compute_forces, self._compute_stress = True, committee.stress
        self._energy_offsets = torch.tensor(committee.energy_offsets, dtype=self._dtype, device=self._device)
        self._radii = torch.tensor(covalent_radii, device=self._device)
        self._pairs = torch.zeros(2, 0, dtype=torch.long)  # of the systems numbered in _pairs_of
        self._pairs_of = torch.zeros(0, dtype=torch.long)

    def forward(self, state: ts.SimState, **_: object) -> dict[str, torch.Tensor]:
        """Evaluate all systems of the state.

        Returns:
            energy (n_systems,) eV and forces (n_atoms, 3) eV/Å; force_std (n_atoms,) eV/Å, the members' spread, and
            max_force_std (n_systems,), its largest value over the atoms; energy_std (n_systems,) eV, that of the
            energies with the atomic offsets, and energy_std_gradient (n_atoms, 3) eV/Å, its derivative by the
            positions; closest_contact (n_systems,), the smallest distance over the summed covalent radii; stress
            (n_systems, 3, 3) eV/Å³, positive under tension, from a committee that evaluates it.
        """
        idx_i, idx_j, offsets = self._neighbours(state)
        inputs = {
            properties.Z: state.atomic_numbers.long(),
            properties.R: state.positions.to(self.committee.dtype),
            properties.idx_m: state.system_idx,
            properties.idx_i: idx_i,
            properties.idx_j: idx_j,
            properties.offsets: offsets.to(self.committee.dtype),
            properties.n_atoms: state.n_atoms_per_system,
            properties.cell: state.row_vector_cell.to(self.committee.dtype),
        }
        evaluation = self.committee.evaluate(inputs)
        energies, forces = evaluation.energy.double(), evaluation.forces.double()
        no_system = state.positions.new_zeros(state.n_systems)
        offsets_of_members = no_system.repeat(len(energies), 1)
        offsets_of_members.index_add_(1, state.system_idx, self._energy_offsets[:, state.atomic_numbers])
        energy_std, gradient = energy_spread(energies + offsets_of_members, forces, state.system_idx)
        force_std = forces.var(0).sum(-1).sqrt() if len(forces) > 1 else torch.zeros_like(forces[0, :, 0])
        vectors = state.positions[idx_j] - state.positions[idx_i] + offsets
        radii = self._radii[state.atomic_numbers]
        contact = vectors.norm(dim=1) / (radii[idx_i] + radii[idx_j])
        stress = {} if evaluation.stress is None else {"stress": evaluation.stress.double().mean(0)}
        return {
            "energy": energies.mean(0),
            "forces": forces.mean(0),
            "force_std": force_std,
            "energy_std": energy_std,
            "energy_std_gradient": gradient,
            "max_force_std": no_system.scatter_reduce(0, state.system_idx, force_std, "amax"),
            "closest_contact": (no_system + torch.inf).scatter_reduce(0, state.system_idx[idx_i], contact, "amin"),
            **stress,
        }

    def _neighbours(self, state: ts.SimState) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        if not state.pbc.any() and int(state.n_atoms_per_system.max()) <= ALL_PAIRS_UP_TO:
            if not torch.equal(self._pairs_of, state.system_idx):
                self._pairs = all_pairs(state.n_atoms_per_system)
                self._pairs_of = state.system_idx.clone()
            idx_i, idx_j = self._pairs
            return idx_i, idx_j, state.positions.new_zeros(len(idx_i), 3)
        mapping, system, shifts = torchsim_nl(
            state.positions, state.row_vector_cell, state.pbc, self.committee.cutoff, state.system_idx
        )
        cells = state.row_vector_cell[system]
        return mapping[0], mapping[1], torch.einsum("pi,pij->pj", shifts.to(cells.dtype), cells)


def energy_spread(
    energies: torch.Tensor, forces: torch.Tensor, system_idx: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Standard deviation of the members' energies, and its derivative by the positions.

    The bias of hyperactive learning (van der Oord 2023, npj Comput. Mater. 9, 168) pushes along this derivative. With
    the forces F of all M members at hand it is a sum: dσ/dx = -Σ (E - <E>) (F - <F>) / ((M - 1) σ).

    Args:
        energies: (n_members, n_systems) eV.
        forces: (n_members, n_atoms, 3) eV/Å.
        system_idx: (n_atoms,) the system of each atom.

    Returns:
        (n_systems,) eV, ddof 1, and (n_atoms, 3) eV/Å; zero where the members agree, and for a committee of one.
    """
    members = len(energies)
    if members == 1:
        return torch.zeros_like(energies[0]), torch.zeros_like(forces[0])
    deviation = energies - energies.mean(0)
    std = energies.std(0)
    # NaN stays NaN; an exact zero has no slope to either side, and none is what a bias needs there
    weight = torch.where(std == 0, 0.0, deviation / ((members - 1) * std))
    return std, -torch.einsum("ma,max->ax", weight[:, system_idx], forces - forces.mean(0))


def all_pairs(n_atoms: torch.Tensor) -> torch.Tensor:
    """(2, n_pairs) every ordered pair of different atoms within each system, for (n_systems,) atoms a system."""
    first = torch.arange(int(n_atoms.sum()), device=n_atoms.device)
    partners = torch.repeat_interleave(n_atoms, n_atoms)  # as many as the atom's system has atoms
    idx_i = torch.repeat_interleave(first, partners)
    start_of_block = partners.cumsum(0) - partners  # of the atom's pairs
    start_of_system = torch.repeat_interleave(n_atoms.cumsum(0) - n_atoms, n_atoms)
    place = torch.arange(len(idx_i), device=n_atoms.device) - start_of_block[idx_i]
    idx_j = start_of_system[idx_i] + place
    return torch.stack([idx_i, idx_j])[:, idx_i != idx_j]
