"""Starting geometries: relaxed structures of one molecule that differ in their torsions."""

import logging

import numpy as np
from ase import Atoms
from ase.data import covalent_radii
from ase.optimize import BFGS
from scipy.sparse.csgraph import connected_components
from scipy.spatial.transform import Rotation

from ..oracles import Oracle

BONDED = 1.25  # a contact (distance over the sum of covalent radii) under this is a bond: C-H up to 1.34 Å
MULTIPLE = 0.93  # a bond shorter than this has double character: C=C and amide C-N do, single C-C and C-O do not
APART = 0.7  # twisted structures with closer atoms are drawn again
TRIES = 20
RATTLE = 0.05  # Å, breaks symmetry before the relaxation, or a saddle point would stay one

log = logging.getLogger(__name__)


def relax(atoms: Atoms, oracle: Oracle, force_max: float = 0.05, steps: int = 300) -> Atoms:
    """A copy of `atoms` relaxed with the oracle until no force exceeds `force_max` eV/Å, or for `steps` steps."""
    relaxed = Atoms(atoms.numbers, atoms.positions, cell=atoms.cell, pbc=atoms.pbc, calculator=oracle.calculator())
    BFGS(relaxed, logfile=None).run(fmax=force_max, steps=steps)
    relaxed.calc = None
    return relaxed


def draw_conformer(atoms: Atoms, oracle: Oracle, rng: np.random.Generator) -> Atoms:
    """A relaxed geometry drawn at random: each single bond that is not in a ring turned by any angle.

    Only the nearest minimum of the draw is found, so the well with the widest basin comes most often. A draw whose
    bonds change in the relaxation is another molecule and is drawn again; periodic structures are rattled only.

    Args:
        atoms: the molecule, near a minimum.
        oracle: relaxes.
        rng: every draw comes from here.
    """
    reference = relax(atoms, oracle)
    isolated = not atoms.pbc.any()
    expected = bonds(reference) if isolated else np.zeros(0)
    for _ in range(TRIES):
        trial = turn(reference, rng) if isolated else reference.copy()
        trial.positions += rng.normal(scale=RATTLE, size=trial.positions.shape)
        if isolated and contacts(trial).min() < APART:
            continue
        trial = relax(trial, oracle)
        if not isolated or np.array_equal(bonds(trial), expected):
            return trial
    log.warning(
        "%s: no twisted geometry kept its bonds in %d draws; started unturned", atoms.get_chemical_formula(), TRIES
    )
    return reference


def bonds(atoms: Atoms) -> np.ndarray:
    """(n, n) bool, which atoms of an isolated molecule are bonded."""
    return contacts(atoms) < BONDED


def open_bonds(atoms: Atoms) -> list[tuple[int, int, np.ndarray]]:
    """Bonds outside rings: (i, j, mask of the atoms on j's side)."""
    connected, found = bonds(atoms), []
    for i, j in zip(*np.nonzero(np.triu(connected)), strict=True):
        cut = connected.copy()
        cut[i, j] = cut[j, i] = False
        side = connected_components(cut, directed=False)[1]
        if side[i] != side[j]:
            found.append((int(i), int(j), side == side[j]))
    return found


def rotatable_bonds(atoms: Atoms) -> list[tuple[int, int, np.ndarray]]:
    """Single bonds outside rings with more than one atom on either side: (i, j, mask of the atoms on j's side)."""
    between = contacts(atoms)
    return [
        (i, j, beyond)
        for i, j, beyond in open_bonds(atoms)
        if between[i, j] >= MULTIPLE and 1 < beyond.sum() < len(atoms) - 1
    ]


def contacts(atoms: Atoms) -> np.ndarray:
    """(n, n) distances over the sums of the covalent radii, inf on the diagonal."""
    distance = np.linalg.norm(atoms.positions[:, None] - atoms.positions, axis=-1)
    np.fill_diagonal(distance, np.inf)
    radii = covalent_radii[atoms.numbers]
    return distance / (radii[:, None] + radii)


def turn(atoms: Atoms, rng: np.random.Generator) -> Atoms:
    """A copy with each rotatable bond turned by any angle."""
    twisted = atoms.copy()
    for i, j, beyond in rotatable_bonds(atoms):
        origin = twisted.positions[i].copy()
        axis = twisted.positions[j] - origin
        turn = Rotation.from_rotvec(rng.uniform(0, 2 * np.pi) * axis / np.linalg.norm(axis))
        twisted.positions[beyond] = turn.apply(twisted.positions[beyond] - origin) + origin
    return twisted
