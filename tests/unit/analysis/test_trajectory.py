import json

import h5py
import numpy as np
import pandas as pd
import pytest
from ase import units
from ase.build import bulk, molecule
from ase.calculators.emt import EMT
from ase.io import Trajectory
from ase.md.velocitydistribution import Stationary, ZeroRotation, thermalize_momenta
from ase.md.verlet import VelocityVerlet

from ouroboros.analysis import figures
from ouroboros.analysis.completion import Planned, reasons_to_stop
from ouroboros.analysis.freedom import degrees_of_freedom
from ouroboros.analysis.trajectory import analyse
from ouroboros.analysis.walkers import read_thermo, read_walkers, timestep_fs
from ouroboros.frames import Frames

DT = 4.0  # fs
FIGURES = {"energy.svg", "temperature.svg", "distances.svg", "spectrum.svg", "msd.svg"}
SECTIONS = {
    "system",
    "completion",
    "conservation",
    "temperature",
    "pressure",
    "bonds",
    "distances",
    "spectrum",
    "diffusion",
    "verdicts",
}


def run(start, timestep, steps, n_walkers=2, stride=3, kelvin=600):
    """NVE with EMT: frames and thermodynamic rows, as the simulation writes them, at different strides."""
    frames, rows = [], []
    for walker in range(n_walkers):
        atoms = start.copy()
        atoms.calc = EMT()
        # Twice the temperature at the minimum: half of the kinetic energy becomes potential.
        thermalize_momenta(atoms, temperature_K=2 * kelvin, rng=np.random.default_rng(walker))
        Stationary(atoms, preserve_temperature=False)
        if not atoms.pbc.any():
            ZeroRotation(atoms, preserve_temperature=False)
        dynamics = VelocityVerlet(atoms, timestep * units.fs)
        for _ in range(steps + 1):
            step = dynamics.nsteps
            if step % stride == 0:
                image = atoms.copy()
                image.info.update(walker=walker, step=step)
                frames.append(image)
            if step % 2 == 0:
                kinetic, potential = atoms.get_kinetic_energy(), atoms.get_potential_energy()
                kelvin_3n = atoms.get_temperature()
                rows.append((walker, step, step * timestep, potential, kinetic, potential + kinetic, kelvin_3n))
            dynamics.run(1)
    names = [
        "walker",
        "step",
        "time_fs",
        "potential_energy_eV",
        "kinetic_energy_eV",
        "total_energy_eV",
        "temperature_K",
    ]
    return frames, pd.DataFrame(rows, columns=names)


@pytest.fixture(scope="module")
def copper():
    return run(bulk("Cu", cubic=True) * (2, 2, 2), DT, 360)


@pytest.fixture(scope="module")
def water():
    return run(molecule("H2O"), 0.5, 500, kelvin=300)


def test_copper_crystal_is_sound(copper):
    frames, thermo = copper
    reference = Frames.from_atoms(frames[20:120:2])
    result = analyse(frames, thermo, reference, target_temperature_K=600)
    assert set(result) == SECTIONS
    assert set(result["verdicts"]) == {"completion", "conservation", "temperature", "bonds", "distances"}
    assert all(verdict["passed"] for verdict in result["verdicts"].values()), result["verdicts"]
    assert result["system"]["timestep_fs"] == pytest.approx(DT)
    assert result["system"]["simulated_ps"] == pytest.approx(2 * 360 * DT * 1e-3)
    assert result["temperature"]["degrees_of_freedom"] == 3 * 32 - 3
    assert result["temperature"]["degrees_of_freedom_of_thermo_csv"] == pytest.approx(3 * 32)
    assert result["distances"]["first_peak_model_A"]["all"] == pytest.approx(2.56, abs=0.05)
    assert result["diffusion"]["coefficients"]["Cu"]["diffusive"] is False
    assert "not diffusion" in result["diffusion"]["reason"]
    # Copper has no phonon above 7.5 THz, 250 cm^-1 (Svensson et al., Phys. Rev. 155, 619, 1967).
    density, frequency = np.array(result["spectrum"]["density_cm"]), np.array(result["spectrum"]["frequency_per_cm"])
    assert np.trapezoid(density[frequency < 300], frequency[frequency < 300]) > 0.95


