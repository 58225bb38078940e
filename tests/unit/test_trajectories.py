"""Walks on disk: nothing lost on the way, and ASE reads the production run in one line."""

import ase.io
import h5py
import numpy as np
import pytest
from ase import units

from ouroboros.dynamics import run_walkers
from ouroboros.trajectories import read_exploration, thermo_table, walker_table, write_exploration, write_production
from ouroboros.walk import Walk


def a_walk(number, n_frames, n_atoms=3, **more):
    rng = np.random.default_rng(number)
    return Walk(
        np.array([8, 1, 1, 6][:n_atoms]),
        np.zeros((3, 3)),
        np.zeros(3, bool),
        300.0 + number,
        3 * n_atoms,
        -100.0,
        step=[10 * (i + 1) for i in range(n_frames)],
        potential_eV=rng.normal(size=n_frames).tolist(),
        kinetic_eV=rng.random(n_frames).tolist(),
        temperature_K=(300 * rng.random(n_frames)).tolist(),
        uncertainty=rng.random(n_frames).tolist(),
        max_force=(10 * rng.random(n_frames)).tolist(),
        positions=list(rng.normal(size=(n_frames, n_atoms, 3))),
        momenta=list(rng.normal(size=(n_frames, n_atoms, 3))),
        **more,
    )


@pytest.fixture
def walks():
    """Walkers of different sizes and lengths; one ended before its first frame."""
    return [
        a_walk(0, 3, last_step=30),
        a_walk(1, 0, ended="NaN in energy, velocity or uncertainty at step 0"),
        a_walk(2, 2, n_atoms=4, ended="temperature 4000 K at step 21", last_step=20),
    ]


def test_exploration_comes_back_frame_by_frame(walks, tmp_path):
    write_exploration(tmp_path / "trajectory.h5", walks, 0.5)
    frames = read_exploration(tmp_path / "trajectory.h5")
    assert frames.columns["walker"].tolist() == [0, 0, 0, 2, 2]
    assert frames.columns["step"].tolist() == [10, 20, 30, 10, 20]
    assert frames.n_atoms.tolist() == [3, 3, 3, 4, 4]
    np.testing.assert_array_equal(frames.positions, np.concatenate(walks[0].positions + walks[2].positions))
    np.testing.assert_array_equal(frames.columns["uncertainty"], walks[0].uncertainty + walks[2].uncertainty)
    np.testing.assert_array_equal(frames.columns["max_force"], walks[0].max_force + walks[2].max_force)
    assert frames.numbers[-4:].tolist() == [8, 1, 1, 6]
    assert np.isnan(frames.energy).all()


def test_the_frame_that_a_walker_starts_from_is_not_explored(committee, water, tmp_path):
    """It is a training frame: to label it again would waste a label and leak into validation."""
    dynamics = {"temperatures_K": [300.0], "timestep_fs": 0.25, "steps": 4, "stride": 2}
    walks = run_walkers(water.take([0]).to_atoms(), committee, **dynamics, rng=np.random.default_rng(0))
    assert walks[0].step == [0, 2, 4]
    write_exploration(tmp_path / "trajectory.h5", walks, 0.25)
    assert read_exploration(tmp_path / "trajectory.h5").columns["step"].tolist() == [2, 4]


def test_cells_come_back(tmp_path):
    walk = a_walk(0, 1)
    walk.cell, walk.pbc = np.diag([4.0, 5.0, 6.0]), np.array([True, True, False])
    write_exploration(tmp_path / "trajectory.h5", [walk], 0.5)
    frames = read_exploration(tmp_path / "trajectory.h5")
    np.testing.assert_array_equal(frames.cell, [walk.cell])
    np.testing.assert_array_equal(frames.pbc, [walk.pbc])


