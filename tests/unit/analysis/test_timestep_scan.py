import json

import numpy as np
import pandas as pd
import pytest
from ase import Atoms, units
from ase.calculators.calculator import Calculator, all_changes
from ase.calculators.morse import MorsePotential
from ase.md.verlet import VelocityVerlet

from ouroboros.analysis import timestep_figure
from ouroboros.analysis.plain import plain
from ouroboros.analysis.timestep_scan import Step, judge, measure, scan

LENGTH = 120.0  # fs
STEPS = [0.1, 0.25, 0.5, 1.0]
SPRING = 30.0  # eV/Å²
MASSES = np.array([12.0, 16.0])
OMEGA = np.sqrt(SPRING / (MASSES.prod() / MASSES.sum())) * units.fs  # 1/fs


class Spring(Calculator):
    """A harmonic bond, whose forces can be spoilt by a grid that the positions are rounded to."""

    implemented_properties = ("energy", "forces")

    def __init__(self, rounding=0.0, extra=0.0):
        super().__init__()
        self.rounding, self.extra = rounding, extra

    def calculate(self, atoms=None, properties=("energy",), system_changes=all_changes):
        super().calculate(atoms, properties, system_changes)
        stretch = self.atoms.get_distance(0, 1) - 1.1
        seen = np.round(stretch / self.rounding) * self.rounding if self.rounding else stretch
        along = (self.atoms.positions[1] - self.atoms.positions[0]) / self.atoms.get_distance(0, 1)
        pull = SPRING * seen * along + self.extra * self.atoms.get_velocities()[1]
        self.results = {"energy": 0.5 * SPRING * stretch**2, "forces": np.array([pull, -pull])}


def thermo(make_calculator, timestep, length=LENGTH, bond=1.2, stretches=(0.05, 0.1), speed=0.0):
    """Runs of a diatomic from the same starts, as run_walkers and thermo_table give them."""
    rows = []
    for walker, stretch in enumerate(stretches):
        atoms = Atoms("CO", [[0, 0, 0], [bond + stretch, 0, 0]], masses=MASSES, calculator=make_calculator())
        atoms.set_velocities(speed * np.array([[-1 / 12, 0, 0], [1 / 16, 0, 0]]))
        dynamics = VelocityVerlet(atoms, timestep * units.fs)
        for step in range(round(length / timestep) + 1):
            potential, kinetic = atoms.get_potential_energy(), atoms.get_kinetic_energy()
            rows.append((walker, step, step * timestep, potential, kinetic, potential + kinetic, 0.0))
            dynamics.run(1)
    names = (
        "walker",
        "step",
        "time_fs",
        "potential_energy_eV",
        "kinetic_energy_eV",
        "total_energy_eV",
        "temperature_K",
    )
    return pd.DataFrame(rows, columns=names)


def scanned(make_calculator, timesteps=STEPS, production=0.5, **options):
    thermos = {timestep: thermo(make_calculator, timestep, **options) for timestep in timesteps}
    return judge(scan(thermos, 2, len(options.get("stretches", (1, 2))), LENGTH), production)


def test_energy_of_an_oscillator_swings_by_a_quarter_of_w_dt_squared():
    for timestep in (0.25, 1.0):
        found = measure(thermo(Spring, timestep, bond=1.1), timestep, 2, 2, LENGTH)
        assert found.fluctuation_over_kinetic == pytest.approx((OMEGA * timestep) ** 2 / 4, rel=0.02)
        assert found.rms_fluctuation_meV == pytest.approx(2 * found.rms_fluctuation_meV_per_atom)


def test_morse_bond_has_the_slope_of_velocity_verlet():
    result = scanned(lambda: MorsePotential(epsilon=5.0, r0=1.2, rho0=2.5, rcut1=50, rcut2=51))
    assert result["verdict"].passed, result["verdict"].reason
    assert result["slope"] == pytest.approx(2.0, abs=0.05)
    assert [entry["slope"] for entry in result["slopes_between"]] == pytest.approx([2.0] * 3, abs=0.1)
    assert result["largest_sound_timestep_fs"] == 1.0
    assert len(result["advice"]) == 1 and "up to 1 fs conserve" in result["advice"][0]


def test_step_too_long_for_the_bond_asks_for_a_smaller_one():
    period = 2 * np.pi / OMEGA
    steps = [period / 40, period / 20, period / 10, period / 3.5]
    result = scanned(Spring, timesteps=steps, production=period / 10, bond=1.1, stretches=(0.01,), speed=1.0)
    assert result["largest_sound_timestep_fs"] == pytest.approx(period / 20)
    assert any(sentence.startswith("Smaller step: towards") for sentence in result["advice"])  # faster than the square
    assert any("simulation.timestep_fs" in sentence and "thermostat" in sentence for sentence in result["advice"])


