"""Harmonic frequencies of an isolated molecule: relaxed, displaced by small steps, diagonalised."""

from dataclasses import dataclass
from tempfile import TemporaryDirectory

import numpy as np
from ase import Atoms
from ase.calculators.calculator import BaseCalculator
from ase.optimize import BFGS
from ase.units import invcm
from ase.vibrations import Vibrations, VibrationsData

MAX_STEPS = 1000  # of the relaxation
RANK = 1e-3  # a rotation whose singular value, the root of its share of the largest moment, is less is none: linear


@dataclass(frozen=True)
class Harmonic:
    """Normal modes at a minimum.

    Attributes:
        positions_A: (n_atoms, 3) the relaxed structure, Å.
        energy_eV: its energy, eV.
        frequencies_per_cm: (3 n_atoms - 6,) in order, 5 fewer for a linear molecule; an imaginary one is negative.
        largest_force_eV_per_A: what the relaxation left.
    """

    positions_A: np.ndarray
    energy_eV: float
    frequencies_per_cm: np.ndarray
    largest_force_eV_per_A: float


def harmonic_frequencies(
    atoms: Atoms, calculator: BaseCalculator, displacement_A: float = 0.01, force_tolerance_eV_per_A: float = 0.001
) -> Harmonic:
    """Relax a molecule (BFGS) and find its normal modes by central differences of the forces (`ase.vibrations`).

    Translations and rotations are projected out of the Hessian (Miller, Handy and Adams, J. Chem. Phys. 72, 99, 1980),
    so that numerical noise cannot mix them with soft modes.

    Args:
        atoms: an isolated molecule.
        calculator: gives energy and forces.
        displacement_A: of each coordinate, to both sides, Å.
        force_tolerance_eV_per_A: the relaxation ends when no atom has a larger force, eV/Å.

    Returns:
        The minimum and its frequencies.

    Raises:
        ValueError: a periodic structure, a single atom, or a relaxation that does not end.
    """
    if atoms.pbc.any() or len(atoms) < 2:
        raise ValueError("Harmonic frequencies are those of an isolated molecule of at least two atoms")
    atoms = Atoms(atoms.numbers, atoms.positions, info=dict(atoms.info))
    atoms.calc = calculator
    if not BFGS(atoms, logfile=None).run(fmax=force_tolerance_eV_per_A, steps=MAX_STEPS):
        left = np.linalg.norm(atoms.get_forces(), axis=1).max()
        raise ValueError(
            f"{atoms.get_chemical_formula()} does not relax: after {MAX_STEPS} steps a force of {left:.2g} eV/Å is "
            "left; raise analysis.vibrations.force_tolerance_eV_per_A, or look whether the potential is smooth"
        )
    energy, left = float(atoms.get_potential_energy()), float(np.linalg.norm(atoms.get_forces(), axis=1).max())
    with TemporaryDirectory() as folder:
        vibrations = Vibrations(atoms, name=f"{folder}/displaced", delta=displacement_A)
        vibrations.run()
        hessian = vibrations.get_vibrations().get_hessian_2d()
    return Harmonic(atoms.positions.copy(), energy, normal_modes(atoms, hessian), left)


def normal_modes(atoms: Atoms, hessian: np.ndarray) -> np.ndarray:
    """Frequencies in cm⁻¹ of a Hessian ((3N, 3N), eV/Å²) without overall motion, in order; imaginary ones negative."""
    rigid = _rigid_motions(atoms)
    root = np.repeat(np.sqrt(atoms.get_masses()), 3)
    inner = np.eye(len(root)) - rigid.T @ rigid  # in mass-weighted coordinates
    projected = root[:, None] * (inner @ (hessian / np.outer(root, root)) @ inner) * root
    energies = VibrationsData.from_2d(Atoms(atoms.numbers, atoms.positions), projected).get_energies()
    signed = (energies.real - energies.imag) / invcm
    return np.sort(np.delete(signed, np.argsort(np.abs(signed))[: len(rigid)]))  # those projected out are zero


def _rigid_motions(atoms: Atoms) -> np.ndarray:
    """(5 or 6, 3N) orthonormal translations and rotations in mass-weighted coordinates."""
    x = atoms.positions - atoms.get_center_of_mass()
    axes = np.eye(3)
    motions = [np.tile(axis, (len(atoms), 1)) for axis in axes] + [np.cross(axis, x) for axis in axes]
    weighted = np.array([(np.sqrt(atoms.get_masses())[:, None] * motion).ravel() for motion in motions])
    weighted[:3] /= np.linalg.norm(weighted[:3], axis=1, keepdims=True)
    weighted[3:] /= np.linalg.norm(weighted[3:], axis=1).max()
    _, size, basis = np.linalg.svd(weighted, full_matrices=False)
    return basis[size > RANK]