def test_files_say_the_same_as_memory_and_the_result_is_strict_json(copper, tmp_path):
    frames, thermo = copper
    with Trajectory(tmp_path / "nve.traj", "w") as file:
        for frame in frames:
            file.write(frame)
    thermo.to_csv(tmp_path / "thermo.csv", index=False)
    from_files = analyse(tmp_path / "nve.traj", tmp_path / "thermo.csv", None)
    columns = {name: thermo[name].to_numpy() for name in thermo}
    assert from_files == analyse(frames, columns, None) == analyse(frames, thermo.to_records(index=False), None)
    assert json.loads(json.dumps(from_files, allow_nan=False)) == from_files
    assert "distances" not in from_files["verdicts"]


def test_molecule_has_no_diffusion_coefficient(water):
    frames, thermo = water
    result = analyse(frames, thermo, Frames.from_atoms(frames[::5]), target_temperature_K=300)
    assert result["diffusion"] == {"reason": result["diffusion"]["reason"]}
    assert "no meaning" in result["diffusion"]["reason"]
    assert result["temperature"]["degrees_of_freedom"] == 3
    assert result["distances"]["quantity"].startswith("probability density")


@pytest.mark.parametrize("system", ["copper", "water"])
def test_every_run_gives_the_same_set_of_figures(system, request, tmp_path):
    frames, thermo = request.getfixturevalue(system)
    result = analyse(frames, thermo, Frames.from_atoms(frames[::5]), target_temperature_K=600)
    paths = figures.draw(result, thermo, tmp_path)
    assert {path.name for path in paths} == FIGURES
    assert {path.name for path in tmp_path.iterdir()} == FIGURES | {path.with_suffix(".png").name for path in paths}
    text = {path.name: path.read_text() for path in paths}
    assert "wavenumber (cm⁻¹)" in text["spectrum.svg"] and "frequency (THz)" in text["spectrum.svg"]
    assert ("no meaning" in text["msd.svg"]) == (system == "water")
    again = {path.name: path.read_text() for path in figures.draw(result, thermo, tmp_path)}
    assert again == text


def test_exploded_walker_fails_with_reasons_and_still_draws(copper, tmp_path):
    frames, thermo = [frame.copy() for frame in copper[0]], copper[1].copy()
    last = len(frames) - 1
    frames[last].positions[5] = np.nan
    thermo.loc[len(thermo) - 1, ["total_energy_eV", "kinetic_energy_eV"]] = np.nan
    result = analyse(frames, thermo, Frames.from_atoms(frames[:50]), target_temperature_K=600)
    verdicts = result["verdicts"]
    assert not any(verdicts[name]["passed"] for name in ("conservation", "temperature", "bonds"))
    assert "step 360" in verdicts["conservation"]["reason"] and "walker 1" in verdicts["conservation"]["reason"]
    assert "walker 1" in verdicts["bonds"]["reason"]
    assert result["conservation"]["walkers"]["1"]["drift_eV_per_step"] is None
    assert result["conservation"]["worst_walker"] == 0  # the worst of those that can be measured
    assert result["conservation"]["drift_eV_per_step"] is not None
    assert result["system"]["n_frames_not_finite"] == 1
    json.dumps(result, allow_nan=False)
    assert {path.name for path in figures.draw(result, thermo, tmp_path)} == FIGURES


def test_run_without_one_finite_frame_fails_and_still_draws(water, tmp_path):
    frames, thermo = [frame.copy() for frame in water[0][:40]], water[1].iloc[:60].copy()
    for frame in frames:
        frame.positions[:] = np.nan
    thermo["kinetic_energy_eV"] = thermo["total_energy_eV"] = np.nan
    result = analyse(frames, thermo, None)
    assert [name for name, verdict in result["verdicts"].items() if verdict["passed"]] == ["completion"]
    assert "distances" in result["verdicts"]
    assert {path.name for path in figures.draw(result, thermo, tmp_path)} == FIGURES


