import numpy as np
import pytest
from ase import Atoms, units
from ase.calculators.morse import MorsePotential
from ase.io.trajectory import Trajectory
from ase.md.verlet import VelocityVerlet

from ouroboros.analysis.walkers import first_frames
from ouroboros.constant_energy import estimate, trajectory


def morse():
    return MorsePotential(epsilon=5.0, r0=1.2, rho0=2.5, rcut1=50, rcut2=51)


def pair():
    atoms = Atoms("CO", [[0, 0, 0], [1.25, 0, 0]])
    atoms.set_velocities([[0.02, 0, 0], [-0.015, 0, 0]])
    return atoms


def test_frames_are_those_of_velocity_verlet_from_the_given_momenta():
    frames = list(trajectory(pair(), morse(), timestep_fs=0.5, steps=20, stride=5, walker=3))
    assert [frame.info for frame in frames] == [{"walker": 3, "step": step} for step in (0, 5, 10, 15, 20)]
    atoms = pair()
    atoms.calc = morse()
    VelocityVerlet(atoms, 0.5 * units.fs).run(20)
    assert frames[-1].positions == pytest.approx(atoms.positions, abs=1e-12)
    assert frames[-1].get_momenta() == pytest.approx(atoms.get_momenta(), abs=1e-12)
    total = [frame.get_potential_energy() + frame.get_kinetic_energy() for frame in frames]
    assert np.ptp(total) < 1e-3


def test_charge_and_multiplicity_go_with_the_frames():
    start = pair()
    start.info = {"charge": 1, "multiplicity": 2, "temperature_K": 300.0}
    frames = list(trajectory(start, morse(), 0.5, 1, 1))
    assert frames[-1].info == {"walker": 0, "step": 1, "charge": 1, "multiplicity": 2}


def test_runs_start_from_the_system_of_most_walkers(tmp_path):
    with Trajectory(tmp_path / "nve.traj", "w") as file:
        for walker, symbols in enumerate(("N2", "CO", "CO")):
            start = Atoms(symbols, pair().positions, momenta=pair().get_momenta(), info={"walker": walker})
            file.write(start)
    assert [atoms.info["walker"] for atoms in first_frames(tmp_path / "nve.traj")] == [1, 2]


def test_the_first_frame_of_each_walker_is_what_another_run_starts_from(tmp_path):
    with Trajectory(tmp_path / "nve.traj", "w") as file:
        for walker in (0, 1, 2):
            for frame in trajectory(pair(), morse(), 0.5, 4, 2, walker):
                frame.positions += 10 * walker
                file.write(frame)
    starts = first_frames(tmp_path / "nve.traj", 2)
    assert [atoms.info for atoms in starts] == [{"walker": 0, "step": 0}, {"walker": 1, "step": 0}]
    assert starts[1].positions == pytest.approx(pair().positions + 10)
    assert starts[1].get_momenta() == pytest.approx(pair().get_momenta())
    with Trajectory(tmp_path / "empty.traj", "w"):
        pass
    with pytest.raises(ValueError, match="no frame to start from"):
        first_frames(tmp_path / "empty.traj")


def test_a_run_that_would_take_too_long_is_estimated_with_the_reason():
    starts = [pair(), pair()]
    found = estimate(starts, morse(), 0.5, steps=1000, hours=1.0)
    assert found["seconds_per_step"] > 0 and "reason" not in found
    assert found["estimate_hours"] == pytest.approx(2 * 1000 * found["seconds_per_step"] / 3600)
    assert "oracle_hours (1e-09)" in estimate(starts, morse(), 0.5, steps=1000, hours=1e-9)["reason"]
