"""Initial velocities of a molecular-dynamics run, and the degrees of freedom that its temperature is told by."""

import numpy as np
from ase import Atoms
from ase.md.velocitydistribution import Stationary, ZeroRotation, thermalize_momenta

BENT_A = 1e-3  # by which a straight molecule is bent to see which of its motions is a rotation about its axis


def initial_momenta(atoms: Atoms, temperature_K: float, rng: np.random.Generator) -> np.ndarray:
    """Maxwell-Boltzmann momenta without centre-of-mass motion and, for an isolated molecule, without rotation.

    The kinetic energy left is on average kT/2 for each of `degrees_of_freedom`. A straight molecule of three or more
    atoms is taken for one bent a little, at random: all of its bending at once would be one degree of freedom more.

    Returns:
        (n_atoms, 3) in ASE's units.
    """
    atoms = atoms.copy()
    thermalize_momenta(atoms, temperature_K=temperature_K, rng=rng)
    if len(atoms) > 2 and not atoms.pbc.any() and _straight(atoms):
        bent = atoms.copy()
        bent.positions += rng.normal(0, BENT_A, (len(atoms), 3))
        atoms.set_momenta(without_overall_motion(bent))
    return without_overall_motion(atoms)


def _straight(atoms: Atoms) -> bool:
    """Whether all atoms are on a line, to rounding."""
    moments = atoms.get_moments_of_inertia()
    return bool(moments[0] < 1e-12 * moments[-1])


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

    A linear molecule of three or more atoms has 3N - 6 too: as soon as it moves it is bent, and its angular momentum
    about the axis, zero for good, takes one motion from its bending (CO2 swings in one plane only). Two atoms have one,
    their distance. A single atom has none left and is at rest; 1 keeps its temperature zero.
    """
    if atoms.pbc.any() and len(atoms) > 1:
        return 3 * len(atoms) - 3
    return max(3 * len(atoms) - 6, 1)