def test_the_file_says_its_units_and_why_walkers_ended(walks, tmp_path):
    write_exploration(tmp_path / "trajectory.h5", walks, 0.5)
    with h5py.File(tmp_path / "trajectory.h5") as file:
        assert file.attrs["timestep_fs"] == 0.5 and file.attrs["energy"] == "eV" and file.attrs["force"] == "eV/Å"
        assert file["walker_0001"].attrs["ended"].startswith("NaN")
        assert file["walker_0002"].attrs["target_K"] == 302.0
        np.testing.assert_array_equal(file["walker_0000/kinetic_eV"], walks[0].kinetic_eV)


def test_no_kept_frame_is_read_as_no_frames_with_all_columns(tmp_path):
    """What follows asks for these columns, and must come to the sentence that no walker kept a frame."""
    write_exploration(tmp_path / "trajectory.h5", [a_walk(0, 0), a_walk(1, 0)], 0.5)
    frames = read_exploration(tmp_path / "trajectory.h5")
    assert len(frames) == 0
    assert {"walker", "step", "uncertainty", "max_force"} <= set(frames.columns)


def test_walker_table_tells_how_far_each_came(walks):
    table = walker_table(walks, timestep_fs=0.5)
    assert table["survived"].tolist() == [True, False, False]
    assert table["frames"].tolist() == [3, 0, 2]
    assert table["last_step"].tolist() == [30, 0, 20]
    np.testing.assert_allclose(table["time_ps"], [0.015, 0.0, 0.01])
    assert table["ended"][2] == "temperature 4000 K at step 21"
    assert table["mean_temperature_K"][0] == pytest.approx(np.mean(walks[0].temperature_K))
    assert table["max_uncertainty_eV_per_A"][2] == max(walks[2].uncertainty)
    assert np.isnan(table["max_uncertainty_eV_per_A"][1])


def test_production_run_opens_in_ase_with_momenta_and_info(walks, tmp_path):
    write_production(tmp_path / "nve.traj", walks)
    images = ase.io.read(tmp_path / "nve.traj", ":")
    assert [(a.info["walker"], a.info["step"]) for a in images] == [(0, 10), (0, 20), (0, 30), (2, 10), (2, 20)]
    momenta, positions = walks[0].momenta + walks[2].momenta, walks[0].positions + walks[2].positions
    potential = walks[0].potential_eV + walks[2].potential_eV
    for i, atoms in enumerate(images):
        np.testing.assert_array_equal(atoms.get_momenta(), momenta[i])
        np.testing.assert_array_equal(atoms.positions, positions[i])
        assert atoms.get_potential_energy() == potential[i]


def test_ase_finds_the_kinetic_energy_and_velocities_of_a_real_walk(committee, water, tmp_path):
    walks = run_walkers(
        water.take([0]).to_atoms(),
        committee,
        temperatures_K=[300.0],
        timestep_fs=0.25,
        steps=4,
        stride=1,
        rng=np.random.default_rng(0),
    )
    write_production(tmp_path / "nve.traj", walks)
    images = ase.io.read(tmp_path / "nve.traj", ":")
    assert len(images) == 5
    np.testing.assert_allclose([a.get_kinetic_energy() for a in images], walks[0].kinetic_eV, rtol=1e-9)
    moved = (images[3].positions - images[1].positions) / (0.5 * units.fs)
    np.testing.assert_allclose(images[2].get_velocities(), moved, atol=0.05 * np.abs(moved).max())


def test_thermo_table_has_a_row_a_kept_frame(walks):
    table = thermo_table(walks, timestep_fs=0.5)
    assert table["walker"].tolist() == [0, 0, 0, 2, 2]
    assert table["time_fs"].tolist() == [5.0, 10.0, 15.0, 5.0, 10.0]
    expected = np.array(walks[2].potential_eV) + walks[2].kinetic_eV
    np.testing.assert_allclose(table["total_energy_eV"][3:], expected)
    np.testing.assert_array_equal(table["temperature_K"][:3], walks[0].temperature_K)
