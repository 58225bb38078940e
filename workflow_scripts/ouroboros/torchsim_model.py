"""The committee as a torch-sim model, so that many walkers move in one batch."""

from dataclasses import dataclass, replace

import torch
import torch_sim as ts
from ase.data import covalent_radii
from torch_sim.models.interface import ModelInterface
from torch_sim.neighbors import torchsim_nl

from .committee import Committee
from .evaluation import Pairs
from .pair_lists import MadeAt

SKIN = 0.5  # Å that the list of a periodic or large system reaches beyond the cutoff
PER_SYSTEM = ("max_force_std", "rms_force_std", "energy_std", "closest_contact")  # outputs with one entry a system
ALL_PAIRS_UP_TO = 64  # atoms an isolated system: below it every pair is kept for good and no list is ever rebuilt


class CommitteeModel(ModelInterface):
    """Energy and forces are the committee's mean; what a walker is watched by comes along.

    The state is kept in float64, whatever precision the networks see, so that integration adds no rounding of its own.
    Energies leave out the atomic offsets, which do not change along a trajectory. Stress, for dynamics at constant
    pressure, comes from a committee that evaluates it (`Committee.load(..., stress=True)`).
    """

    def __init__(self, committee: Committee):
        """Take a committee; the stress is evaluated where it evaluates it."""
        super().__init__()
        self.committee = committee
        self._device, self._dtype = torch.device(committee.device), torch.float64
        self._compute_forces, self._compute_stress = True, committee.stress
        self._energy_offsets = torch.tensor(committee.energy_offsets, dtype=self._dtype, device=self._device)
        self._radii = torch.tensor(covalent_radii, device=self._device)
        self._skin = 0.0 if committee.one_by_one_because else SKIN  # SchNetPack computes pairs beyond the cutoff too
        self._checked: torch.Tensor | None = None  # atomic numbers that the committee is known to know
        self.kept: _KeptPairs | None = None  # saved with a run: another list adds up in another order

    def forward(self, state: ts.SimState, **_: object) -> dict[str, torch.Tensor]:
        """Evaluate all systems of the state.

        Returns:
            energy (n_systems,) eV and forces (n_atoms, 3) eV/Å; force_std (n_atoms,) eV/Å, the members' spread, and
            max_force_std and rms_force_std (n_systems,), its largest value and root mean square over the atoms;
            energy_std (n_systems,) eV, that of the energies with the atomic offsets, and energy_std_gradient
            (n_atoms, 3) eV/Å, its derivative by the positions; closest_contact (n_systems,), the smallest distance over
            the summed covalent radii, inf where there is no pair; stress (n_systems, 3, 3) eV/Å³, positive under
            tension, from a committee that evaluates it.

        Raises:
            ValueError: an element that the committee was not trained on.
        """
        numbers = state.atomic_numbers.long()
        if self._checked is None or not torch.equal(numbers, self._checked):  # once, not at every step
            self.committee.refuse_unknown(numbers.cpu().numpy())
            self._checked = numbers.clone()
        pairs = self._neighbours(state)
        evaluation = self.committee.evaluate(numbers, state.positions, state.row_vector_cell, state.system_idx, pairs)
        energies, forces = evaluation.energy.double(), evaluation.forces.double()
        no_system = state.positions.new_zeros(state.n_systems)
        offsets_of_members = no_system.repeat(len(energies), 1)
        offsets_of_members.index_add_(1, state.system_idx, self._energy_offsets[:, numbers])
        energy_std, gradient = energy_spread(energies + offsets_of_members, forces, state.system_idx)
        force_std = forces.var(0).sum(-1).sqrt() if len(forces) > 1 else torch.zeros_like(forces[0, :, 0])
        squares = no_system.index_add(0, state.system_idx, force_std**2)
        radii = self._radii[numbers]
        contact = pairs.vectors(state.positions).norm(dim=1) / (radii[pairs.idx_i] + radii[pairs.idx_j])
        stress = {} if evaluation.stress is None else {"stress": evaluation.stress.double().mean(0)}
        return {
            "energy": energies.mean(0),
            "forces": forces.mean(0),
            "force_std": force_std,
            "energy_std": energy_std,
            "energy_std_gradient": gradient,
            "max_force_std": no_system.scatter_reduce(0, state.system_idx, force_std, "amax"),
            "rms_force_std": (squares / state.n_atoms_per_system).sqrt(),
            "closest_contact": (no_system + torch.inf).scatter_reduce(
                0, state.system_idx[pairs.idx_i], contact, "amin"
            ),
            **stress,
        }

    def _neighbours(self, state: ts.SimState) -> Pairs:
        """All pairs of small molecules, kept for good; else those within cutoff and skin, until atoms have moved."""
        isolated = not state.pbc.any() and int(state.n_atoms_per_system.max()) <= ALL_PAIRS_UP_TO
        kept = self.kept.now(state, self._skin, isolated) if self.kept is not None else None
        if kept is not None:
            return kept
        made_at = None
        if isolated:
            idx_i, idx_j = all_pairs(state.n_atoms_per_system)
            offsets = state.positions.new_zeros(len(idx_i), 3)
        else:
            reach = self.committee.cutoff + self._skin
            mapping, system, shifts = torchsim_nl(
                state.positions, state.row_vector_cell, state.pbc, reach, state.system_idx
            )
            idx_i, idx_j = mapping
            cells = state.row_vector_cell[system]
            offsets = torch.einsum("pi,pij->pj", shifts.to(cells.dtype), cells)
            made_at = MadeAt.of(state, reach)
        pairs = Pairs.from_full_list(idx_i, idx_j, offsets, state.system_idx, state.n_systems)
        self.kept = _KeptPairs(pairs, state.system_idx.clone(), made_at)
        return pairs


@dataclass(frozen=True)
class _KeptPairs:
    """Pairs, and what they were found for; `made_at` is None where they hold for good."""

    pairs: Pairs
    system_idx: torch.Tensor
    made_at: MadeAt | None

    def now(self, state: ts.SimState, skin: float, isolated: bool) -> Pairs | None:
        """The pairs in the cell as it is now; None where one can be missing."""
        if not torch.equal(self.system_idx, state.system_idx) or (self.made_at is None) != isolated:
            return None
        if self.made_at is None:
            return self.pairs
        if not bool((self.made_at.out_of_date(state) < skin / 2).all()):
            return None
        if torch.equal(self.made_at.cell, state.row_vector_cell):
            return self.pairs
        offsets, strain = self.pairs.offsets, self.made_at.strain(state)[state.system_idx[self.pairs.idx_i]]
        return replace(self.pairs, offsets=offsets + (offsets[:, None, :] @ strain).squeeze(1))


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
