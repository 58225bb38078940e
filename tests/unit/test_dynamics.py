"""Dynamics: the physics against known answers and ASE, and every fault stops its own walker alone."""

import copy
from dataclasses import replace

import numpy as np
import pytest
import torch
from ase import Atoms, units
from ase.build import bulk, molecule
from ase.data import covalent_radii
from ase.md.verlet import VelocityVerlet
from known_potentials import wells

from ouroboros.analysis import conservation
from ouroboros.calculator import CommitteeCalculator
from ouroboros.calibration import gaussian
from ouroboros.committee import Committee
from ouroboros.dynamics import NVE, Limits, langevin, run_walkers
from ouroboros.frames import Frames
from ouroboros.models import build_model
from ouroboros.torchsim_model import CommitteeModel
from ouroboros.velocities import initial_momenta
from ouroboros.walk import REACHED_END

# ASE divides by a moment of inertia of zero, and drops the result, where a molecule is linear.
pytestmark = pytest.mark.filterwarnings("ignore:(divide by zero|invalid value) encountered:RuntimeWarning:ase")


class FromThirdCall(torch.nn.Module):
    """A member whose forces become NaN after two good evaluations."""

    def __init__(self, member):
        super().__init__()
        self.member, self.calls = member, 0

    def forward(self, inputs):
        self.calls += 1
        results = self.member(inputs)
        return {**results, "forces": results["forces"] * (np.nan if self.calls > 2 else 1.0)}


def run(starts, committee, *, rng=0, temperature=300.0, **settings):
    settings = {"timestep_fs": 0.5, "steps": 20, "stride": 1, **settings}
    rng = np.random.default_rng(rng) if isinstance(rng, int) else rng
    return run_walkers(starts, committee, temperatures_K=[temperature] * len(starts), rng=rng, **settings)


def positions(walk):
    return np.array(walk.positions)


# --- forces and pairs


def test_walkers_feel_the_forces_of_the_committee(committee, water):
    starts = water.take(np.arange(5)).to_atoms()
    expected, walks = committee.predict(water.take(np.arange(5))), run(starts, committee, steps=0)
    largest = np.linalg.norm(expected.forces.reshape(5, 3, 3), axis=-1).max(axis=1)
    np.testing.assert_allclose([w.max_force[0] for w in walks], largest, atol=1e-5)
    np.testing.assert_allclose([w.uncertainty[0] for w in walks], expected.max_force_std, atol=1e-5)
    np.testing.assert_allclose([w.potential_eV[0] for w in walks], expected.energy, atol=2e-5)


@pytest.mark.parametrize("system", ["crystal", "large molecule", "outside the cell"])
def test_neighbour_lists_of_walkers_are_those_of_the_calculator(model_settings, system):
    """Periodic cells and molecules too large for keeping every pair go through torch-sim's own neighbour search."""
    torch.manual_seed(0)
    committee = Committee([build_model(model_settings)], np.zeros((1, 100)), cutoff=4.0)
    if system == "large molecule":
        atoms = Atoms("H70", np.random.default_rng(0).uniform(0, 12, (70, 3)))
    else:
        atoms = bulk("Cu", cubic=True)
        atoms.rattle(0.1, seed=0)
        if system == "outside the cell":
            atoms.positions += [0.3, 11.0, -4.0]
    expected = committee.predict(Frames.from_atoms([atoms, atoms]))
    walks = run([atoms, atoms], committee, steps=0)
    largest = np.linalg.norm(expected.forces, axis=-1).max()
    assert largest > 1e-3
    for walk in walks:
        assert walk.max_force[0] == pytest.approx(largest, abs=1e-5)
        assert walk.potential_eV[0] == pytest.approx(expected.energy[0], rel=1e-5)


def test_closest_contact_is_the_distance_over_the_covalent_radii(committee):
    import torch_sim as ts

    atoms = molecule("H2O")
    model = CommitteeModel(committee)
    contact = model(ts.initialize_state([atoms], model.device, model.dtype))["closest_contact"].item()
    assert contact == pytest.approx(atoms.get_distance(0, 1) / (0.66 + 0.31), abs=1e-6)


