"""Pairs of atoms within a cutoff, periodic or not."""

import numpy as np
from ase.geometry import complete_cell
from matscipy.neighbours import neighbour_list
from scipy.spatial import KDTree


def pairs_within(
    positions: np.ndarray, cell: np.ndarray, pbc: np.ndarray | bool, cutoff: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """All pairs closer than a cutoff, each in both orders and once for each periodic image.

    vesin is several times faster, but loads torch wherever it is installed: seconds for each job that needs none.

    Args:
        positions: (n_atoms, 3), Å, finite, inside the cell or not.
        cell: (3, 3), Å; zero vectors are fine along open directions.
        pbc: (3,) bool or one bool.
        cutoff: Å.

    Returns:
        Indices i and j and the distance in Å, each (n_pairs,).
    """
    if np.any(pbc):
        pbc = np.array(np.broadcast_to(pbc, 3))
        return neighbour_list("ijd", positions=positions, cell=complete_cell(cell), pbc=pbc, cutoff=cutoff)
    # A tree does not care how far an atom of a broken molecule flew; linked cells over that distance fill the memory.
    i, j = KDTree(positions).query_pairs(cutoff, output_type="ndarray").T
    distance = np.linalg.norm(positions[i] - positions[j], axis=1)
    return np.concatenate([i, j]), np.concatenate([j, i]), np.concatenate([distance, distance])
