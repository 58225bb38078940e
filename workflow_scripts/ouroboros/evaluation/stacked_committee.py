"""A committee evaluated as one: energies, forces and stress of all members, to rounding what SchNetPack gives."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from schnetpack import properties
from schnetpack.atomistic import Atomwise, Forces, PairwiseDistances, Strain
from schnetpack.model import NeuralNetworkPotential
from schnetpack.nn.activations import shifted_softplus
from schnetpack.representation import PaiNN, SchNet
from torch import nn

from .compiler import KernelsMissing, load_kernels
from .pairs import Pairs
from .stacked_layers import StackedSequence
from .stacked_networks import StackedNetwork, StackedPaiNN, StackedSchNet

ACTIVATIONS = (shifted_softplus, nn.functional.silu)


class Evaluation(NamedTuple):
    """What the members say about one batch, energies without the offsets.

    Attributes:
        energy: (n_members, n_frames) eV.
        forces: (n_members, n_atoms, 3) eV/Å.
        stress: (n_members, n_frames, 3, 3) eV/Å³, NaN where the cell has no volume; None unless asked for.
    """

    energy: torch.Tensor
    forces: torch.Tensor
    stress: torch.Tensor | None


def reason_not_to_stack(members: Sequence[NeuralNetworkPotential], device: str) -> str:
    """Why the members have to be evaluated one by one, by SchNetPack; empty where they need not."""
    if torch.device(device).type != "cpu":
        return "the kernels are for the CPU"
    networks: Any = [getattr(member, "representation", member) for member in members]
    for network in networks:
        if type(network) not in (SchNet, PaiNN):
            return f"there are no kernels for {type(network).__name__}"
    if len({_shape(member) for member in members}) > 1:
        return "the members differ in their architecture"
    if any(network.electronic_embeddings or not isinstance(network.embedding, nn.Embedding) for network in networks):
        return "an embedding is not that of the atomic number alone"
    for member in members:
        unknown = _not_evaluated(member)
        if unknown:
            return f"a member has {unknown}, of which the kernels know nothing"
        if not _is_energy(member.output_modules[0]):
            return "the energy is no plain sum over atoms"
    activations = [m.activation for m in networks[0].modules() if hasattr(m, "activation")]
    if any(not isinstance(a, nn.Identity) and a not in ACTIVATIONS for a in activations):
        return "an activation function is not one of SchNetPack's defaults"
    try:
        load_kernels()
    except KernelsMissing as error:
        return str(error)
    return ""


def _shape(member: NeuralNetworkPotential) -> tuple[Any, ...]:
    """What has to be the same in all members for their weights to be stacked."""
    network: Any = member.representation
    weights = tuple((name, tuple(tensor.shape)) for name, tensor in member.state_dict().items())
    activations = tuple(str(module.activation) for module in member.modules() if hasattr(module, "activation"))
    others = float(network.cutoff_fn.cutoff), getattr(network, "share_filters", None)
    return type(network), weights, activations, others, tuple(m.epsilon for m in getattr(network, "mixing", ()))


def _not_evaluated(member: NeuralNetworkPotential) -> str:
    """The name of a part that adds to what network, `Atomwise` and `Forces` give; empty where there is none."""
    parts: list[Any] = [m for m in member.input_modules if type(m) not in (PairwiseDistances, Strain)]
    parts += list(member.output_modules)[2:] + list(member.postprocessors if member.do_postprocessing else [])
    if parts:
        return type(parts[0]).__name__
    if [type(module) for module in member.output_modules] != [Atomwise, Forces]:
        return " and ".join(type(module).__name__ for module in member.output_modules)
    keys = member.output_modules[0].output_key, member.output_modules[1].energy_key, member.output_modules[1].force_key
    usual = (properties.energy, properties.energy, properties.forces)
    return "" if keys == usual else f"the outputs {', '.join(keys)}"


def _is_energy(module: nn.Module) -> bool:
    return isinstance(module, Atomwise) and module.aggregation_mode == "sum" and int(module.n_out) == 1


class StackedCommittee:
    """Members of one architecture, evaluated together; their weights are copied."""

    def __init__(self, members: Sequence[NeuralNetworkPotential], dtype: torch.dtype, stress: bool):
        """Stack the weights and tabulate the filters.

        Args:
            members: for which `reason_not_to_stack` has none.
            dtype: to evaluate them in.
            stress: evaluate it too.
        """
        networks: Any = [member.representation for member in members]
        make = StackedSchNet if isinstance(networks[0], SchNet) else StackedPaiNN
        self.network: StackedNetwork = make(networks, dtype)
        outputs: Any = [member.output_modules[0] for member in members]
        self.energy_of_atom = StackedSequence([module.outnet for module in outputs], dtype)
        self.members, self.dtype, self.stress = len(members), dtype, stress

    def __call__(
        self,
        numbers: torch.Tensor,
        positions: torch.Tensor,
        cell: torch.Tensor,
        system_idx: torch.Tensor,
        pairs: Pairs,
    ) -> Evaluation:
        """Evaluate every member; the sums over atoms and pairs are taken in double precision.

        Args:
            numbers: (n_atoms,) atomic numbers.
            positions: (n_atoms, 3) Å.
            cell: (n_systems, 3, 3) Å, vectors in rows.
            system_idx: (n_atoms,) the system of each atom, ascending.
            pairs: of atoms within the cutoff; some may be farther apart.
        """
        base = pairs.vectors(positions)
        with torch.enable_grad():
            vectors = base.to(self.dtype).repeat(self.members, 1, 1).requires_grad_()
            of_atom = self.energy_of_atom(self.network(numbers, vectors, pairs)).squeeze(-1)
            (gradient,) = torch.autograd.grad(of_atom.sum(), vectors)
        energy = _sums(of_atom.detach().double(), system_idx, len(cell))
        forces = gradient.new_zeros(self.members, len(numbers), 3, dtype=torch.float64)
        gradient = gradient.double()
        forces.index_add_(1, pairs.idx_i, gradient).index_add_(1, pairs.idx_j, -gradient)
        if not self.stress:
            return Evaluation(energy, forces, None)
        virial = gradient[..., :, None] * base.double()[:, None, :]
        volume = torch.linalg.det(cell.double()).abs()
        stress = _sums(virial, system_idx[pairs.idx_i], len(cell)) / volume[:, None, None]
        return Evaluation(energy, forces, torch.where(volume[:, None, None] > 0, stress, torch.nan))

    def features(self, numbers: torch.Tensor, positions: torch.Tensor, pairs: Pairs) -> torch.Tensor:
        """(n_members, n_atoms, n_features) of the atoms, invariant to rotations; arguments as above."""
        vectors = pairs.vectors(positions).to(self.dtype).repeat(self.members, 1, 1)
        return self.network(numbers, vectors, pairs)


def _sums(values: torch.Tensor, system_idx: torch.Tensor, n_systems: int) -> torch.Tensor:
    """(n_members, n_systems, ...) sums of (n_members, n, ...) values over each system."""
    sums = values.new_zeros(len(values), n_systems, *values.shape[2:])
    return sums.index_add_(1, system_idx, values)
