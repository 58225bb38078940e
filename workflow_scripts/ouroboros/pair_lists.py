"""How long a list of pairs holds: until atoms have moved beside their cell, or the cell has been strained, too far."""

from dataclasses import dataclass

import torch
import torch_sim as ts


@dataclass(frozen=True)
class MadeAt:
    """Where all stood when every pair within `reach` was found.

    Attributes:
        positions: (n_atoms, 3) Å; cell: (n_systems, 3, 3) Å, vectors in rows; inverse: of the cell, 1/Å.
        reach: Å.
    """

    positions: torch.Tensor
    cell: torch.Tensor
    inverse: torch.Tensor
    reach: float

    @classmethod
    def of(cls, state: ts.SimState, reach: float) -> "MadeAt":
        """As the state is now."""
        cell = state.row_vector_cell.clone()
        inverse = torch.linalg.pinv(cell.nan_to_num())  # a molecule may have no cell, a lost walker none that is finite
        return cls(state.positions.clone(), cell, inverse, reach)

    def strain(self, state: ts.SimState) -> torch.Tensor:
        """(n_systems, 3, 3) of the cell since then: a vector r that goes along becomes r + r · strain."""
        return self.inverse @ (state.row_vector_cell - self.cell)

    def out_of_date(self, state: ts.SimState) -> torch.Tensor:
        """(n_systems,) Å that bound half of what a pair beyond the reach has come closer by.

        With skin = reach - cutoff, no pair within the cutoff is missing while this is under skin / 2.
        """
        strain = self.strain(state)
        along = (self.positions[:, None, :] @ strain[state.system_idx]).squeeze(1)
        moved = (state.positions - self.positions - along).norm(dim=1)
        farthest = moved.new_zeros(len(strain)).scatter_reduce(0, state.system_idx, moved, "amax")
        return farthest + self.reach * strain.flatten(1).norm(dim=1) / 2