def test_stress_of_torch_sim_is_the_committees(committee):
    import torch_sim as ts

    atoms = molecule("H2O")
    atoms.set_cell([[3.1, 0.2, 0.0], [0.3, 3.3, 0.1], [-0.2, 0.0, 3.4]])
    atoms.pbc = True
    model = CommitteeModel(committee.with_stress())
    assert model.compute_stress and not CommitteeModel(committee).compute_stress
    state = ts.initialize_state([atoms, atoms.repeat((1, 1, 2))], model.device, model.dtype)
    atoms.calc = CommitteeCalculator(committee)
    for stress in model(state)["stress"].numpy():
        np.testing.assert_allclose(stress, atoms.get_stress(voigt=False), atol=1e-5)
    assert "stress" not in CommitteeModel(committee)(state)


def test_kept_pairs_are_found_anew_for_another_grouping_of_as_many_atoms(committee):
    import torch_sim as ts

    used, fresh = CommitteeModel(committee), CommitteeModel(committee)
    used(ts.initialize_state([molecule("H2O"), molecule("H2O")], used.device, used.dtype))
    state = ts.initialize_state([molecule("CH3OH")], used.device, used.dtype)
    torch.testing.assert_close(used(state)["forces"], fresh(state)["forces"], rtol=0, atol=0)


# --- constant energy


def test_walkers_move_as_ase_moves_them(committee, water):
    atoms = water.take([1]).to_atoms()[0]
    walk = run([atoms], committee, steps=40)[0]
    atoms.set_momenta(initial_momenta(atoms, 300.0, np.random.default_rng(0)))
    atoms.calc = CommitteeCalculator(committee)
    expected, momenta = [atoms.positions.copy()], [atoms.get_momenta()]
    dynamics = VelocityVerlet(atoms, timestep=0.5 * units.fs)
    for _ in range(40):
        dynamics.run(1)
        expected.append(atoms.positions.copy())
        momenta.append(atoms.get_momenta())
    # Single-precision forces differ by some 1e-6 eV/Å between the two; over 20 fs (2 in ASE's time unit) on a
    # hydrogen atom that is 1e-6 Å, growing with the molecule's own vibrations.
    assert np.abs(expected[-1] - expected[0]).max() > 0.05
    np.testing.assert_allclose(positions(walk), expected, atol=2e-5)
    np.testing.assert_allclose(np.array(walk.momenta), momenta, atol=1e-4)


def test_a_batch_is_each_walker_alone(committee, water, frames):
    starts = [*water.take([0, 1]).to_atoms(), frames.take(frames.n_atoms == 6).to_atoms()[0]]
    together, rng = run(starts, committee), np.random.default_rng(0)
    for start, walk in zip(starts, together, strict=True):
        alone = run([start], committee, rng=copy.deepcopy(rng))[0]
        initial_momenta(start, 300.0, rng)  # what this walker takes from the stream before the next one's turn
        np.testing.assert_array_equal(walk.momenta[0], alone.momenta[0])
        np.testing.assert_allclose(positions(walk), positions(alone), atol=1e-5)
        np.testing.assert_allclose(walk.kinetic_eV, alone.kinetic_eV, atol=1e-5)


def test_total_energy_is_conserved_to_second_order_in_the_time_step(committee, water):
    def wobble(timestep):
        steps = round(20 / timestep)
        walk = run([water.take([1]).to_atoms()[0]], committee, timestep_fs=timestep, steps=steps)[0]
        total = np.array(walk.potential_eV) + walk.kinetic_eV
        return total.std()

    coarse, fine = wobble(0.8), wobble(0.2)
    assert fine < 2e-3
    # Velocity Verlet: the error falls with the square of the step, here sixteenfold.
    assert 8 < coarse / fine < 32


