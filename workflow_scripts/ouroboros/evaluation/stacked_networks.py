"""SchNet and PaiNN for all members of a committee at once; every weight is that of SchNetPack's modules."""

from collections.abc import Callable, Sequence
from copy import deepcopy
from typing import Any, Protocol

import torch
from schnetpack.representation import PaiNN, SchNet

from .filter_tables import FilterTable, tabulate
from .neighbour_sums import PaiNNSum, SchNetSum
from .pairs import Pairs
from .stacked_layers import StackedDense, StackedSequence, stacked_embedding


class StackedNetwork(Protocol):
    """Features of the atoms, for every member."""

    def __call__(self, numbers: torch.Tensor, vectors: torch.Tensor, pairs: Pairs) -> torch.Tensor:
        """Evaluate.

        Args:
            numbers: (n_atoms,) atomic numbers.
            vectors: (n_members, n_pairs, 3) Å, from atom i to atom j; the result can be differentiated by them.
            pairs: which atoms they are between.

        Returns:
            (n_members, n_atoms, n_features).
        """
        ...


class StackedSchNet:
    """SchNet (Schütt 2018) of every member, as `schnetpack.representation.SchNet` has it."""

    def __init__(self, networks: Sequence[SchNet], dtype: torch.dtype):
        first = networks[0]
        self.embedding = stacked_embedding([network.embedding for network in networks], dtype)
        self.interactions = []
        for blocks in zip(*(network.interactions for network in networks), strict=True):
            filters = [_schnet_filter(n, block) for n, block in zip(networks, blocks, strict=True)]
            self.interactions.append((
                StackedDense([block.in2f for block in blocks], dtype),
                tabulate(filters, float(first.cutoff_fn.cutoff), first.n_filters, dtype),
                StackedSequence([block.f2out for block in blocks], dtype),
            ))  # fmt: skip

    def __call__(self, numbers: torch.Tensor, vectors: torch.Tensor, pairs: Pairs) -> torch.Tensor:
        """See `StackedNetwork`."""
        distances = vectors.norm(dim=-1)
        x = self.embedding[:, numbers]
        for in2f, table, f2out in self.interactions:
            x = x + f2out(SchNetSum.apply(distances, in2f(x), pairs, table))
        return x


class StackedPaiNN:
    """PaiNN (Schütt 2021) of every member, as `schnetpack.representation.PaiNN` has it."""

    def __init__(self, networks: Sequence[PaiNN], dtype: torch.dtype):
        first = networks[0]
        self.width, cutoff = first.n_atom_basis, float(first.cutoff_fn.cutoff)
        self.embedding = stacked_embedding([network.embedding for network in networks], dtype)
        self.interactions = []
        tables: list[FilterTable] = []
        for number in range(1 if first.share_filters else first.n_interactions):
            part = slice(3 * self.width * number, 3 * self.width * (number + 1))
            tables.append(tabulate([_painn_filter(n, part) for n in networks], cutoff, self.width, dtype))
        for number in range(first.n_interactions):
            context = [network.interactions[number].interatomic_context_net for network in networks]
            mixings = [network.mixing[number] for network in networks]
            self.interactions.append((
                StackedSequence(context, dtype), tables[number if len(tables) > 1 else 0], _Mixing(mixings, dtype)
            ))  # fmt: skip

    def __call__(self, numbers: torch.Tensor, vectors: torch.Tensor, pairs: Pairs) -> torch.Tensor:
        """See `StackedNetwork`."""
        distances = vectors.norm(dim=-1)
        directions = vectors / distances[..., None]
        q = self.embedding[:, numbers]
        mu = q.new_zeros(*q.shape[:2], 3, self.width)
        for context, table, mixing in self.interactions:
            dq, dmu = PaiNNSum.apply(distances, directions, context(q), mu, pairs, table)
            q, mu = mixing(q + dq, mu + dmu)
        return q


class _Mixing:
    """`PaiNNMixing`: scalar and vector features of each atom mixed."""

    def __init__(self, blocks: Sequence[Any], dtype: torch.dtype):
        self.channels = StackedDense([block.mu_channel_mix for block in blocks], dtype)
        self.context = StackedSequence([block.intraatomic_context_net for block in blocks], dtype)
        self.epsilon = blocks[0].epsilon

    def __call__(self, q: torch.Tensor, mu: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        v, w = self.channels(mu).chunk(2, dim=-1)
        length = ((v * v).sum(-2) + self.epsilon).sqrt()
        dq, dmu, dq_mu = self.context(torch.cat([q, length], dim=-1)).chunk(3, dim=-1)
        return q + dq + dq_mu * (v * w).sum(-2), mu + dmu.unsqueeze(-2) * w


def _schnet_filter(network: SchNet, block: Any) -> Callable[[torch.Tensor], torch.Tensor]:
    basis, net, fade = (
        deepcopy(module).double() for module in (network.radial_basis, block.filter_network, network.cutoff_fn)
    )
    return lambda distances: net(basis(distances)) * fade(distances)[:, None]


def _painn_filter(network: PaiNN, part: slice) -> Callable[[torch.Tensor], torch.Tensor]:
    basis, net, fade = (
        deepcopy(module).double() for module in (network.radial_basis, network.filter_net, network.cutoff_fn)
    )
    weight, bias = net.weight[part], net.bias[part]
    return lambda distances: (basis(distances) @ weight.T + bias) * fade(distances)[:, None]
