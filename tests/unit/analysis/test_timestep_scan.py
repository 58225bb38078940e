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


@pytest.mark.parametrize("stopped", [0, 3, 4])
def test_every_scan_has_a_figure(tmp_path, stopped):
    nan = float("nan")
    steps = [Step(dt, dt**2, dt**2 / 9, 0.01, 1e-7, 0.1, 4, 0) for dt in STEPS[stopped:]]
    steps += [Step(dt, nan, nan, nan, nan, nan, 0, 4) for dt in STEPS[:stopped]]
    timestep_figure.draw(plain(judge(steps, 0.5)), tmp_path / "scan.svg")
    text = (tmp_path / "scan.svg").read_text()
    assert ("slope 2.00" in text) == (stopped == 0) and ("stopped early" in text) == bool(stopped)