def test_forces_that_are_not_smooth_leave_a_floor_and_ask_for_better_ones():
    result = scanned(lambda: Spring(rounding=0.01))
    assert not result["verdict"].passed and "not as velocity Verlet" in result["verdict"].reason
    assert result["advice"][0].startswith("Better forces: towards 0.1 fs")


def test_forces_that_pump_energy_in_are_sound_at_no_step():
    result = scanned(lambda: Spring(extra=-2.0))
    assert result["largest_sound_timestep_fs"] is None
    assert any("no time step of the scan" in sentence and "thermostat" in sentence for sentence in result["advice"])


def test_walkers_that_stop_are_told_and_left_out():
    whole = thermo(Spring, 0.5)
    broken = whole[(whole["walker"] == 0) | (whole["time_fs"] < 60)]
    found = measure(broken, 0.5, 2, 2, LENGTH)
    assert (found.n_walkers, found.n_stopped) == (1, 1) and not found.sound
    nothing = measure(whole[whole["time_fs"] < 60], 0.5, 2, 2, LENGTH)
    result = judge([nothing, measure(whole, 0.25, 2, 2, LENGTH)], 0.5)
    assert not result["verdict"].passed and "only 1 of 2" in result["verdict"].reason
    assert any("2 of 2 walkers stopped early" in sentence for sentence in result["advice"])
    json.dumps(plain(result), allow_nan=False)


def step(timestep, fluctuation=None, share=0.01, drift_per_fs=1e-9, stopped=0):
    """One line of a scan; by default the fluctuation of velocity Verlet, and no drift."""
    fluctuation = timestep**2 if fluctuation is None else fluctuation
    drift = drift_per_fs * timestep
    return Step(timestep, fluctuation, fluctuation / 9, share, drift, 1e6 * drift_per_fs / 9, 4 - stopped, stopped)


def test_drift_of_a_small_step_is_judged_for_the_same_time():
    # 0.0009 eV a step passes as a limit of 0.001, but at a fifth of the production step it is five times the heat
    result = judge([step(0.1, drift_per_fs=0.009), step(0.5, drift_per_fs=0.009)], 0.5)
    assert result["largest_sound_timestep_fs"] is None
    assert result["advice"][-1].startswith("Better forces") and "hardly falls with the step" in result["advice"][-1]
    assert judge([step(0.1, drift_per_fs=0.0009), step(0.5)], 0.5)["largest_sound_timestep_fs"] == 0.5


def test_drift_that_falls_with_the_step_asks_for_a_smaller_one():
    result = judge([step(0.5, drift_per_fs=0.003), step(1.0, drift_per_fs=0.03), step(2.0, drift_per_fs=0.3)], 0.5)
    assert result["advice"][-1].startswith("Smaller step: at 0.5 fs the drift") and "it falls" in result["advice"][-1]


def test_steps_that_are_all_too_long_for_sound_forces_ask_for_a_smaller_one():
    result = judge([step(dt, share=0.05 * (dt / 0.5) ** 2) for dt in (1.0, 2.0, 4.0)], 2.0)
    assert result["verdict"].passed and result["largest_sound_timestep_fs"] is None
    assert not any("Better forces" in sentence for sentence in result["advice"])
    assert "some 0.5 fs come to 5%" in result["advice"][-1]


def test_a_step_beyond_one_that_fails_is_not_recommended():
    steps = [step(0.25), step(0.5, stopped=1), step(1.0)]
    assert judge(steps, 0.5)["largest_sound_timestep_fs"] == 0.25
    assert judge(steps[1:], 0.5)["largest_sound_timestep_fs"] is None


@pytest.mark.parametrize("stopped", [[0.1], STEPS])
def test_steps_at_which_walkers_stopped_are_drawn_hollow(tmp_path, stopped):
    result = plain(judge([step(dt, stopped=int(dt in stopped)) for dt in STEPS], 0.5))
    timestep_figure.draw(result, tmp_path / "scan.svg")
    text = (tmp_path / "scan.svg").read_text()
    assert "of the walkers that are left" in text
    assert ("measured: slope 2.00" in text) == (len(stopped) == 1) == (result["slope"] is not None)


@pytest.mark.parametrize("stopped", [0, 3, 4])
def test_every_scan_has_a_figure(tmp_path, stopped):
    nan = float("nan")
    steps = [Step(dt, dt**2, dt**2 / 9, 0.01, 1e-7, 0.1, 4, 0) for dt in STEPS[stopped:]]
    steps += [Step(dt, nan, nan, nan, nan, nan, 0, 4) for dt in STEPS[:stopped]]
    timestep_figure.draw(plain(judge(steps, 0.5)), tmp_path / "scan.svg")
    text = (tmp_path / "scan.svg").read_text()
    assert ("slope 2.00" in text) == (stopped == 0) and ("stopped early" in text) == bool(stopped)