def test_the_kernels_conserve_the_energy_as_schnetpack_does(committee_files, water):
    """500 steps of water from one start: forces that differ by rounding alone give the same drift and fluctuation."""
    fast, slow = Committee.load(committee_files), Committee.load(committee_files)
    slow.one_by_one_because = "for comparison"
    if fast.one_by_one_because:
        pytest.skip(fast.one_by_one_because)
    lines = []
    for committee in (fast, slow):
        walk = run(water.take([1]).to_atoms(), committee, steps=500)[0]
        assert walk.survived
        lines.append(conservation.measure(np.array(walk.step), np.add(walk.potential_eV, walk.kinetic_eV), 0.5, 3))
    ours, theirs = lines
    assert theirs.rms_fluctuation_eV > 1e-6
    assert ours.rms_fluctuation_eV == pytest.approx(theirs.rms_fluctuation_eV, rel=0.05)
    # what the fluctuation alone can make of the slope of a line through 500 steps
    assert ours.drift_eV_per_step == pytest.approx(theirs.drift_eV_per_step, abs=0.1 * theirs.rms_fluctuation_eV / 500)


def test_a_harmonic_well_swings_with_its_period():
    """ω² = k / m: the units of time, mass and force together."""
    start = Atoms("He2", [[0.3, 0, 0], [-0.3, 0, 0]])
    stiffness, mass = 5.0, start.get_masses()[0]
    walk = run([start], wells(stiffness), temperature=0.0, timestep_fs=0.25, steps=400)[0]
    time = 0.25 * units.fs * np.arange(401)
    np.testing.assert_allclose(positions(walk)[:, 0, 0], 0.3 * np.cos(np.sqrt(stiffness / mass) * time), atol=2e-3)


# --- the thermostat


def test_friction_brings_resting_atoms_to_temperature_at_its_rate():
    """Free particles: T(t) = T (1 - exp(-2 γ t)); a lone atom starts at rest, for its drift is taken out."""
    starts = [Atoms("Ne")] * 600
    walks = run(starts, wells(0.0), ensemble=langevin(10.0), steps=200, stride=50)
    measured = np.mean([walk.temperature_K for walk in walks], axis=0)
    expected = 300.0 * (1 - np.exp(-2 * 0.010 * 25.0 * np.arange(5)))
    assert measured[0] == pytest.approx(0.0, abs=1e-9)
    # 1,800 degrees of freedom: a relative error of sqrt(2 / 1800) = 3.3 %; four of them.
    np.testing.assert_allclose(measured[1:], expected[1:], rtol=4 * np.sqrt(2 / 1800))


def test_thermostat_samples_the_boltzmann_distribution():
    """<m v²> = kT and k <x²> = kT for each coordinate (BAOAB: at a small time step to well under 1 %)."""
    starts = [Atoms("He2")] * 150
    stiffness, target = 5.0, 450.0
    walks = run(starts, wells(stiffness), temperature=target, ensemble=langevin(50.0), steps=300, stride=50)
    late = slice(3, None)
    temperature = np.mean([walk.temperature_K[late] for walk in walks])
    squares = np.mean([np.square(walk.positions[late]).mean() for walk in walks])
    # 900 coordinates at 4 times 25 fs apart, nearly independent at this friction: sqrt(2 / 3600) = 2.4 %.
    assert temperature == pytest.approx(target, rel=0.1)
    assert stiffness * squares == pytest.approx(units.kB * target, rel=0.1)


def test_each_walker_keeps_its_own_temperature_when_another_leaves():
    far = Atoms("He3", np.full((3, 3), 10.0))  # a spread of 10 eV/Å and more: it stops at step 0
    walks = run_walkers(
        [far] + [Atoms("He3")] * 60,
        wells(1.5, 2.5),
        temperatures_K=[200.0] + [800.0, 200.0] * 30,
        timestep_fs=1.0,
        steps=100,
        stride=25,
        rng=np.random.default_rng(0),
        ensemble=langevin(50.0),
        limits=Limits(hard_limit=8.0),
    )
    assert [walk.survived for walk in walks] == [False] + [True] * 60
    hot, cold = (np.mean([walk.temperature_K[2:] for walk in walks[i::2]]) for i in (1, 2))
    # 30 walkers of 9 coordinates at 3 times: sqrt(2 / 810) = 5 %.
    assert hot == pytest.approx(800.0, rel=0.2)
    assert cold == pytest.approx(200.0, rel=0.2)


