import numpy as np
import pytest
from ase import units
from ase.build import bulk
from ase.calculators.emt import EMT
from ase.md.velocitydistribution import Stationary, thermalize_momenta
from ase.md.verlet import VelocityVerlet

from ouroboros.analysis import conservation


def drifting(stride, slope=2e-5):
    step = np.arange(0, 4000, stride)
    swing = 1e-3 * np.sin(2 * np.pi * step / 40.0 + 0.3)
    return step, -1e6 + slope * step + swing


@pytest.mark.parametrize("stride", [1, 7, 10])
def test_drift_is_per_md_step_whatever_the_saving_stride(stride):
    step, energy = drifting(stride)
    drift = conservation.measure(step, energy, timestep_fs=0.5, n_atoms=9)
    assert drift.drift_eV_per_step == pytest.approx(2e-5, rel=0.01)
    assert drift.drift_meV_per_atom_per_ps == pytest.approx(2e-5 * 1e3 * 2000 / 9, rel=0.01)
    assert drift.rms_fluctuation_eV == pytest.approx(1e-3 / np.sqrt(2), rel=0.02)
    assert drift.energy_at_step_0_eV == pytest.approx(-1e6, abs=1e-3)
    assert drift.verdict.passed


@pytest.mark.parametrize("sign", [1, -1])
def test_drift_beyond_the_limit_fails_in_both_directions(sign):
    step, energy = drifting(1, slope=sign * 1.1e-3)
    verdict = conservation.measure(step, energy, 0.5, 9).verdict
    assert not verdict.passed
    assert "0.0011 eV per step" in verdict.reason


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_energy_that_is_not_finite_fails_and_names_the_step(bad):
    step, energy = drifting(10)
    energy[17] = bad
    drift = conservation.measure(step, energy, 0.5, 9)
    assert not drift.verdict.passed
    assert "step 170" in drift.verdict.reason
    assert np.isnan(drift.drift_eV_per_step)


def test_too_few_energies_fail_and_steps_in_disorder_are_refused():
    assert not conservation.measure(np.arange(2), np.zeros(2), 0.5, 9).verdict.passed
    with pytest.raises(ValueError, match="increase"):
        conservation.measure(np.array([0, 2, 1]), np.zeros(3), 0.5, 9)


def test_velocity_verlet_on_emt_copper_conserves_energy_and_a_long_step_does_not():
    drifts = {}
    for timestep in (3.0, 40.0):
        atoms = bulk("Cu", cubic=True) * (2, 2, 2)
        atoms.calc = EMT()
        thermalize_momenta(atoms, temperature_K=600, rng=np.random.default_rng(3))
        Stationary(atoms)
        dynamics = VelocityVerlet(atoms, timestep * units.fs)
        rows = []
        dynamics.attach(lambda a=atoms, d=dynamics, r=rows: r.append((d.nsteps, a.get_total_energy())), interval=2)
        dynamics.run(150)
        step, energy = np.array(rows).T
        drifts[timestep] = conservation.measure(step, energy, timestep, len(atoms))
    assert drifts[3.0].verdict.passed
    assert abs(drifts[3.0].drift_meV_per_atom_per_ps) < 0.5
    assert not drifts[40.0].verdict.passed
