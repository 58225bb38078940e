"""Walks on disk: nothing lost on the way, and ASE reads the production run in one line."""

from dataclasses import replace

import ase.io
import h5py
import numpy as np
import pandas as pd
import pytest
from ase import units

from ouroboros.calibration import gaussian
from ouroboros.dynamics import run_walkers
from ouroboros.reference.pool import as_walks
from ouroboros.trajectories import (
    read_crossings,
    read_exploration,
    thermo_table,
    walker_table,
    write_exploration,
    write_images,
    write_velocities,
)
from ouroboros.walk import Crossing, Walk


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
        a_walk(1, 0, ended="energy, forces, velocities or uncertainty are not finite at step 0"),
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
        assert "not finite" in file["walker_0001"].attrs["ended"]
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
    write_images(tmp_path / "nve.traj", walks)
    images = ase.io.read(tmp_path / "nve.traj", ":")
    assert [(a.info["walker"], a.info["step"]) for a in images] == [(0, 10), (0, 20), (0, 30), (2, 10), (2, 20)]
    momenta, positions = walks[0].momenta + walks[2].momenta, walks[0].positions + walks[2].positions
    potential = walks[0].potential_eV + walks[2].potential_eV
    for i, atoms in enumerate(images):
        np.testing.assert_array_equal(atoms.get_momenta(), momenta[i])
        np.testing.assert_array_equal(atoms.positions, positions[i])
        assert atoms.get_potential_energy() == potential[i]
    assert [atoms.info.get("ended") for atoms in images] == [None] * 4 + ["temperature 4000 K at step 21"]


def test_walkers_keep_the_numbers_and_the_spin_states_that_they_had(walks, tmp_path):
    walks[0].spin_state, walks[2].spin_state = {"charge": 1, "multiplicity": 2}, {"charge": 0, "multiplicity": 1}
    for walk in walks:
        walk.velocities = [np.zeros((len(walk.numbers), 3))] * 2
    numbers = [1, 4, 7]  # 0, 2, 3, 5 and 6 were lost before
    write_images(tmp_path / "nve.traj", walks, numbers)
    images = ase.io.read(tmp_path / "nve.traj", ":")
    assert [atoms.info for atoms in images[2:4]] == [
        {"walker": 1, "step": 30, "charge": 1, "multiplicity": 2},
        {"walker": 7, "step": 10, "charge": 0, "multiplicity": 1},
    ]
    assert thermo_table(walks, 0.5, numbers)["walker"].tolist() == [1, 1, 1, 7, 7]
    write_velocities(tmp_path / "velocities.h5", walks, 0.5, 4, numbers)
    with h5py.File(tmp_path / "velocities.h5") as file:
        assert sorted(file) == ["walker_0001", "walker_0004", "walker_0007"]


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
    write_images(tmp_path / "nve.traj", walks)
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


# --- moving cells, crossings, replacements, velocities


def a_walk_in_a_moving_cell(number=0):
    walk = a_walk(number, 3)
    walk.cell, walk.pbc = np.eye(3) * 4.0, np.ones(3, bool)
    walk.cells = [np.eye(3) * (4.0 + 0.1 * i) for i in range(3)]
    walk.pressure_GPa = [0.1, 0.2, 0.3]
    return walk


def test_every_frame_of_a_moving_cell_has_its_own(tmp_path):
    walk = a_walk_in_a_moving_cell()
    write_exploration(tmp_path / "trajectory.h5", [walk], 0.5)
    np.testing.assert_array_equal(read_exploration(tmp_path / "trajectory.h5").cell, walk.cells)
    write_images(tmp_path / "nve.traj", [walk])
    images = ase.io.read(tmp_path / "nve.traj", ":")
    np.testing.assert_array_equal([atoms.cell.array for atoms in images], walk.cells)
    np.testing.assert_array_equal(images[1].get_momenta(), walk.momenta[1])
    table = thermo_table([walk], timestep_fs=0.5)
    np.testing.assert_allclose(table["volume_A3"], [4.0**3, 4.1**3, 4.2**3])
    assert table["pressure_GPa"].tolist() == [0.1, 0.2, 0.3]
    assert "volume_A3" not in thermo_table([a_walk(0, 2)], timestep_fs=0.5)


def test_the_frame_that_stopped_a_walker_is_kept_apart(tmp_path):
    stopped = a_walk(1, 2, ended="O-H bond broken (atoms 0 and 1 at 1.46 Å) at step 27", last_step=26)
    stopped.crossing = Crossing(27, np.full((3, 3), 7.0), np.zeros((3, 3)), uncertainty=1.5, max_force=9.0)
    write_exploration(tmp_path / "trajectory.h5", [a_walk(0, 2), stopped], 0.5)
    assert read_exploration(tmp_path / "trajectory.h5").columns["step"].tolist() == [10, 20, 10, 20]
    crossings = read_crossings(tmp_path / "trajectory.h5")
    assert (crossings.positions == 7.0).all() and len(crossings) == 1
    figures = {name: values.tolist() for name, values in crossings.columns.items()}
    assert figures == {"walker": [1], "step": [27], "uncertainty": [1.5], "max_force": [9.0]}
    with h5py.File(tmp_path / "trajectory.h5") as file:
        assert file["walker_0001"].attrs["ended"] == stopped.ended