def test_noise_still_comes_from_the_seed_after_a_walker_has_left():
    """Lone atoms start at rest, so that nothing but the thermostat tells one seed from another."""
    starts = [Atoms("Ne"), Atoms("Ne"), Atoms("Ne", [[10.0, 0, 0]])]

    def survivors(seed):
        walks = run(starts, wells(1.0, 2.0), rng=seed, ensemble=langevin(10.0), limits=Limits(hard_limit=5.0))
        assert [walk.survived for walk in walks] == [True, True, False]
        return np.array([positions(walk) for walk in walks[:2]])

    np.testing.assert_array_equal(survivors(1), survivors(1))
    assert np.abs(survivors(1)[:, -1] - survivors(2)[:, -1]).min() > 0
    assert not np.array_equal(*survivors(1))


# --- reproducibility


@pytest.mark.parametrize("ensemble", [NVE, langevin(10.0)], ids=["constant energy", "thermostat"])
def test_the_seed_decides_everything(committee, water, ensemble):
    starts = water.take([0, 1, 2]).to_atoms()
    one, again, other = (run(starts, committee, rng=seed, ensemble=ensemble) for seed in (5, 5, 6))
    for a, b, c in zip(one, again, other, strict=True):
        np.testing.assert_array_equal(positions(a), positions(b))
        assert a.uncertainty == b.uncertainty and a.kinetic_eV == b.kinetic_eV
        assert np.abs(positions(a)[-1] - positions(c)[-1]).max() > 1e-3


def test_walkers_from_one_structure_go_their_own_ways(committee, water):
    one, other = run(water.take([0, 0]).to_atoms(), committee, ensemble=langevin(10.0))
    assert np.abs(positions(one)[-1] - positions(other)[-1]).max() > 1e-3


# --- what is kept


def test_frames_are_kept_at_every_stride_with_step_zero(committee, water):
    walk = run(water.take([0]).to_atoms(), committee, steps=20, stride=5)[0]
    assert walk.step == [0, 5, 10, 15, 20]
    for values in (
        walk.potential_eV,
        walk.temperature_K,
        walk.uncertainty,
        walk.max_force,
        walk.positions,
        walk.momenta,
    ):
        assert len(values) == 5
    assert walk.survived and walk.ended == REACHED_END and walk.last_step == 20
    assert not np.array_equal(walk.positions[0], walk.positions[1])


def test_the_spread_of_every_kept_frame_is_that_of_the_prediction(committee, frames):
    """What the committee says of the kept positions: energy, each atom's force, and the calibrated mean over atoms."""
    starts = [*frames.take(frames.n_atoms == 3).to_atoms()[:2], frames.take(frames.n_atoms == 6).to_atoms()[0]]
    limits = Limits(calibration=replace(gaussian(), scale=2.0, power=0.8, frame_share=0.5))
    for walk in run(starts, committee, steps=6, stride=3, limits=limits, ensemble=langevin(10.0)):
        expected = committee.predict(Frames.from_atoms([Atoms(walk.numbers, p) for p in walk.positions]))
        spread = expected.force_std.reshape(3, -1)
        np.testing.assert_allclose(walk.force_std, spread, rtol=1e-3, atol=1e-5)
        np.testing.assert_allclose(walk.energy_std, expected.energy_std, rtol=1e-3, atol=1e-4)
        of_frame = np.sqrt((spread**2).mean(axis=1, keepdims=True))
        error = 2 * spread**0.4 * of_frame**0.4
        np.testing.assert_allclose(walk.mean_uncertainty, error.mean(axis=1), rtol=1e-3)
        np.testing.assert_allclose(walk.uncertainty, error.max(axis=1), rtol=1e-3)


def test_the_starting_structures_are_not_moved(committee, water):
    starts = water.take([0, 1]).to_atoms()
    before = [atoms.positions.copy() for atoms in starts]
    walks = run(starts, committee)
    for atoms, old, walk in zip(starts, before, walks, strict=True):
        np.testing.assert_array_equal(atoms.positions, old)
        np.testing.assert_array_equal(walk.positions[0], old)


# --- faults


def squeezed():
    """Water with its hydrogen atoms at 0.2 Å: 0.32 of their covalent distance."""
    atoms = molecule("H2O")
    atoms.set_distance(1, 2, 0.2)
    return atoms


