"""How close atoms come: the cheapest test of whether a structure is physical at all.

A contact is a distance over the sum of the two covalent radii (Cordero et al., Dalton Trans. 2008, 2832, as in
`ase.data`): about 1 for a bond, well under 1 for atoms pushed into one another.
"""

import numpy as np
from ase import Atoms
from ase.data import covalent_radii
from ase.neighborlist import natural_cutoffs, neighbor_list

from .frames import Frames

CLOSEST = 0.5  # C-H 0.54 Å, H-H 0.31 Å: half a bond length, far up the repulsive wall
BLOCK = 1_000_000  # distances held at a time
# Between the two a bond is neither made nor broken: it keeps the state it had, so a vibration counts as no reaction.
MADE = 1.25  # of the sum of the covalent radii: H2, the longest bond by this measure, is at 1.19
BROKEN = 1.5
# Pairs of two metals are no bonds: their neighbours change in any melt, and that breaks none.
NON_METALS = np.array([1, 2, 5, 6, 7, 8, 9, 10, 14, 15, 16, 17, 18, 32, 33, 34, 35, 36, 51, 52, 53, 54, 85, 86])


def check_geometry(atoms: Atoms, closest: float = CLOSEST) -> str | None:
    """Why `atoms` must not be sent to an oracle, in one sentence; None for a sound structure.

    tblite answers +4,675 eV for two atoms at 0.05 Å without a word, and DFT codes spend hours before they fail.
    Periodic images count.

    Args:
        atoms: the structure.
        closest: the smallest allowed contact (distance over the sum of covalent radii).
    """
    if len(atoms) == 0:
        return "the structure has no atoms"
    if not (np.isfinite(atoms.positions).all() and np.isfinite(atoms.cell.array).all()):
        return "positions or cell are not finite numbers"
    first, second, distance = neighbor_list("ijd", atoms, natural_cutoffs(atoms, mult=closest))
    if len(distance) == 0:
        return None
    worst = np.argmin(distance / covalent_radii[atoms.numbers[[first, second]]].sum(axis=0))
    i, j = first[worst], second[worst]
    radii = covalent_radii[atoms.numbers[[i, j]]].sum()
    return (
        f"atoms {i} ({atoms.symbols[i]}) and {j} ({atoms.symbols[j]}) are {distance[worst]:.3f} Å apart, "
        f"under {closest:g} of the sum of their covalent radii ({radii:.2f} Å)"
    )


def closest_contacts(frames: Frames) -> np.ndarray:
    """(n_frames,) the smallest contact of each frame; inf where nothing is near.

    Isolated frames of the same size go through NumPy together; periodic ones are searched one by one, up to a
    contact of 1.
    """
    closest = np.full(len(frames), np.inf)
    isolated = ~frames.pbc.any(axis=1)
    starts = frames.starts
    for n in np.unique(frames.n_atoms[isolated & (frames.n_atoms > 1)]):
        i, j = np.triu_indices(n, 1)
        members = np.flatnonzero(isolated & (frames.n_atoms == n))
        for block in np.array_split(members, len(members) * len(i) // BLOCK + 1):
            atoms = starts[block][:, None] + np.arange(n)
            distance = np.linalg.norm(frames.positions[atoms[:, i]] - frames.positions[atoms[:, j]], axis=-1)
            radii = covalent_radii[frames.numbers[atoms]]
            closest[block] = (distance / (radii[:, i] + radii[:, j])).min(axis=1)
    for frame in np.flatnonzero(~isolated):
        (structure,) = frames.take(np.array([frame])).to_atoms()
        first, second, distance = neighbor_list("ijd", structure, natural_cutoffs(structure))
        radii = covalent_radii[structure.numbers]
        closest[frame] = (distance / (radii[first] + radii[second])).min(initial=np.inf)
    return closest
