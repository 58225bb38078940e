"""Neighbour lists computed once, and batches cut from them in SchNetPack's input format."""

from collections.abc import Iterator

import numpy as np
import torch
from schnetpack import properties
from vesin import NeighborList

from .frames import Frames, ragged_index


class Graphs:
    """Frames with their neighbour lists (every pair both ways, within `cutoff` Å), held in memory as tensors.

    Pairs are found once, so that an epoch only copies slices; SchNetPack's own loader reads a database row and
    builds the neighbour list for every frame of every epoch.
    """

    def __init__(self, frames: Frames, cutoff: float, energy_offsets: np.ndarray | None = None):
        """Find all pairs.

        Args:
            frames: the structures; labels may be NaN where only predictions are wanted.
            cutoff: Å.
            energy_offsets: (100,) eV an atom of each atomic number, taken off the energies (None: nothing is).
        """
        self.frames = frames
        self._starts, self._n_atoms = frames.starts, frames.n_atoms
        pairs = [self._pairs(i, cutoff) for i in range(len(frames))]
        self._n_pairs = np.array([len(i) for i, _, _ in pairs], dtype=np.int64)
        self._pair_starts = np.cumsum(self._n_pairs) - self._n_pairs
        no_pairs = (np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros((0, 3), np.float32))
        self._idx_i, self._idx_j, self._offsets = (np.concatenate(part) for part in zip(no_pairs, *pairs, strict=True))
        energy = frames.energy
        if energy_offsets is not None:
            energy = energy - np.bincount(frames.frame_of_atom, energy_offsets[frames.numbers], len(frames))
        self._energy = torch.tensor(energy, dtype=torch.float32)
        self._forces = torch.tensor(frames.forces, dtype=torch.float32)
        self._positions = torch.tensor(frames.positions, dtype=torch.float32)
        self._numbers = torch.tensor(frames.numbers)

    def __len__(self) -> int:
        return len(self.frames)

    def _pairs(self, i: int, cutoff: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        frames, start = self.frames, self._starts[i]
        cell, pbc = frames.cell[i], frames.pbc[i]
        points = frames.positions[start : start + frames.n_atoms[i]]
        search = NeighborList(cutoff=cutoff, full_list=True, sorted=True)
        idx_i, idx_j, shifts = search.compute(points, cell, pbc, quantities="ijS")
        return idx_i.astype(np.int64), idx_j.astype(np.int64), (shifts @ cell).astype(np.float32)

    def batch(self, indices: np.ndarray) -> dict[str, torch.Tensor]:
        """SchNetPack's input dictionary for the frames at `indices`; energies less the offsets."""
        n_atoms, n_pairs = self._n_atoms[indices], self._n_pairs[indices]
        atoms = torch.from_numpy(ragged_index(self._starts[indices], n_atoms))
        pairs = ragged_index(self._pair_starts[indices], n_pairs)
        shift = np.repeat(np.cumsum(n_atoms) - n_atoms, n_pairs)
        return {
            properties.idx: torch.from_numpy(indices),
            properties.n_atoms: torch.from_numpy(n_atoms),
            properties.Z: self._numbers[atoms],
            properties.R: self._positions[atoms],
            properties.cell: torch.from_numpy(self.frames.cell[indices]).float(),
            properties.pbc: torch.from_numpy(self.frames.pbc[indices]).flatten(),
            properties.idx_m: torch.from_numpy(np.repeat(np.arange(len(indices)), n_atoms)),
            properties.idx_i: torch.from_numpy(self._idx_i[pairs] + shift),
            properties.idx_j: torch.from_numpy(self._idx_j[pairs] + shift),
            properties.offsets: torch.from_numpy(self._offsets[pairs]),
            properties.energy: self._energy[indices],
            properties.forces: self._forces[atoms],
        }


class GraphLoader:
    """Batches of `graphs`, one pass an iteration: what a Lightning Trainer needs of a data loader.

    With a `generator` the order is drawn anew for each pass; the last, smaller batch is kept.
    """

    def __init__(self, graphs: Graphs, batch_size: int, generator: np.random.Generator | None = None):
        self.graphs, self.batch_size, self.generator = graphs, batch_size, generator

    def __len__(self) -> int:
        return -(-len(self.graphs) // self.batch_size)

    def __iter__(self) -> Iterator[dict[str, torch.Tensor]]:
        n = len(self.graphs)
        order = np.arange(n) if self.generator is None else self.generator.permutation(n)
        for start in range(0, n, self.batch_size):
            yield self.graphs.batch(order[start : start + self.batch_size])
