"""Neighbour lists computed once, and batches cut from them in SchNetPack's input format."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from schnetpack import properties
from vesin import NeighborList

from .frames import Frames, ragged_index

PARTS = "_parts"  # keys of a batch that SchNetPack does not have: in how many parts the frames of a step come,
COUNTS = "_counts"  # and the numbers of energies, force and stress components of the whole step


class Graphs:
    """Frames with their neighbour lists (every pair both ways, within `cutoff` Å), held in memory.

    Pairs are found once, so that an epoch only copies slices; SchNetPack's own loader reads a database row and
    builds the neighbour list for every frame of every epoch. Indices count within their frame and are kept in 32 bits,
    and what is zero for isolated molecules is not kept at all.
    """

    def __init__(
        self,
        frames: Frames,
        cutoff: float,
        energy_offsets: np.ndarray | None = None,
        dtype: torch.dtype = torch.float32,
    ):
        """Find all pairs.

        Args:
            frames: the structures; labels may be NaN where only predictions are wanted.
            cutoff: Å.
            energy_offsets: (100,) eV an atom of each atomic number, taken off the energies (None: nothing is).
            dtype: of positions, cells and labels in the batches.
        """
        self.frames, self._dtype = frames, dtype
        self._starts, self._n_atoms = frames.starts, frames.n_atoms
        self._find_pairs(cutoff)
        energy = frames.energy
        if energy_offsets is not None:
            energy = energy - np.bincount(frames.frame_of_atom, energy_offsets[frames.numbers], len(frames))
        self._energy, self._forces, self._positions, self._cell = (
            torch.tensor(values, dtype=dtype) for values in (energy, frames.forces, frames.positions, frames.cell)
        )
        self._numbers = torch.tensor(frames.numbers)
        # SchNetPack divides by the triple product of the cell's vectors, which is negative in a left-handed cell
        handedness = np.where(np.linalg.det(frames.cell) < 0, -1.0, 1.0)
        self._has_stress = frames.has_stress
        stress = np.where(self._has_stress[:, None, None], frames.stress * handedness[:, None, None], np.nan)
        self._stress = torch.tensor(stress, dtype=dtype)

    def __len__(self) -> int:
        return len(self.frames)

    @property
    def energy(self) -> np.ndarray:
        """(n_frames,) eV, less the offsets."""
        return self._energy.double().numpy()

    @property
    def forces(self) -> np.ndarray:
        """(n_atoms_total, 3) eV/Å."""
        return self._forces.double().numpy()

    @property
    def stress(self) -> np.ndarray:
        """(n_frames, 3, 3) eV/Å³ in SchNetPack's sign, NaN where there is none."""
        return self._stress.double().numpy()

    def _find_pairs(self, cutoff: float) -> None:
        frames, self._n_pairs = self.frames, np.zeros(len(self), dtype=np.int64)
        search = NeighborList(cutoff=cutoff, full_list=True, sorted=True)
        ends, shifts = [np.zeros((2, 0), np.int32)], [np.zeros((0, 3), np.float64)]
        for i, (start, n) in enumerate(zip(self._starts, self._n_atoms, strict=True)):
            points, pbc = frames.positions[start : start + n], frames.pbc[i]
            idx_i, idx_j, shift = search.compute(points, frames.cell[i], pbc, quantities="ijS")
            self._n_pairs[i] = len(idx_i)
            ends.append(np.stack([idx_i, idx_j]).astype(np.int32))
            if frames.pbc.any():
                shifts.append(shift @ frames.cell[i])
        self._pair_starts = np.cumsum(self._n_pairs) - self._n_pairs
        self._ends = np.concatenate(ends, axis=1)
        self._shifts = torch.tensor(np.concatenate(shifts), dtype=self._dtype)

    def batch(self, indices: np.ndarray) -> dict[str, torch.Tensor]:
        """SchNetPack's input dictionary for the frames at `indices`; energies less the offsets.

        Stress is among the labels where a frame of the batch has it, NaN in those without.
        """
        n_atoms, n_pairs = self._n_atoms[indices], self._n_pairs[indices]
        atoms = torch.from_numpy(ragged_index(self._starts[indices], n_atoms))
        pairs = ragged_index(self._pair_starts[indices], n_pairs)
        ends = torch.from_numpy(self._ends[:, pairs] + np.repeat(np.cumsum(n_atoms) - n_atoms, n_pairs))
        periodic = len(self._shifts) > 0
        batch = {
            properties.idx: torch.from_numpy(indices),
            properties.n_atoms: torch.from_numpy(n_atoms),
            properties.Z: self._numbers[atoms],
            properties.R: self._positions[atoms],
            properties.cell: self._cell[indices],
            properties.pbc: torch.from_numpy(self.frames.pbc[indices]).flatten(),
            properties.idx_m: torch.from_numpy(np.repeat(np.arange(len(indices)), n_atoms)),
            properties.idx_i: ends[0],
            properties.idx_j: ends[1],
            properties.offsets: self._shifts[pairs] if periodic else torch.zeros(len(pairs), 3, dtype=self._dtype),
            properties.energy: self._energy[indices],
            properties.forces: self._forces[atoms],
        }
        if self._has_stress[indices].any():
            batch[properties.stress] = self._stress[indices]
            batch[properties.cell] = _with_volume(batch[properties.cell])
        return batch

    def counts(self, indices: np.ndarray) -> dict[str, int]:
        """Numbers of energies, force components and stress components of the frames at `indices`."""
        return {
            properties.energy: len(indices),
            properties.forces: 3 * int(self._n_atoms[indices].sum()),
            properties.stress: 9 * int(self._has_stress[indices].sum()),
        }