PLANNED = Planned(walkers=2, steps=360, stride=3, timestep_fs=DT)


def stopped(frames, thermo, walker, keep):
    """The run in which a walker was stopped when it had saved so many frames."""
    last = [frame for frame in frames if frame.info["walker"] == walker][keep - 1].info["step"] if keep else -1
    kept = [f for f in frames if f.info["walker"] != walker or f.info["step"] <= last]
    return kept, thermo[(thermo["walker"] != walker) | (thermo["step"] <= last)]


@pytest.mark.parametrize(("who", "keep"), [([1], 0), ([0], 0), ([0], 1), ([1], 40), ([0, 1], 0), ([0, 1], 2)])
def test_walkers_that_stop_early_fail_the_run_and_the_rest_is_drawn(copper, tmp_path, who, keep):
    frames, thermo = copper
    for walker in who:
        frames, thermo = stopped(frames, thermo, walker, keep)
    result = analyse(frames, thermo, Frames.from_atoms(copper[0][:50]), planned=PLANNED, target_temperature_K=600)
    verdict = result["verdicts"]["completion"]
    assert not verdict["passed"]
    rows = thermo[thermo["walker"] == who[0]]
    where = f"after step {rows['step'].max()} of 360" if keep else "before its first frame"
    assert f"{len(who)} of 2 walkers stopped early, walker {who[0]} {where}" in verdict["reason"]
    json.dumps(result, allow_nan=False)
    assert {path.name for path in figures.draw(result, thermo, tmp_path)} == FIGURES
    if len(who) == 1:  # the other walker's numbers are given all the same
        assert result["conservation"]["drift_eV_per_step"] is not None
        assert result["temperature"]["temperature_mean_K"] > 300
        assert len(result["spectrum"]["peaks"])


@pytest.mark.parametrize("bad", [slice(0, 4), slice(0, 121), slice(0, 242), slice(100, 130)])
def test_frames_that_are_not_finite_fail_the_run_and_the_rest_is_drawn(copper, tmp_path, bad):
    frames, thermo = [frame.copy() for frame in copper[0]], copper[1].copy()
    for frame in frames[bad]:
        frame.positions[3] = np.nan
        frame.set_velocities(np.full((len(frame), 3), np.nan))
    rows = np.isin(
        thermo["walker"] * 1000 + thermo["step"], [f.info["walker"] * 1000 + f.info["step"] for f in frames[bad]]
    )
    thermo.loc[rows, ["potential_energy_eV", "kinetic_energy_eV", "total_energy_eV", "temperature_K"]] = np.nan
    result = analyse(frames, thermo, Frames.from_atoms(copper[0][:50]), planned=PLANNED, target_temperature_K=600)
    for name in ("conservation", "temperature", "bonds"):
        assert not result["verdicts"][name]["passed"]
        assert result["verdicts"][name]["reason"]
    json.dumps(result, allow_nan=False)
    assert {path.name for path in figures.draw(result, thermo, tmp_path)} == FIGURES


def test_verdict_tells_why_the_first_walker_stopped(copper, tmp_path):
    table = pd.DataFrame(
        {
            "walker": [0, 1],
            "survived": [False, True],
            "ended": ["Cu-Cu bond broken at step 7 of the lead-in", "reached its end"],
        }
    )
    table.to_csv(tmp_path / "walkers.csv", index=False)
    ended = reasons_to_stop(tmp_path / "walkers.csv")
    result = analyse(*stopped(*copper, 0, 0), None, planned=PLANNED, ended=ended)
    assert result["completion"]["ended"] == {"0": "Cu-Cu bond broken at step 7 of the lead-in"}
    reason = result["verdicts"]["completion"]["reason"]
    assert reason.endswith("walker 0 before its first frame: Cu-Cu bond broken at step 7 of the lead-in")