def test_the_spread_of_explored_frames_comes_back(tmp_path):
    walk, of_before = a_walk(0, 2), a_walk(1, 1)
    walk.force_std, walk.energy_std = [np.array([0.1, 0.2, 0.3])] * 2, [0.01, 0.02]
    walk.mean_uncertainty = [0.3, 0.4]
    write_exploration(tmp_path / "trajectory.h5", [walk, of_before], 0.5)
    columns = read_exploration(tmp_path / "trajectory.h5").columns
    np.testing.assert_array_equal(columns["energy_std"], [0.01, 0.02, np.nan])
    np.testing.assert_array_equal(columns["mean_uncertainty"], [0.3, 0.4, np.nan])
    with h5py.File(tmp_path / "trajectory.h5") as file:
        np.testing.assert_allclose(file["walker_0000/force_std"], [[0.1, 0.2, 0.3]] * 2, rtol=1e-6)


def test_the_scored_pool_tells_the_spread_as_an_exploration_does(committee, frames):
    pool = frames.with_columns(place=np.arange(len(frames)))
    prediction = committee.predict(pool)
    walks = as_walks(pool, prediction, replace(gaussian(), scale=3.0, frame_share=0.5))
    rows = [step - 1 for walk in walks for step in walk.step]
    assert sorted(rows) == list(range(len(frames)))
    np.testing.assert_array_equal([e for walk in walks for e in walk.energy_std], prediction.energy_std[rows])
    atoms = np.split(prediction.force_std, np.cumsum(pool.n_atoms)[:-1])
    errors = [3 * np.sqrt(own * np.sqrt((own**2).mean())) for own in atoms]
    means, largest = ([u for walk in walks for u in getattr(walk, n)] for n in ("mean_uncertainty", "uncertainty"))
    np.testing.assert_allclose(means, [errors[row].mean() for row in rows])
    np.testing.assert_allclose(largest, [errors[row].max() for row in rows])
    for row, kept in zip(rows, (std for walk in walks for std in walk.force_std), strict=True):
        np.testing.assert_allclose(kept, atoms[row], rtol=1e-6)


def test_explored_frames_are_ase_atoms_in_one_line(walks, tmp_path):
    write_exploration(tmp_path / "trajectory.h5", walks, 0.5)
    images = read_exploration(tmp_path / "trajectory.h5").to_atoms()
    assert [(atoms.info["walker"], atoms.info["step"]) for atoms in images][-1] == (2, 20)
    assert images[0].get_chemical_formula() == "H2O"


def test_walker_table_tells_who_replaced_whom_and_from_where(walks, tmp_path):
    walks[0].bond_change = "O-H bond broken (atoms 0 and 1 at 1.46 Å) at step 5"
    late = a_walk(3, 1, start=3, replaces=1, began_at=1, last_step=7)
    for number, walk in enumerate(walks):
        walk.start = number
    table = walker_table([*walks, late], timestep_fs=0.5, started_from=[40, 12, 12, 7])
    table.to_csv(tmp_path / "walkers.csv", index=False)
    read = pd.read_csv(tmp_path / "walkers.csv")
    assert read["started_from"].tolist() == [40, 12, 12, 7]
    assert read["replaces"].isna().tolist() == [True, True, True, False] and read["replaces"][3] == 1
    assert read["began_at_step"].tolist() == [0, 0, 0, 1]
    assert read["bond_change"][0].startswith("O-H bond broken") and read["survived"].mean() == 0.5


def test_velocities_come_back_in_their_unit_and_interval(tmp_path):
    walk, short = a_walk(0, 2), a_walk(1, 0, n_atoms=4)
    walk.velocities = [np.full((3, 3), 0.01 * i, np.float32) for i in range(5)]
    write_velocities(tmp_path / "velocities.h5", [walk, short], timestep_fs=0.5, stride=4)
    with h5py.File(tmp_path / "velocities.h5") as file:
        assert file.attrs["interval_fs"] == 2.0 and file.attrs["velocity"] == "Å/fs"
        assert file["walker_0000/velocities"].dtype == np.float32
        np.testing.assert_array_equal(file["walker_0000/velocities"][:, 0, 0], np.float32(0.01) * np.arange(5))
        assert file["walker_0001/velocities"].shape == (0, 4, 3)
        assert file["walker_0000/numbers"][:].tolist() == [8, 1, 1]
