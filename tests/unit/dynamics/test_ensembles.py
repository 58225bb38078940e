"""Ensembles: the temperature, pressure and conserved quantity that theory asks for."""

import numpy as np
import pytest
import torch
import torch_sim as ts
from ase import Atoms, units
from ase.build import bulk, molecule
from known_potentials import Rod, Springs, of_members, wells
from torch_sim.integrators import nvt_nose_hoover_invariant

from ouroboros.calculator import CommitteeCalculator
from ouroboros.committee import Committee
from ouroboros.dynamics import NVE, Ensemble, Limits, equilibrate, langevin, run_walkers
from ouroboros.models import build_model
from ouroboros.torchsim_model import CommitteeModel
from ouroboros.velocities import initial_momenta

EDGE = 1.5
THERMOSTATS = ("langevin", "v_rescale", "nose_hoover")


def tetrahedron(symbols="CNOF"):
    """Four atoms in their springs' rest: 12 coordinates, 6 of which vibrate."""
    corners = np.array([[1, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]]) * EDGE / np.sqrt(8)
    return Atoms(symbols, corners)


def run(starts, committee, *, temperature=300.0, rng=0, **settings):
    settings = {"timestep_fs": 1.0, "steps": 20, "stride": 1, **settings}
    return run_walkers(starts, committee, temperatures_K=temperature, rng=np.random.default_rng(rng), **settings)


@pytest.mark.parametrize("name", THERMOSTATS)
def test_a_molecule_without_rotation_comes_to_temperature(name):
    """<K> = f kT / 2 and var(K) = f (kT)² / 2 in the canonical ensemble, f = 6 here; torch-sim alone would count 9."""
    ensemble = Ensemble(name, friction_per_ps=30.0, thermostat_time_fs=20.0)
    walks = run([tetrahedron()] * 100, of_members(Springs(10.0, EDGE)), steps=900, stride=25, ensemble=ensemble)
    freedom = 12 if name == "langevin" else 6
    assert walks[0].degrees_of_freedom == freedom
    kinetic = np.array([walk.kinetic_eV[12:] for walk in walks])  # they start at half their energy
    temperature = 2 * kinetic / (freedom * units.kB)
    # 100 walkers at 25 times, some ten of them independent: sqrt(2 / 6 / 1000) = 1.8 %.
    assert temperature.mean() == pytest.approx(300.0, rel=0.06)
    assert temperature.var() / 300.0**2 == pytest.approx(2 / freedom, rel=0.25)
    np.testing.assert_allclose(walks[0].temperature_K[12:], temperature[0], rtol=1e-9)
    if name != "langevin":  # noise drives overall motion too
        masses = tetrahedron().get_masses()[:, None]
        for walk in walks[:5]:
            assert np.abs(np.sum(walk.momenta[-1], axis=0)).max() < 1e-4  # forces are float32
            about = walk.positions[-1] - (masses * walk.positions[-1]).sum(0) / masses.sum()
            assert np.abs(np.cross(about, walk.momenta[-1]).sum(axis=0)).max() < 1e-4


@pytest.mark.parametrize("bend", [0.0, 1e-3, 0.1])
def test_a_straight_molecule_has_the_temperature_of_a_bent_one(bend):
    """kT/2 for each of three motions of O-C-O: two stretches, and one bending at right angles to them."""
    start = Atoms("OCO", [[-1.2, 0, 0], [0, bend, 0], [1.2, 0, 0]])
    walks = run(
        [start] * 150,
        of_members(Rod(20.0, 1.2)),
        steps=600,
        stride=20,
        ensemble=Ensemble("v_rescale", thermostat_time_fs=20.0),
    )
    assert walks[0].degrees_of_freedom == 3
    along, across = [], []
    for walk in walks:
        for positions, momenta in zip(walk.positions[10:], walk.momenta[10:], strict=True):
            axis = (positions[2] - positions[0]) / np.linalg.norm(positions[2] - positions[0])
            parts = np.square(momenta @ axis), np.square(momenta - np.outer(momenta @ axis, axis)).sum(axis=1)
            for part, kinetic in zip(parts, (along, across), strict=True):
                kinetic.append((part / start.get_masses()).sum() / (units.kB * 300.0))
    # 150 walkers at some five independent times: sqrt(2 / (2 * 750)) = 4 % and sqrt(2 / 750) = 5 %.
    assert np.mean(along) == pytest.approx(2.0, rel=0.15)
    assert np.mean(across) == pytest.approx(1.0, rel=0.2)