def test_without_a_plan_the_longest_walker_tells_who_stopped_early(copper):
    assert analyse(*copper, None)["verdicts"]["completion"]["passed"]
    result = analyse(*stopped(*copper, 1, 60), None)
    assert result["completion"]["stopped_after_step"] == {"1": 176}  # the last row of thermo, an even step
    assert not result["verdicts"]["completion"]["passed"]


def test_of_several_systems_the_most_frequent_is_analysed(copper, water, tmp_path):
    frames, thermo = [frame.copy() for frame in water[0] if frame.info["walker"] == 0], water[1]
    thermo = thermo[thermo["walker"] == 0].assign(walker=2)
    for frame in frames:
        frame.info["walker"] = 2
    result = analyse(frames + copper[0], pd.concat([thermo, copper[1]]), None)
    assert result["system"]["formula"] == "Cu32" and result["system"]["n_walkers"] == 2
    assert "1 of 3" in result["system"]["warning"] and result["system"]["walkers"] == [0, 1]
    drawn = []
    for rows in (pd.concat([thermo, copper[1]]), copper[1]):  # the figures leave it out as well
        drawn.append([path.read_text() for path in figures.draw(result, rows, tmp_path)])
    assert drawn[0] == drawn[1] and "the worst of 2" in drawn[0][0]


def test_reference_frames_of_the_system_and_near_its_temperature_are_compared(copper, water):
    foreign = Frames.from_atoms(water[0][:50]).with_columns(temperature_K=600.0)
    near = Frames.from_atoms(copper[0][20:120:2]).with_columns(temperature_K=np.linspace(550, 640, 50))
    cold = Frames.from_atoms(copper[0][:30]).with_columns(temperature_K=300.0)
    reference = Frames.concatenate([foreign, near, cold])
    section = analyse(*copper, reference, target_temperature_K=600)["distances"]
    assert section["n_frames_reference"] == 50 and section["reference_temperatures_K"] == [550, 640]
    single = analyse(*copper, near.take([3]), target_temperature_K=600)
    assert "distances" not in single["verdicts"] and "single reference frame" in single["distances"]["reason"]


@pytest.mark.parametrize("flat", [False, True])
def test_slab_has_no_radial_distribution_and_no_diffusion_coefficient(copper, tmp_path, flat):
    frames = [frame.copy() for frame in copper[0]]
    for frame in frames:
        frame.pbc = [True, True, False]
        if flat:
            frame.cell[2] = 0
    result = analyse(frames, copper[1], Frames.from_atoms(frames[:50]), target_temperature_K=600)
    assert "periodic throughout" in result["distances"]["reason"] and "distances" not in result["verdicts"]
    assert "periodic throughout" in result["diffusion"]["reason"] and "msd_A2" not in result["diffusion"]
    assert {path.name for path in figures.draw(result, copper[1], tmp_path)} == FIGURES


def test_figure_of_the_displacement_tells_why_there_is_no_coefficient(copper, tmp_path):
    frames = [frame for frame in copper[0] if frame.info["step"] < 100]
    result = analyse(frames, copper[1], None)
    assert result["diffusion"]["msd_A2"] and not result["diffusion"]["coefficients"]
    figures.draw(result, copper[1], tmp_path)
    assert "frames a block are too few" in (tmp_path / "msd.svg").read_text()


def test_spectrum_comes_from_the_velocities_that_were_saved_more_often(water, tmp_path):
    frames, thermo = water
    sparse = [frame for frame in frames if frame.info["step"] % 12 == 0]  # 6 fs: the O-H stretch folds back
    path = tmp_path / "velocities.h5"
    with h5py.File(path, "w") as file:
        file.attrs["interval_fs"] = 1.5
        for walker in (0, 1):
            velocities = [f.get_velocities() * units.fs for f in frames if f.info["walker"] == walker]
            file[f"walker_{walker:04d}/velocities"] = np.array(velocities, dtype=np.float32)
    often = analyse(sparse, thermo, None, velocities=path)["spectrum"]
    direct = analyse(frames, thermo, None)["spectrum"]
    assert "fold back" not in often["warning"] and "too short for lines" in often["warning"]
    assert often["interval_fs"] == 1.5
    assert np.array(often["density_cm"]) == pytest.approx(np.array(direct["density_cm"]), abs=1e-6)
    with h5py.File(path, "w") as file:
        file.attrs["interval_fs"] = 1.5  # every walker failed before its second step
    assert "fold back" in analyse(sparse, thermo, None, velocities=path)["spectrum"]["warning"]