def test_a_walker_with_atoms_too_close_stops_alone(committee, water):
    good = water.take([0, 1]).to_atoms()
    walks = run([*good, squeezed()], committee, limits=Limits(closest_contact=0.5))
    assert [walk.survived for walk in walks] == [True, True, False]
    assert walks[2].ended == "two atoms at 0.32 of their covalent distance at step 0"
    assert walks[2].step == [] and walks[2].last_step == 0
    without = run(good, committee, limits=Limits(closest_contact=0.5))
    for walk, undisturbed in zip(walks, without, strict=False):
        assert walk.step == undisturbed.step == list(range(21))
        np.testing.assert_allclose(positions(walk), positions(undisturbed), atol=1e-5)


def test_the_others_do_not_notice_at_all():
    """No random numbers at constant energy, and wells that know no rounding between systems: equal to the last bit."""
    good = [molecule("H2O"), molecule("NH3")]
    walks = run([*good, squeezed()], wells(0.1), limits=Limits(closest_contact=0.5))
    for walk, undisturbed in zip(walks, run(good, wells(0.1)), strict=False):
        np.testing.assert_array_equal(positions(walk), positions(undisturbed))
        assert walk.kinetic_eV == undisturbed.kinetic_eV and walk.survived
    assert not walks[2].survived


def closest_contact(walk):
    """Smallest distance in any frame, over the summed covalent radii."""
    first, second = np.triu_indices(len(walk.numbers), 1)
    distances = np.linalg.norm(positions(walk)[:, first] - positions(walk)[:, second], axis=-1)
    radii = covalent_radii[walk.numbers]
    return (distances / (radii[first] + radii[second])).min()


def test_a_walker_that_leaves_in_the_middle_takes_nothing_of_its_neighbours(committee):
    """The middle one of three ends on the way; momenta, targets and forces of the others stay theirs."""
    starts, temperatures_K = [molecule(name) for name in ("H2O", "H2O", "CH3OH")], [100.0, 1000.0, 300.0]

    def move(which, rng, limits=None):
        return run_walkers(
            [starts[i] for i in which],
            committee,
            temperatures_K=[temperatures_K[i] for i in which],
            timestep_fs=0.5,
            steps=20,
            stride=1,
            rng=rng,
            limits=limits,
        )

    contacts = [closest_contact(walk) for walk in move([0, 1, 2], np.random.default_rng(3))]
    assert contacts[1] < min(contacts[0], contacts[2]), "the hot one does not come closest"
    limits = Limits(closest_contact=(contacts[1] + min(contacts[0], contacts[2])) / 2)
    walks, rng = move([0, 1, 2], np.random.default_rng(3), limits), np.random.default_rng(3)
    assert [walk.survived for walk in walks] == [True, False, True] and 0 < walks[1].last_step < 19
    for i, walk in enumerate(walks):
        alone = move([i], copy.deepcopy(rng), limits)[0]
        initial_momenta(starts[i], temperatures_K[i], rng)  # as many numbers as this walker drew
        assert (walk.ended, walk.last_step, walk.step) == (alone.ended, alone.last_step, alone.step)
        np.testing.assert_allclose(positions(walk), positions(alone), atol=1e-4)


def test_a_walker_over_the_hard_limit_stops_alone_and_says_by_how_much(committee, water):
    starts = water.take([0, 1]).to_atoms()
    strange = molecule("H2O")
    strange.set_distance(0, 1, 2.2, fix=0)
    low, high = (run([a], committee, steps=0)[0].uncertainty[0] for a in (starts[0], strange))
    factor, limit = 2.0, 2.0 * high * 0.9
    assert low < 0.5 * high, "the strange structure is not strange to the committee"
    walks = run(
        [*starts, strange],
        committee,
        steps=10,
        limits=Limits(hard_limit=limit, calibration=replace(gaussian(), scale=factor)),
    )
    assert [walk.survived for walk in walks] == [True, True, False]
    words = walks[2].ended.split()
    assert (words[0], words[2:]) == ("uncertainty", ["eV/Å", "at", "step", "0"])
    assert float(words[1]) == pytest.approx(factor * high, abs=0.01)
    assert walks[0].uncertainty[0] == pytest.approx(factor * low, rel=1e-4)