def test_nose_hoover_conserves_its_invariant():
    model = CommitteeModel(of_members(Springs(10.0, EDGE)))
    ensemble, atoms = Ensemble("nose_hoover", thermostat_time_fs=20.0), [tetrahedron(), tetrahedron("CCNO")]
    state = ts.initialize_state(atoms, model.device, model.dtype)
    rng, kT = np.random.default_rng(0), torch.tensor([300.0, 600.0], dtype=torch.float64) * units.kB
    state.momenta = torch.tensor(np.concatenate([initial_momenta(a, 300.0, rng) for a in atoms]))
    state = ensemble.start(state, model, kT, 0.5 * units.fs, [6, 6])
    conserved, total = [], []
    for _ in range(400):
        state = ensemble.step(state, model, kT, 0.5 * units.fs)
        kinetic = ts.calc_kinetic_energy(masses=state.masses, momenta=state.momenta, system_idx=state.system_idx)
        conserved.append(nvt_nose_hoover_invariant(state, kT).numpy())
        total.append((state.energy + kinetic).numpy())
    assert (np.ptp(total, axis=0) > 0.1).all(), "nothing was exchanged with the thermostat"
    assert (np.ptp(conserved, axis=0) < 0.01 * np.ptp(total, axis=0)).all()


def test_chains_of_nose_hoover_stay_with_their_walkers():
    """The middle one of three leaves; the last moves as it would have alone with its own chain."""
    committee, far = of_members(Springs(10.0, EDGE)), tetrahedron()
    far.positions *= 1.4  # some 10 eV in its springs: hot as soon as it moves
    ensemble = Ensemble("nose_hoover", thermostat_time_fs=20.0)
    momenta = [initial_momenta(tetrahedron(), T, np.random.default_rng(i)) for i, T in enumerate((900, 100, 300))]
    settings = {"steps": 60, "stride": 60, "ensemble": ensemble, "limits": Limits(max_temperature_factor=40.0)}
    walks = run([tetrahedron(), far, tetrahedron()], committee, momenta=momenta, **settings)
    assert [walk.survived for walk in walks] == [True, False, True] and walks[1].last_step > 0
    for number in (0, 2):
        alone = run([tetrahedron()], committee, momenta=[momenta[number]], **settings)[0]
        np.testing.assert_allclose(walks[number].positions[-1], alone.positions[-1], atol=1e-9)


@pytest.mark.parametrize("name", THERMOSTATS)
def test_a_ramp_takes_every_walker_from_its_own_temperature_to_the_last(name):
    ensemble = Ensemble(name, friction_per_ps=100.0, thermostat_time_fs=10.0)
    starts = [tetrahedron()] * 60
    walks = run_walkers(
        starts,
        of_members(Springs(10.0, EDGE)),
        temperatures_K=[100.0, 900.0] * 30,
        timestep_fs=1.0,
        steps=600,
        stride=1,
        rng=np.random.default_rng(0),
        ensemble=ensemble,
        ramp_to_K=500.0,
    )
    assert [walk.target_K for walk in walks[:2]] == [100.0, 900.0]
    for which, middle in ((0, 300.0), (1, 700.0)):
        temperature = np.array([walk.temperature_K for walk in walks[which::2]])
        assert temperature[:, 250:350].mean() == pytest.approx(middle, rel=0.15)
        assert temperature[:, 560:].mean() == pytest.approx(500.0, rel=0.2)