def test_broken_bond_is_reported_with_its_walker_and_step(water):
    frames, thermo = [frame.copy() for frame in water[0]], water[1]
    late = [frame for frame in frames if frame.info["walker"] == 1 and frame.info["step"] >= 300]
    for frame in late:
        frame.positions[1] += 3 * (frame.positions[1] - frame.positions[0])
    result = analyse(frames, thermo, None)
    assert result["bonds"]["n_broken"] == 1
    assert result["bonds"]["changes"][0] | {"distance_A": None} == {
        "kind": "broken",
        "atoms": [0, 1],
        "pair": "O-H",
        "step": 300,
        "distance_A": None,
        "walker": 1,
    }
    assert not result["verdicts"]["bonds"]["passed"]


@pytest.mark.parametrize("name", ["nvt", "langevin", "nose_hoover", "v_rescale", "npt"])
def test_thermostatted_run_has_no_verdict_on_its_energy(copper, name):
    result = analyse(*copper, None, ensemble=name)
    assert result["system"]["ensemble"] == name
    theory = result["temperature"]
    assert theory["temperature_std_lowest_K"] == theory["temperature_std_highest_K"]  # canonical
    assert "conservation" not in result["verdicts"]
    assert "thermostat" in result["conservation"]["reason"]


def test_constant_pressure_is_judged_from_the_columns_of_the_cell(copper):
    frames, thermo = copper
    columns = {"pressure_GPa": np.random.default_rng(0).normal(2.0, 1.0, len(thermo)), "volume_A3": 378.0}
    result = analyse(frames, thermo.assign(**columns), None, ensemble="npt", target_pressure_GPa=2.0)
    assert result["verdicts"]["pressure"]["passed"], result["verdicts"]["pressure"]["reason"]
    assert result["pressure"]["density_mean_g_per_cm3"] == pytest.approx(32 * 63.546 / 378 * 1.66054, rel=1e-4)
    for without in (analyse(frames, thermo.assign(**columns), None), analyse(frames, thermo, None, ensemble="npt")):
        assert "pressure" not in without["verdicts"] and without["pressure"]["reason"]


def test_ensemble_of_another_name_is_refused(copper):
    with pytest.raises(ValueError, match="'berendsen' is none of nve, nvt, langevin"):
        analyse(*copper, None, ensemble="berendsen")


def test_friction_is_warned_of_where_it_changes_a_spectrum_or_a_diffusion_coefficient(copper, tmp_path):
    result = analyse(*copper, None, ensemble="langevin", friction_per_ps=10.0)
    assert result["spectrum"]["resolution_per_cm"] == pytest.approx(10 / (2 * np.pi) * 33.356, rel=1e-3)
    assert "broadens each line by some 53 cm" in result["spectrum"]["warning"]
    assert "D is too low" in result["diffusion"]["warning"]
    figures.draw(result, copper[1], tmp_path)
    assert "D is too low" in (tmp_path / "msd.svg").read_text()
    assert "broadens each line" in (tmp_path / "spectrum.svg").read_text()
    for other in (analyse(*copper, None), analyse(*copper, None, ensemble="v_rescale", friction_per_ps=10.0)):
        assert other["spectrum"]["resolution_per_cm"] < 53  # the friction is not in use
        assert "friction" not in other["spectrum"]["warning"] and "warning" not in other["diffusion"]


