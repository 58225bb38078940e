"""Members of a committee whose dynamics have known answers."""

import numpy as np
import torch
from schnetpack import properties

from ouroboros.committee import Committee


class Wells(torch.nn.Module):
    """Every atom in a harmonic well of `stiffness` eV/Å² about the origin; none for a gas that does not interact."""

    model_outputs = ("energy", "forces", "stress")

    def __init__(self, stiffness: float):
        super().__init__()
        self.stiffness = stiffness

    def forward(self, inputs):
        positions = inputs[properties.R]
        per_atom = 0.5 * self.stiffness * positions.square().sum(1)
        energy = positions.new_zeros(len(inputs[properties.n_atoms])).index_add(0, inputs[properties.idx_m], per_atom)
        stress = torch.zeros_like(inputs[properties.cell])
        return {"energy": energy, "forces": -self.stiffness * positions, "stress": stress}


class Springs(torch.nn.Module):
    """A spring of `stiffness` eV/Å² and `length` Å between all pairs: a molecule, whole and free to turn."""

    def __init__(self, stiffness: float, length: float):
        super().__init__()
        self.stiffness, self.length = stiffness, length

    def forward(self, inputs):
        first, second, positions = inputs[properties.idx_i], inputs[properties.idx_j], inputs[properties.R]
        vectors = positions[second] - positions[first] + inputs[properties.offsets]
        distance = vectors.norm(dim=1)
        stretch = distance - self.length
        energy = positions.new_zeros(len(inputs[properties.n_atoms]))
        energy = energy.index_add(0, inputs[properties.idx_m][first], 0.25 * self.stiffness * stretch**2)
        pull = (self.stiffness * stretch / distance)[:, None] * vectors
        return {"energy": energy, "forces": torch.zeros_like(positions).index_add(0, first, pull)}


class Rod(Springs):
    """A molecule that is straight at rest: neighbours `length` Å apart, others so far that they pull it straight."""

    def forward(self, inputs):
        apart = (inputs[properties.idx_i] - inputs[properties.idx_j]).abs()
        return Springs(self.stiffness, self.length * apart**1.1)(inputs)


class Cliff(torch.nn.Module):
    """Wells, and `height` eV beyond x = `edge` Å of which no force tells."""

    def __init__(self, stiffness: float, height: float, edge: float):
        super().__init__()
        self.wells, self.height, self.edge = Wells(stiffness), height, edge

    def forward(self, inputs):
        results = self.wells(inputs)
        beyond = (inputs[properties.R][:, 0] > self.edge).to(results["energy"].dtype)
        return {**results, "energy": results["energy"].index_add(0, inputs[properties.idx_m], self.height * beyond)}


def wells(*stiffnesses: float, **settings) -> Committee:
    """One member a stiffness."""
    return of_members(*(Wells(k) for k in stiffnesses), **settings)


def of_members(*members: torch.nn.Module, **settings) -> Committee:
    """A committee of these, without offsets."""
    return Committee(list(members), np.zeros((len(members), 100)), cutoff=4.0, **settings)