def test_an_ideal_gas_takes_the_volume_that_its_pressure_asks_for():
    """p(V) ~ V^(N-1) exp(-PV/kT) with the centre of mass at rest: <V> = N kT / P."""
    n, pressure, temperature = 8, 0.05, 300.0
    expected = n * units.kB * temperature / (pressure * units.GPa)
    gas = bulk("Ar", "fcc", a=1.0, cubic=True).repeat((2, 1, 1))
    gas.set_cell(np.eye(3) * (expected / 2) ** (1 / 3), scale_atoms=True)
    ensemble = Ensemble(
        "npt",
        thermostat_time_fs=50.0,
        pressure_GPa=pressure,
        barostat_time_fs=100.0,
        compressibility_per_GPa=1 / pressure,
    )
    walks = run(
        [gas] * 60, wells(0.0, stress=True), temperature=temperature, timestep_fs=4.0, steps=400, stride=10,
        ensemble=ensemble,
    )  # fmt: skip
    volumes = np.array([[abs(np.linalg.det(cell)) for cell in walk.cells] for walk in walks])
    assert volumes[:, 0].mean() == pytest.approx(expected / 2, rel=0.05)
    # 60 walkers, samples independent after some 200 fs: 1 / sqrt(8 * 60 * 5) = 2 %; its spread is 1 / sqrt(8).
    assert volumes[:, 15:].mean() == pytest.approx(expected, rel=0.08)
    assert volumes[:, 15:].std() / expected == pytest.approx(8**-0.5, rel=0.2)
    assert np.mean([walk.temperature_K[15:] for walk in walks]) == pytest.approx(temperature, rel=0.05)


def test_the_pressure_that_is_kept_is_ases(model_settings):
    torch.manual_seed(0)
    committee = Committee([build_model(model_settings)], np.zeros((1, 100)), cutoff=4.0, stress=True)
    start = bulk("Si", cubic=True)
    ensemble = Ensemble("npt", pressure_GPa=2.0, barostat_time_fs=100.0, compressibility_per_GPa=0.1)
    walk = run([start], committee, steps=10, stride=5, ensemble=ensemble)[0]
    assert np.abs(walk.cells[-1] - start.cell.array).max() > 1e-3
    for i in range(3):
        atoms = Atoms(walk.numbers, walk.positions[i], cell=walk.cells[i], pbc=True)
        atoms.set_momenta(walk.momenta[i])
        atoms.calc = CommitteeCalculator(committee)
        pressure = -atoms.get_stress(voigt=False, include_ideal_gas=True).trace() / 3 / units.GPa
        assert walk.pressure_GPa[i] == pytest.approx(pressure, abs=2e-3)


@pytest.mark.parametrize(
    ("starts", "stress", "words"),
    [
        ([molecule("H2O")], True, "structure 0 (H2O) is not; use langevin"),
        ([bulk("Si")], False, "stress=True"),
        ([bulk("Si"), Atoms("Si", cell=np.diag([3.0, 3.0, -3.0]), pbc=True)], True, "right-handed"),
        ([Atoms("Si", cell=np.eye(3) * 4, pbc=True)], True, "a single atom"),
    ],
)
def test_npt_refuses_what_it_cannot_move_in_one_sentence(starts, stress, words):
    with pytest.raises(ValueError, match="npt") as refused:
        run(starts, wells(0.0, stress=stress), ensemble=Ensemble("npt"))
    assert words in str(refused.value) and "\n" not in str(refused.value)


def test_walkers_that_differ_in_their_periodicity_are_refused():
    with pytest.raises(ValueError, match=r"structure 1 \(H2O\) has pbc \[False, False, False\], structure 0 \(Si2\)"):
        run([bulk("Si")], wells(1.0), spares=[molecule("H2O")])


@pytest.mark.parametrize(
    ("name", "settings", "words"),
    [("nve", {"bias": 0.1}, "nve"), ("npt", {"bias": 0.1}, "npt"), ("nve", {"ramp_to_K": 100.0}, "a ramp")],
)
def test_a_bias_or_a_ramp_without_its_thermostat_is_refused(name, settings, words):
    with pytest.raises(ValueError, match=words):
        run([bulk("Si")], wells(1.0, 2.0, stress=True), ensemble=Ensemble(name), **settings)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"temperature": [300.0, 300.0]}, r"temperatures_K has shape \(2,\); give one for all, or one for each of 3"),
        ({"temperature": -1.0}, "below zero"),
        ({"stride": 0}, "stride is 0"),
        ({"velocity_stride": -2}, "velocity_stride -2"),
        ({"momenta": [np.zeros((4, 3))] * 2}, "each of the 3 walkers"),
        ({"momenta": [np.zeros((4, 3))] * 2 + [np.zeros((3, 3))]}, "each of the 3 walkers"),
    ],
)
def test_what_does_not_fit_the_walkers_is_refused_in_one_sentence(settings, words):
    with pytest.raises(ValueError, match=words):
        run([tetrahedron()] * 3, of_members(Springs(10.0, EDGE)), **settings)


