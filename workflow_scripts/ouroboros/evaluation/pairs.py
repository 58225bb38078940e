"""Pairs of atoms, each counted once."""

from dataclasses import dataclass

import torch


@dataclass(frozen=True)
class Pairs:
    """Every pair of interacting atoms once, those of a system together; one with an image of the atom itself too.

    Attributes:
        idx_i, idx_j: (n_pairs,) the two atoms, int32.
        offsets: (n_pairs, 3) Å, from atom j to its image.
        starts: (n_systems + 1,) where the pairs of each system begin, int32.
    """

    idx_i: torch.Tensor
    idx_j: torch.Tensor
    offsets: torch.Tensor
    starts: torch.Tensor

    def vectors(self, positions: torch.Tensor) -> torch.Tensor:
        """(n_pairs, 3) from i to the image of j, for (n_atoms, 3) positions."""
        return positions[self.idx_j] - positions[self.idx_i] + self.offsets

    def both_ways(self) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """The list that SchNetPack takes: idx_i, idx_j and offsets with each pair in both directions."""
        first, second = self.idx_i.long(), self.idx_j.long()
        return torch.cat([first, second]), torch.cat([second, first]), torch.cat([self.offsets, -self.offsets])

    @classmethod
    def from_full_list(
        cls,
        idx_i: torch.Tensor,
        idx_j: torch.Tensor,
        offsets: torch.Tensor,
        system_idx: torch.Tensor,
        n_systems: int,
    ) -> "Pairs":
        """One of the two directions of each pair.

        Args:
            idx_i: (n,) of a list that has each pair both ways.
            idx_j: likewise.
            offsets: (n, 3) Å.
            system_idx: (n_atoms,) the system of each atom.
            n_systems: their number.
        """
        x, y, z = offsets.unbind(1)
        forward = (x > 0) | ((x == 0) & ((y > 0) | ((y == 0) & (z > 0))))
        chosen = (idx_i < idx_j) | ((idx_i == idx_j) & forward)
        idx_i, idx_j, offsets = idx_i[chosen], idx_j[chosen], offsets[chosen]
        system = system_idx[idx_i]
        if len(system) and bool((system[1:] < system[:-1]).any()):
            order = system.argsort(stable=True)
            idx_i, idx_j, offsets = idx_i[order], idx_j[order], offsets[order]
        starts = torch.zeros(n_systems + 1, dtype=torch.int32, device=idx_i.device)
        starts[1:] = torch.bincount(system, minlength=n_systems).cumsum(0)
        return cls(idx_i.int().contiguous(), idx_j.int().contiguous(), offsets, starts)