def test_breathing_of_the_cell_is_no_displacement(copper):
    frames = [frame.copy() for frame in copper[0]]
    for i, frame in enumerate(frames):
        frame.set_cell(frame.cell.array * (1 + 0.1 * np.sin(i)), scale_atoms=True)
        frame.positions += 100 * frame.cell.array[0]  # far from the origin, where scaling moves atoms most
    section, still = (analyse(images, copper[1], None)["diffusion"] for images in (frames, copper[0]))
    assert "mean cell" in section["warning"] and "warning" not in still
    assert section["msd_A2"]["Cu"] == pytest.approx(still["msd_A2"]["Cu"], rel=0.02)


def test_one_walking_element_in_a_rigid_lattice_diffuses(copper):
    rng, frames = np.random.default_rng(0), []
    lattice = bulk("Cu", cubic=True) * (2, 2, 2)
    lattice.symbols[::8] = "Li"
    lithium = lattice.symbols == "Li"
    for step in range(600):
        lattice.positions[lithium] += rng.normal(0, 0.1, (lithium.sum(), 3))
        image = lattice.copy()
        image.positions += rng.normal(0, 0.02, image.positions.shape)
        image.info.update(step=step, walker=0)
        frames.append(image)
    thermo = copper[1][copper[1]["walker"] == 0]
    section = analyse(frames, thermo, None)["diffusion"]
    assert section["coefficients"]["Li"]["diffusive"] and not section["coefficients"]["Cu"]["diffusive"]
    assert "reason" not in section


def test_frames_too_sparse_for_hydrogen_are_warned_of(water):
    frames, thermo = water
    sparse = [frame for frame in frames if frame.info["step"] % 12 == 0]
    assert "fold back" in analyse(sparse, thermo, None)["spectrum"]["warning"]
    assert "fold back" not in analyse(frames, thermo, None)["spectrum"]["warning"]


@pytest.mark.parametrize(
    ("drift", "spin", "kinetic"), [(False, False, 21), (True, False, 24), (False, True, 24), (True, True, 27)]
)
def test_degrees_of_freedom_follow_the_momenta(drift, spin, kinetic):
    atoms = molecule("CH3CH2OH")
    thermalize_momenta(atoms, temperature_K=300, rng=np.random.default_rng(0))
    Stationary(atoms)
    ZeroRotation(atoms)
    v = atoms.get_velocities()
    if drift:
        v = v + 0.005
    if spin:
        v = v + np.cross([0.01, 0.01, 0.01], atoms.positions - atoms.get_center_of_mass())
    atoms.set_velocities(v)
    atoms.info["step"] = 0
    free = degrees_of_freedom(read_walkers([atoms]))
    assert (free.kinetic, free.vibrational) == (kinetic, 21)
    assert (free.translation_removed, free.rotation_removed) == (not drift, not spin)


def test_linear_molecule_has_two_rotations():
    atoms = molecule("CO2")  # along z, where a stretch turns nothing
    atoms.set_momenta([[0, 0, 1.0], [0, 0, 0.5], [0, 0, -1.5]])
    atoms.info["step"] = 0
    free = degrees_of_freedom(read_walkers([atoms]))
    assert (free.kinetic, free.vibrational) == (4, 4)


def test_velocities_are_in_angstrom_per_femtosecond():
    atoms = molecule("N2")
    atoms.set_velocities([[0.02 / units.fs, 0, 0], [0, 0, 0]])
    atoms.info["step"] = 0
    assert read_walkers([atoms])[0].velocities[0, 0, 0] == pytest.approx(0.02)


def test_files_that_do_not_fit_are_refused(copper):
    frames, thermo = copper
    with pytest.raises(ValueError, match="lacks temperature_K"):
        read_thermo(thermo.drop(columns="temperature_K"))
    with pytest.raises(ValueError, match="do not increase"):
        read_walkers([frames[1], frames[0]])
    with pytest.raises(ValueError, match=r"info\['step'\]"):
        read_walkers([bulk("Cu")])
    other = bulk("Cu")
    other.info.update(walker=0, step=3)
    with pytest.raises(ValueError, match="walker 0 are not all of one system"):
        read_walkers([frames[0], other])
    with pytest.raises(ValueError, match="time step"):
        timestep_fs(read_thermo(thermo.iloc[:1]))
