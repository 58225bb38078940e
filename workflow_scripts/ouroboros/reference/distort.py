"""Structures that dynamics seldom reaches: bonds turned and bonds stretched, for the shifted part of a test set."""

import numpy as np
from ase import Atoms

from ..frames import Frames
from ..oracles import Oracle
from ..seeds import generator
from .conformers import APART, contacts, draw_conformer, open_bonds, relax, turn

TURNED, STRETCHED = "turned", "stretched"  # the column `made`
SHORTEST, LONGEST = 0.85, 1.4  # of the relaxed bond length
TRIES = 50


def distorted_structures(molecule: Atoms, oracle: Oracle, n: int, seed: int) -> Frames:
    """Up to `n` structures with every rotatable bond turned by any angle, and `n` with one bond stretched or squeezed.

    They start from relaxed conformers and are not relaxed again. A stretched bond is any that is not in a ring, and is
    changed to 0.85 to 1.4 of its length; what hangs on it moves along. Atoms that come too close are drawn anew.

    Args:
        molecule: near a minimum, isolated.
        oracle: relaxes and labels.
        n: structures of each kind, fewer where the oracle fails or atoms come too close in every try; of the turned
            none where no bond can be turned.
        seed: every draw follows from it.

    Returns:
        Frames with labels and the columns `temperature_K` (NaN), `trajectory` (-1, -2), `time_fs` (0, 1, ...), `made`.

    Raises:
        RuntimeError: not one structure could be labelled.
    """
    rng, images = generator(seed, "distorted"), []
    molecule = relax(molecule, oracle)  # once; each conformer starts from there
    for number, (made, change) in enumerate(((TURNED, turn), (STRETCHED, stretch))):
        for i in range(n):
            atoms = _drawn(molecule, oracle, change, rng)
            label = oracle.label(atoms) if atoms is not None else None
            if atoms is None or label is None or not label.converged:
                continue
            atoms.info = {"temperature_K": np.nan, "trajectory": -1 - number, "time_fs": float(i), "made": made}
            images.append((atoms, label))
    if not images:
        raise RuntimeError(
            f"not one distorted structure of {molecule.get_chemical_formula()} could be labelled; set "
            "reference.generate.distorted to 0"
        )
    frames = Frames.from_atoms([atoms for atoms, _ in images])
    energy, forces = np.array([label.energy for _, label in images]), [label.forces for _, label in images]
    return Frames(**{**frames.__dict__, "energy": energy, "forces": np.concatenate(forces)})


def stretch(atoms: Atoms, rng: np.random.Generator) -> Atoms:
    """A copy with one bond, drawn from those that are in no ring, at 0.85 to 1.4 of its length."""
    stretched, pairs = atoms.copy(), open_bonds(atoms)
    if not pairs:
        return stretched
    i, j, beyond = pairs[rng.integers(len(pairs))]
    along = stretched.positions[j] - stretched.positions[i]
    stretched.positions[beyond] += (rng.uniform(SHORTEST, LONGEST) - 1) * along
    return stretched


def _drawn(molecule: Atoms, oracle: Oracle, change, rng: np.random.Generator) -> Atoms | None:
    start = draw_conformer(molecule, oracle, rng)
    for _ in range(TRIES):
        atoms = change(start, rng)
        if contacts(atoms).min() >= APART and not np.allclose(atoms.positions, start.positions):
            atoms.positions -= atoms.get_center_of_mass()
            return atoms
    return None