def test_an_unknown_ensemble_is_refused_with_the_names_there_are():
    with pytest.raises(ValueError, match=r"'berendsen' is unknown; use one of nve, langevin, nose_hoover, v_rescale"):
        Ensemble("berendsen")


@pytest.mark.parametrize(
    "name", ["friction_per_ps", "thermostat_time_fs", "barostat_time_fs", "compressibility_per_GPa"]
)
@pytest.mark.parametrize("value", [0.0, -1.0, float("nan"), float("inf")])
def test_times_frictions_and_compressibilities_are_above_zero(name, value):
    with pytest.raises(ValueError, match=f"{name} of an ensemble is"):
        Ensemble("npt", **{name: value})


@pytest.mark.parametrize("name", ["v_rescale", "nose_hoover"])
def test_a_single_atom_has_no_velocity_to_rescale(name):
    with pytest.raises(ValueError, match="single atom"):
        run([Atoms("Ne")], wells(1.0), ensemble=Ensemble(name))
    assert run([Atoms("Ne")], wells(1.0), ensemble=langevin(10.0))[0].survived


def test_a_lead_in_gives_a_relaxed_start_its_temperature():
    """At constant energy half of the kinetic energy of a relaxed structure goes into its springs."""
    committee, starts = of_members(Springs(10.0, EDGE)), [tetrahedron()] * 100
    settings = {"timestep_fs": 1.0, "temperatures_K": 300.0}

    def mean_temperature(structures, momenta):
        walks = run(structures, committee, steps=300, stride=10, momenta=momenta, ensemble=NVE)
        return np.mean([walk.temperature_K[5:] for walk in walks])

    ready, lost = equilibrate(starts, committee, steps=200, rng=np.random.default_rng(0), **settings)
    assert not lost and [atoms.info["start"] for atoms in ready] == list(range(100))
    for atoms in ready[:5]:
        np.testing.assert_allclose(atoms.get_momenta().sum(axis=0), 0, atol=1e-9)
        np.testing.assert_allclose(atoms.get_angular_momentum(), 0, atol=1e-9)
    # 100 walkers of 6 vibrations: 1 / sqrt(600) = 4 % of their energy.
    led_in = mean_temperature(ready, [atoms.get_momenta() for atoms in ready])
    assert led_in == pytest.approx(300.0, rel=0.13)
    assert mean_temperature(starts, None) == pytest.approx(150.0, rel=0.13)


def test_overall_motion_is_warm_where_langevin_dynamics_goes_on():
    """At a friction that would take 5 ps to warm it: six of twelve motions at rest are half the temperature."""
    committee, starts = of_members(Springs(10.0, EDGE)), [tetrahedron()] * 60
    ready, _ = equilibrate(
        starts, committee, steps=200, timestep_fs=1.0, temperatures_K=300.0, rng=np.random.default_rng(0),
        keep_overall_motion=True,
    )  # fmt: skip
    momenta = [atoms.get_momenta() for atoms in ready]
    walks = run(ready, committee, steps=100, stride=10, momenta=momenta, ensemble=langevin(0.1))
    # 60 walkers of 6 lasting and 6 swinging motions: sqrt(2 / 720) = 5 %.
    assert np.mean([walk.temperature_K for walk in walks]) == pytest.approx(300.0, rel=0.17)


def test_walkers_lost_in_the_lead_in_are_told_by_their_number():
    close = tetrahedron()
    close.positions *= 0.3
    ready, lost = equilibrate(
        [tetrahedron(), close, tetrahedron()],
        of_members(Springs(0.1, EDGE)),
        temperatures_K=300.0,
        timestep_fs=1.0,
        steps=2,
        rng=np.random.default_rng(0),
        limits=Limits(closest_contact=0.5),
    )
    assert [atoms.info["start"] for atoms in ready] == [0, 2] and list(lost) == [1]
    assert lost[1].ended.endswith("of the lead-in") and lost[1].start == 1 and not lost[1].step


def test_a_lead_in_that_none_survives_says_so():
    with pytest.raises(
        ValueError, match=r"no walker came through the lead-in of 10 fs: walker 0, two atoms at .* of the lead-in"
    ):
        equilibrate(
            [tetrahedron()],
            of_members(Springs(10.0, EDGE)),
            temperatures_K=300.0,
            timestep_fs=1.0,
            steps=10,
            rng=np.random.default_rng(0),
            limits=Limits(closest_contact=0.99999 * EDGE / 1.2),
        )
