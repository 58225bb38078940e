"""Initial velocities: Maxwell-Boltzmann, without overall motion."""

import numpy as np
import pytest
from ase import units
from ase.build import bulk, molecule

from ouroboros.velocities import degrees_of_freedom, initial_momenta


@pytest.mark.parametrize("name", ["H2O", "CH3OH", "CO2", "H2"])
def test_initial_momenta_have_no_drift_and_no_rotation(name):
    atoms = molecule(name)
    atoms.rotate(40, (1, 2, 3))
    atoms.set_momenta(initial_momenta(atoms, 500.0, np.random.default_rng(1)))
    scale = np.abs(atoms.get_momenta()).max()
    assert scale > 0.01
    np.testing.assert_allclose(atoms.get_momenta().sum(axis=0), 0, atol=1e-12 * scale)
    np.testing.assert_allclose(atoms.get_angular_momentum(), 0, atol=1e-10 * scale)


def test_momenta_of_a_crystal_have_no_drift():
    momenta = initial_momenta(bulk("Cu", cubic=True), 500.0, np.random.default_rng(1))
    np.testing.assert_allclose(momenta.sum(axis=0), 0, atol=1e-12)


@pytest.mark.parametrize("name", ["H2O", "H2", "CO2", "C2H2", "Cu"])
def test_initial_kinetic_energy_is_half_kt_for_each_degree_of_freedom(name):
    atoms, rng, draws = bulk("Cu", cubic=True) if name == "Cu" else molecule(name), np.random.default_rng(2), 3000
    freedom = degrees_of_freedom(atoms)
    masses = atoms.get_masses()[:, None]
    kinetic = [(initial_momenta(atoms, 400.0, rng) ** 2 / (2 * masses)).sum() for _ in range(draws)]
    # The kinetic energy of f degrees of freedom is kT/2 times a chi-squared of variance 2 f.
    error = np.sqrt(2 / (freedom * draws))
    assert np.mean(kinetic) == pytest.approx(freedom * units.kB * 400.0 / 2, rel=4 * error)


def test_initial_momenta_leave_the_atoms_alone():
    atoms = molecule("H2O")
    initial_momenta(atoms, 300.0, np.random.default_rng(0))
    assert not atoms.get_momenta().any()


@pytest.mark.parametrize(
    ("name", "expected"), [("H", 1), ("H2", 1), ("CO2", 3), ("C2H2", 6), ("H2O", 3), ("CH3CH2OH", 21)]
)
def test_degrees_of_freedom_of_a_molecule_without_overall_motion(name, expected):
    assert degrees_of_freedom(molecule(name)) == expected


def test_degrees_of_freedom_of_a_crystal_without_drift():
    assert degrees_of_freedom(bulk("Cu", cubic=True)) == 9