class GraphLoader:
    """Batches of `graphs`, one pass an iteration: what a Lightning Trainer needs of a data loader.

    With a `seed` the frames are drawn in another order in each pass, which follows from the seed and the number of the
    epoch alone, so that a training which goes on sees what it would have seen. The last, smaller batch is kept.

    With `parts` above one a batch comes in so many parts, each with the counts of the whole; a last batch of fewer
    frames comes in fewer.
    """

    def __init__(self, graphs: Graphs, batch_size: int, seed: int | None = None, parts: int = 1):
        self.graphs, self.batch_size, self.seed, self.parts = graphs, batch_size, seed, min(parts, batch_size)
        self.epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """The next pass is this epoch."""
        self.epoch = epoch

    def order(self, epoch: int) -> np.ndarray:
        """(n_frames,) the order of the frames in an epoch."""
        n = len(self.graphs)
        return np.arange(n) if self.seed is None else np.random.default_rng([self.seed, epoch]).permutation(n)

    def _split_steps(self, order: np.ndarray) -> Iterator[list[np.ndarray]]:
        """The frames of each step of an epoch in their parts."""
        for start in range(0, len(order), self.batch_size):
            indices = order[start : start + self.batch_size]
            yield np.array_split(indices, min(self.parts, len(indices)))

    @property
    def steps(self) -> int:
        """Optimiser steps of one pass."""
        return -(-len(self.graphs) // self.batch_size)

    @property
    def frames_at_once(self) -> int:
        """The largest number of frames in a part of a step."""
        return -(-self.batch_size // self.parts)

    def __len__(self) -> int:
        last = len(self.graphs) - (self.steps - 1) * self.batch_size
        return (self.steps - 1) * self.parts + min(self.parts, last)

    def largest(self, epochs: int) -> tuple[int, int]:
        """The largest numbers of atoms and of pairs in a batch of the first `epochs` epochs."""
        sizes, largest = np.stack([self.graphs._n_atoms, self.graphs._n_pairs]), np.zeros(2, dtype=int)
        for epoch in range(epochs if self.seed is not None else 1):
            order = self.order(epoch)
            lengths = [len(part) for step in self._split_steps(order) for part in step]
            starts = np.cumsum([0, *lengths[:-1]])
            largest = np.maximum(largest, np.add.reduceat(sizes[:, order], starts, axis=1).max(axis=1))
        return int(largest[0]), int(largest[1])

    def __iter__(self) -> Iterator[dict[str, Any]]:
        for step in self._split_steps(self.order(self.epoch)):
            if self.parts == 1:
                yield self.graphs.batch(step[0])
                continue
            counts = self.graphs.counts(np.concatenate(step))
            for part in step:
                yield self.graphs.batch(part) | {PARTS: self.parts, COUNTS: counts}


def _with_volume(cell: torch.Tensor) -> torch.Tensor:
    """Cells without a volume as unit cubes: SchNetPack divides by the volume, and NaN would pass into the gradients."""
    flat = torch.linalg.det(cell) == 0
    return torch.where(flat[:, None, None], torch.eye(3, dtype=cell.dtype), cell)