def test_frames_before_the_stop_are_kept():
    """Wells of different depth: the spread grows as the atoms move outwards, and trips the limit on the way."""
    start = Atoms("H2", [[0.5, 0, 0], [-0.5, 0, 0]])
    limits = Limits(hard_limit=0.6)
    walk = run([start], wells(-1.0, -2.0), temperature=0.0, steps=200, limits=limits)[0]
    assert not walk.survived and 2 < len(walk.step) < 200
    assert walk.step == list(range(walk.last_step + 1))
    assert walk.ended.endswith(f"at step {walk.last_step + 1}")
    assert max(walk.uncertainty) <= 0.6
    # The spread of two members is |k1 - k2| |x| / sqrt(2).
    np.testing.assert_allclose(walk.uncertainty, np.abs(positions(walk)[:, 0, 0]) / np.sqrt(2), rtol=1e-5)


def test_a_walker_that_runs_hot_stops(committee):
    start = molecule("H2O")
    start.set_distance(0, 1, 1.3, fix=0)  # a stretched bond: its energy turns to heat within a few femtoseconds
    limits = Limits(max_temperature_factor=4.0)
    walk = run([start], committee, temperature=100.0, steps=200, limits=limits)[0]
    assert walk.ended.startswith("temperature ") and not walk.survived
    assert max(walk.temperature_K) <= 1500.0  # three degrees of freedom: 15 times the temperature may be chance


@pytest.mark.parametrize("ensemble", [NVE, langevin(10.0)], ids=["constant energy", "thermostat"])
def test_nan_weights_end_every_walker_with_the_reason(committee, water, ensemble):
    members = [copy.deepcopy(member) for member in committee.members]
    with torch.no_grad():
        for parameter in members[1].parameters():
            parameter.fill_(np.nan)
    broken = Committee(members, committee.energy_offsets, committee.cutoff)
    walks = run(water.take(np.arange(4)).to_atoms(), broken, ensemble=ensemble)
    assert [walk.ended for walk in walks] == ["energy, forces, velocities or uncertainty are not finite at step 0"] * 4
    assert all(walk.step == [] and not walk.survived for walk in walks)


@pytest.mark.parametrize("size", [1, 3])
def test_nan_on_the_way_ends_the_walk_and_keeps_the_good_frames(committee, water, size):
    members = [FromThirdCall(committee.members[0]), *committee.members[1:size]]
    broken = Committee(members, committee.energy_offsets[:size], committee.cutoff)
    walk = run(water.take([0]).to_atoms(), broken)[0]
    assert walk.ended == "energy, forces, velocities or uncertainty are not finite at step 2"
    assert walk.step == [0, 1] and np.isfinite(positions(walk)).all() and np.isfinite(walk.max_force).all()


def test_no_frame_with_nan_forces_is_kept_of_a_committee_of_one(water, committee):
    class NaNForces(torch.nn.Module):
        def forward(self, inputs):
            results = committee.members[0](inputs)
            return {**results, "forces": results["forces"] * np.nan}

    walk = run(water.take([0]).to_atoms(), Committee([NaNForces()], np.zeros((1, 100)), 4.0))[0]
    assert not walk.survived
    assert walk.step == [], "the frame of step 0 has NaN forces and was kept"


def test_a_periodic_run_survives_atoms_crossing_the_boundary(model_settings):
    torch.manual_seed(0)
    committee = Committee([build_model(model_settings)], np.zeros((1, 100)), cutoff=4.0)
    start = bulk("Al", cubic=True)
    start.positions -= 1e-3  # on the edge: thermal motion takes the atoms to and fro
    walk = run([start], committee, temperature=600.0, timestep_fs=1.0, steps=40)[0]
    total = np.array(walk.potential_eV) + walk.kinetic_eV
    assert walk.survived
    inside = positions(walk)[:, 0] > 0
    assert inside.any() and not inside[0].any(), "no atom crossed, so that this test would show nothing"
    assert np.ptp(total) < 0.05 * np.mean(walk.kinetic_eV)
