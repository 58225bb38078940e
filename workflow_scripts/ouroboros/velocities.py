"""Initial velocities of a molecular-dynamics run, and the degrees of freedom that its temperature is told by."""

import numpy as np
from ase import Atoms
from ase.md.velocitydistribution import Stationary, ZeroRotation, thermalize_momenta

LINEAR = 1e-4  # a moment of inertia below this share of the largest one is none: the molecule is linear


def initial_momenta(atoms: Atoms, temperature_K: float, rng: np.random.Generator) -> np.ndarray:
    """Maxwell-Boltzmann momenta without centre-of-mass motion and, for an isolated molecule, without rotation.

    The kinetic energy left is on average kT/2 for each of `degrees_of_freedom`.

    Returns:
        (n_atoms, 3) in ASE's units.
    """
    atoms = atoms.copy()
    thermalize_momenta(atoms, temperature_K=temperature_K, rng=rng)
    return without_overall_motion(atoms)


def without_overall_motion(atoms: Atoms) -> np.ndarray:
    """The momenta less centre-of-mass motion and, for an isolated molecule, rotation; the temperature may fall.

    Returns:
        (n_atoms, 3) in ASE's units.
    """
    atoms = atoms.copy()
    Stationary(atoms, preserve_temperature=False)
    if len(atoms) > 1 and not atoms.pbc.any():
        ZeroRotation(atoms, preserve_temperature=False)
    return atoms.get_momenta()


def degrees_of_freedom(atoms: Atoms) -> int:
    """Kinetic degrees of freedom once overall translation and, for an isolated molecule, rotation is taken out.

    A linear molecule has two rotations. A single atom has none left and is at rest; 1 keeps its temperature zero.
    """
    if len(atoms) == 1:
        return 1
    if atoms.pbc.any():
        return 3 * len(atoms) - 3
    moments = atoms.get_moments_of_inertia()
    return 3 * len(atoms) - 3 - int((moments > LINEAR * moments.max()).sum())
