import numpy as np
import pytest
from ase import Atoms, units
from ase.calculators.calculator import Calculator, all_changes
from ase.md.verlet import VelocityVerlet

from ouroboros.analysis.spectrum import (
    PER_CM_PER_THZ,
    average,
    broadening,
    peaks,
    velocity_autocorrelation,
    vibrational_density,
)

INTERVAL = 2.0  # fs


def swinging(lines_per_cm, n=4000, interval=INTERVAL):
    """One atom a line, and a heavy partner that keeps the centre of mass at rest."""
    time = interval * 1e-3 * np.arange(n)
    velocities = np.zeros((n, len(lines_per_cm) + 1, 3))
    for atom, line in enumerate(lines_per_cm):
        velocities[:, atom, atom % 3] = np.cos(2 * np.pi * line / PER_CM_PER_THZ * time + atom)
    masses = np.array([1.0] * len(lines_per_cm) + [200.0])
    velocities[:, -1] = -(velocities * masses[:, None])[:, :-1].sum(axis=1) / masses[-1]
    return velocities, masses


def test_axis_is_in_wavenumbers_and_terahertz():
    spectrum = vibrational_density(*swinging([1000.0]), INTERVAL)
    assert spectrum.frequency_per_cm[1] / spectrum.frequency_THz[1] == pytest.approx(33.35641, rel=1e-6)
    assert spectrum.frequency_THz[-1] == pytest.approx(1 / (2 * INTERVAL * 1e-3), rel=1e-3)


def test_lines_are_found_within_one_bin():
    lines = [212.0, 1033.0, 1600.0, 2945.0, 3657.0]
    spectrum = vibrational_density(*swinging(lines), INTERVAL)
    found = peaks(spectrum)
    spacing = spectrum.frequency_per_cm[1]
    assert spacing < spectrum.resolution_per_cm
    assert [peak.frequency_per_cm for peak in found] == pytest.approx(lines, abs=spacing)
    assert [peak.frequency_THz for peak in found] == pytest.approx(
        [line * 0.0299792458 for line in lines], abs=spacing * 0.03
    )
    assert [peak.relative_height for peak in found] == pytest.approx([1] * 5, abs=0.1)


def test_lines_closer_than_the_resolution_merge_and_farther_ones_do_not():
    resolution = vibrational_density(*swinging([1000.0]), INTERVAL).resolution_per_cm
    close, apart = (
        peaks(vibrational_density(*swinging([1000.0, 1000.0 + gap * resolution]), INTERVAL)) for gap in (0.5, 3)
    )
    assert (len(close), len(apart)) == (1, 2)


def test_area_is_one_and_shared_by_kinetic_energy():
    velocities, masses = swinging([500.0, 2000.0])
    velocities[:, 0] *= 2  # four times the energy
    spectrum = vibrational_density(velocities, masses, INTERVAL)
    assert np.trapezoid(spectrum.density_cm, spectrum.frequency_per_cm) == pytest.approx(1)
    low = spectrum.frequency_per_cm < 1200
    assert np.trapezoid(spectrum.density_cm[low], spectrum.frequency_per_cm[low]) == pytest.approx(0.8, abs=0.02)


def test_autocorrelation_equals_the_plain_double_sum():
    rng = np.random.default_rng(0)
    velocities, masses = rng.normal(size=(30, 4, 3)), np.array([1.0, 12, 16, 1])
    v = velocities - (velocities * masses[:, None]).sum(axis=1, keepdims=True) / masses.sum()
    plain = np.array([np.mean([(masses[:, None] * v[t] * v[t + k]).sum() for t in range(30 - k)]) for k in range(30)])
    assert velocity_autocorrelation(velocities, masses) == pytest.approx(plain / plain[0])


def test_drift_of_the_centre_of_mass_does_not_show():
    velocities, masses = swinging([1500.0])
    still = vibrational_density(velocities, masses, INTERVAL)
    drifting = vibrational_density(velocities + np.array([3.0, 0, 0]), masses, INTERVAL)
    assert drifting.density_cm == pytest.approx(still.density_cm, abs=1e-6)


class Spring(Calculator):
    """Two atoms on a harmonic spring of 30 eV/Å² at 1.1 Å."""

    implemented_properties = ("energy", "forces")

    def calculate(self, atoms=None, properties=("energy",), system_changes=all_changes):
        super().calculate(atoms, properties, system_changes)
        bond = self.atoms.positions[1] - self.atoms.positions[0]
        length = np.linalg.norm(bond)
        pull = 30.0 * (length - 1.1) * bond / length
        self.results = {"energy": 15.0 * (length - 1.1) ** 2, "forces": np.array([pull, -pull])}


def test_md_of_a_harmonic_diatomic_vibrates_at_sqrt_k_over_mu():
    atoms = Atoms("CO", [[0, 0, 0], [1.12, 0, 0]], calculator=Spring())
    dynamics = VelocityVerlet(atoms, 0.4 * units.fs)
    velocities = []
    dynamics.attach(lambda: velocities.append(atoms.get_velocities()), interval=5)
    dynamics.run(5 * 1500)
    masses = atoms.get_masses()
    spectrum = vibrational_density(np.array(velocities), masses, 2.0)
    omega = np.sqrt(30.0 / (masses.prod() / masses.sum())) * units.fs  # per fs
    line = omega / (2 * np.pi) * 1e3 * PER_CM_PER_THZ
    highest = max(peaks(spectrum), key=lambda peak: peak.relative_height)
    assert highest.frequency_per_cm == pytest.approx(line, abs=spectrum.frequency_per_cm[1])


def test_friction_broadens_a_line_to_its_width():
    """40 independent oscillators of 1,000 cm^-1 in a Langevin bath, integrated by BAOAB."""
    rng, dt, friction = np.random.default_rng(0), 1e-3, 10.0  # ps, 1/ps
    omega = 2 * np.pi * 1000 / PER_CM_PER_THZ
    keep = np.exp(-friction * dt)
    x, v, velocities = np.zeros((40, 3)), rng.normal(size=(40, 3)), []
    for _ in range(16000):
        v = v - omega**2 * x * dt / 2
        x = x + v * dt / 2
        v = keep * v + np.sqrt(1 - keep**2) * rng.normal(size=v.shape)
        x = x + v * dt / 2
        v = v - omega**2 * x * dt / 2
        velocities.append(v)
    result = vibrational_density(np.array(velocities), np.ones(40), 1.0)
    high = result.frequency_per_cm[result.density_cm > result.density_cm.max() / 2]
    assert broadening(friction) == pytest.approx(53.09, abs=0.01)
    assert np.ptp(high) == pytest.approx(broadening(friction), rel=0.2)


def test_average_weighs_runs_equally_and_refuses_other_axes():
    a, b = (vibrational_density(*swinging([line]), INTERVAL) for line in (800.0, 1800.0))
    assert average([a, b]).density_cm == pytest.approx((a.density_cm + b.density_cm) / 2)
    with pytest.raises(ValueError, match="one axis"):
        average([a, vibrational_density(*swinging([800.0], n=500), INTERVAL)])


def test_bad_velocities_are_refused():
    velocities, masses = swinging([800.0])
    with pytest.raises(ValueError, match="Nothing moves"):
        vibrational_density(np.zeros_like(velocities), masses, INTERVAL)
    with pytest.raises(ValueError, match="too few"):
        vibrational_density(velocities[:10], masses, INTERVAL)
    velocities[5, 0, 0] = np.nan
    with pytest.raises(ValueError, match="not finite"):
        vibrational_density(velocities, masses, INTERVAL)
