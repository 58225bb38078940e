"""Every walker watched at every step: what stops it, what does not, and who takes its place."""

import numpy as np
import pytest
import torch
import torch_sim as ts
from ase import Atoms, units
from ase.build import bulk, molecule
from known_potentials import Cliff, Wells, of_members, wells
from torch_sim.integrators import MDState

from ouroboros.analysis import bonds as analysed
from ouroboros.committee import Committee
from ouroboros.dynamics import NVE, Ensemble, Limits, langevin, run_walkers
from ouroboros.dynamics.bond_watch import BROKEN, MADE, NON_METALS, SKIN, BondWatch
from ouroboros.dynamics.watching import Watch, hottest_by_chance
from ouroboros.frames import Frames
from ouroboros.models import build_model

# ASE divides by a moment of inertia of zero, and drops the result, where a molecule is linear.
pytestmark = pytest.mark.filterwarnings("ignore:(divide by zero|invalid value) encountered:RuntimeWarning:ase")


def run(starts, committee, *, temperature=300.0, rng=0, **settings):
    settings = {"timestep_fs": 0.5, "steps": 20, "stride": 1, **settings}
    return run_walkers(starts, committee, temperatures_K=temperature, rng=np.random.default_rng(rng), **settings)


def state_of(images):
    state = ts.initialize_state(images, torch.device("cpu"), torch.float64)
    n = state.positions.shape[0]
    return MDState.from_state(
        state, momenta=torch.zeros(n, 3), forces=torch.zeros(n, 3), energy=torch.zeros(len(images))
    )


# --- bonds


def followed(images):
    """What a BondWatch says of one walker's images, step by step: the first change of each pair."""
    watch, found = BondWatch(), {}
    for step, atoms in enumerate(images):
        state = state_of([atoms])
        pair, moved = watch.look(state, [0])
        if moved[0] > SKIN / 2:
            watch.search(state, [0])
            pair, _ = watch.look(state, [0])
        if pair[0] >= 0:
            found.setdefault(watch.remember(state)[0], step)
    found.pop("", None)  # what began between the limits
    return found


def test_the_definition_of_a_bond_is_the_analysis_own():
    assert (MADE, BROKEN) == (analysed.MADE, analysed.BROKEN)
    assert set(NON_METALS) == set(analysed.NON_METALS)


@pytest.mark.parametrize("system", ["molecule", "large molecule", "crystal", "crystal of a moving cell"])
def test_bonds_change_where_the_analysis_finds_them(system):
    """Atoms wander, so that bonds break and form one at a time; both have to see the same first change."""
    rng = np.random.default_rng(3)
    atoms = {
        "molecule": molecule("CH3CH2OH"),
        "large molecule": Atoms("C80", rng.uniform(0, 14, (80, 3))),
    }.get(system, bulk("Si", cubic=True).repeat(2))
    images, cells = [], []
    for _ in range(60):
        images.append(atoms.copy())
        cells.append(atoms.cell.array.copy())
        atoms.positions += rng.normal(0, 0.05, (len(atoms), 3))
        if system.endswith("moving cell"):
            atoms.set_cell(atoms.cell * 1.006, scale_atoms=True)
    positions = np.array([image.positions for image in images])
    expected = analysed.changes(positions, atoms.numbers, np.arange(60), np.array(cells), atoms.pbc)
    assert expected, "no bond changed, so that this test would show nothing"
    first = min(change.step for change in expected)
    words = {
        f"{c.pair} bond {c.kind} (atoms {c.atoms[0]} and {c.atoms[1]} at {c.distance_A:.2f} Å)"
        for c in expected
        if c.step == first
    }
    found = followed(images)
    assert min(found.values()) == first
    assert {sentence for sentence, step in found.items() if step == first} <= words


def test_what_is_known_of_bonds_outlives_newcomers_and_a_new_search():
    """A stretched bond between the two limits stays a bond when the pairs are searched again for another batch."""
    near, between, far = (Atoms("H2", [[0, 0, 0], [0, 0, factor * 0.62]]) for factor in (1.0, 1.4, 1.6))
    watch = BondWatch()

    def look(images, walkers):
        state = state_of(images)
        pair, _ = watch.look(state, walkers)
        return watch.remember(state) if (pair >= 0).any() else [""] * len(images)

    assert look([near, far], [0, 1]) == ["", ""]
    assert look([between, between], [0, 1]) == ["", ""]
    broken = "H-H bond broken (atoms 0 and 1 at 0.99 Å)"
    assert look([between, far, between], [1, 0, 2]) == ["", broken, ""]  # the batch was put together anew
    formed = "H-H bond formed (atoms 0 and 1 at 0.62 Å)"
    # Walker 2 began between the two: what it is shows only now.
    assert look([near, far, near], [1, 0, 2]) == [formed, "", ""]
    assert look([near, far, far], [1, 0, 2]) == ["", "", broken]


def test_walkers_that_a_look_leaves_out_keep_their_bonds():
    """As when newcomers are looked at alone before they join the batch."""
    a, b, c = molecule("CH3OH"), molecule("CH3OH"), molecule("H2O")
    watch = BondWatch()
    for images, walkers in (([a, b], [0, 1]), ([c], [2]), ([a, b, c], [0, 1, 2]), ([b, c], [1, 2]), ([c], [2])):
        assert watch.look(state_of(images), walkers)[0].tolist() == [-1] * len(images)
    resumed = BondWatch()
    resumed.restore(watch.dump())
    assert resumed.look(state_of([b, c]), [1, 2])[0].tolist() == [-1, -1]


def test_a_replacement_leaves_the_bonds_of_the_others_alone(committee):
    strange = molecule("H2O")
    strange.set_distance(0, 1, 1.25, fix=0)
    methanol = molecule("CH3OH")
    limits = Limits(max_temperature_factor=6.0, stop_at_bond_change=True)
    walks = run([methanol, methanol, strange], committee, limits=limits, spares=[molecule("H2O")])
    assert not walks[2].survived and walks[3].replaces == 2 and walks[3].began_at > 0
    assert [(walk.survived, walk.bond_change) for walk in (*walks[:2], walks[3])] == [(True, "")] * 3


@pytest.mark.parametrize("stop", [True, False])
def test_a_broken_bond_stops_its_walker_where_it_is_asked_to(stop):
    apart, still = Atoms("H2", [[0.37, 0, 0], [-0.37, 0, 0]]), Atoms("He", [[0.0, 0, 0]])
    walks = run([apart, still], wells(-1.0), temperature=1e-6, steps=60, limits=Limits(stop_at_bond_change=stop))
    lengths = np.array([np.linalg.norm(x[0] - x[1]) for x in walks[0].positions])
    step = int(np.argmax(lengths >= 1.5 * 0.62)) if not stop else walks[0].last_step + 1
    assert walks[0].bond_change.startswith("H-H bond broken (atoms 0 and 1 at 0.9")
    assert walks[0].bond_change.endswith(f"at step {step}")
    assert walks[0].survived is not stop and walks[1].survived and not walks[1].bond_change
    if stop:
        assert walks[0].ended == walks[0].bond_change and (lengths < 1.5 * 0.62).all()
        crossing = walks[0].crossing
        assert crossing.step == step and np.linalg.norm(np.subtract(*crossing.positions)) >= 1.5 * 0.62


# --- energy


@pytest.mark.parametrize(
    "ensemble", [NVE, langevin(10.0), Ensemble("v_rescale"), Ensemble("nose_hoover")], ids=lambda e: e.name
)
def test_energy_that_no_force_explains_stops_a_walker_in_every_ensemble(ensemble):
    """Down a cliff of 0.5 eV the walker goes on as if there was none, but for the energy; harmonic wells show 0."""
    limits, start = Limits(max_energy_jump=0.4), Atoms("He2", [[0.3, 0, 0], [-0.3, 0, 0]])
    settings = {"ensemble": ensemble, "limits": limits, "steps": 100}
    walk = run([start], of_members(Cliff(5.0, 0.5, edge=0.15)), **settings)[0]
    assert walk.ended.startswith("energy jump of -0.50 eV that no force explains at step")
    assert np.array(walk.positions)[:, 0, 0].min() > 0.15 >= walk.crossing.positions[0, 0]
    assert run([start], wells(5.0), **settings | {"limits": Limits(max_energy_jump=1e-6)})[0].survived


@pytest.fixture
def jumps(monkeypatch):
    """The energy jump of every walker at every step."""
    found, reason = [], Watch._reason

    def listen(self, **measured):
        found.append(measured["jump"])
        return reason(self, **measured)

    monkeypatch.setattr(Watch, "_reason", listen)
    return found


def test_the_energy_jump_of_a_real_potential_is_that_of_the_total_energy(committee, water, jumps):
    """But for Δt² (F₁² - F₀²) / 8m, by which velocity Verlet's energy swings to and fro; so its sum over atoms says."""
    walk = run([water.take([1]).to_atoms()[0]], committee, temperature=600.0, timestep_fs=1.0, steps=30)[0]
    total = np.array(walk.potential_eV) + walk.kinetic_eV
    images = [Atoms(walk.numbers, positions) for positions in walk.positions]
    forces = committee.predict(Frames.from_atoms(images)).forces.reshape(len(images), -1, 3)
    swing = (units.fs**2 * (forces**2).sum(axis=2) / (8 * images[0].get_masses())).sum(axis=1)
    expected = np.diff(total - swing)
    assert np.abs(expected).max() > 1e-3, "nothing to be seen"
    np.testing.assert_allclose(jumps[1:], expected, atol=5e-5)


def test_work_on_a_moving_cell_is_accounted_for(model_settings, jumps, monkeypatch):
    """Without the strain's work the cell's own changes would be taken for jumps, as half of it shows."""
    torch.manual_seed(0)
    committee = Committee([build_model(model_settings)], np.zeros((1, 100)), cutoff=4.0, stress=True)
    ensemble = Ensemble("npt", pressure_GPa=20.0, barostat_time_fs=50.0, compressibility_per_GPa=0.02)
    settings = {"steps": 20, "timestep_fs": 0.5, "ensemble": ensemble}
    walk = run([bulk("Si", cubic=True)], committee, **settings)[0]
    changes = np.abs(np.diff(walk.potential_eV))
    assert np.abs(np.diff([np.linalg.det(cell) for cell in walk.cells])).max() > 0.1
    assert np.abs(jumps[1:]).max() < 0.01 * changes.max()
    evaluate = Committee.evaluate

    def with_half_the_stress(self, *batch):
        evaluation = evaluate(self, *batch)
        return evaluation._replace(stress=evaluation.stress / 2)

    jumps.clear()
    monkeypatch.setattr(Committee, "evaluate", with_half_the_stress)
    walk = run([bulk("Si", cubic=True)], committee, **settings)[0]
    assert np.abs(jumps[1:]).max() > 0.1 * np.abs(np.diff(walk.potential_eV)).max()


# --- the first steps, and what does not stop


def test_uncertainty_over_the_limit_is_forgiven_for_the_steps_of_grace():
    start = Atoms("He2", [[0.5, 0, 0], [-0.5, 0, 0]])
    quiet = {"temperature": 1e-6, "steps": 40}
    spread = 1.0 * 0.5 / np.sqrt(2)  # of two wells that differ by 1 eV/Å²
    at_once = run([start], wells(4.0, 5.0), **quiet, limits=Limits(hard_limit=0.9 * spread))[0]
    assert at_once.ended == f"uncertainty {spread:.2f} eV/Å at step 0"
    forgiven = run([start], wells(4.0, 5.0), **quiet, limits=Limits(hard_limit=0.9 * spread, grace_steps=30))[0]
    assert forgiven.survived and forgiven.uncertainty[0] > 0.9 * spread
    longer = run([start], wells(4.0, 5.0), **quiet | {"steps": 400}, limits=Limits(0.9 * spread, grace_steps=30))[0]
    assert longer.last_step >= 29 and longer.ended.startswith("uncertainty")


# --- replacements


def flights(n):
    """Atoms that leave two unstable wells at once, each from another distance: each trips its limit at its own step."""
    return [Atoms("H2", [[x, 0, 0], [-x, 0, 0]]) for x in 0.5 + 0.04 * np.arange(n)]


LIMITS = Limits(hard_limit=0.6)


def test_a_stopped_walker_is_replaced_for_the_steps_that_are_left():
    walks = run(flights(2), wells(-1.0, -2.0), temperature=1e-6, steps=60, limits=LIMITS, spares=flights(8)[2:])
    assert len(walks) == 8, "all spares were needed"
    assert [walk.replaces for walk in walks[:2]] == [None, None]
    for number, walk in enumerate(walks):
        assert walk.start == number and walk.step == list(range(len(walk.step)))
        np.testing.assert_array_equal(walk.positions[0], flights(8)[number].positions)
        if walk.replaces is not None:
            before = walks[walk.replaces]
            assert not before.survived and walk.began_at == before.began_at + before.last_step + 1
    assert len({walk.replaces for walk in walks[2:]}) == 6, "no place is filled twice"
    assert sum(walk.last_step for walk in walks) <= 2 * 60
    without = run(flights(2), wells(-1.0, -2.0), temperature=1e-6, steps=60, limits=LIMITS)
    for walk, alone in zip(walks[:2], without, strict=True):
        np.testing.assert_allclose(walk.positions, alone.positions, atol=1e-6)
        assert walk.ended == alone.ended


def test_a_replacement_that_fails_at_once_is_replaced_too():
    bad, good = Atoms("H2", [[2.0, 0, 0], [-2.0, 0, 0]]), Atoms("H2", [[0.01, 0, 0], [-0.01, 0, 0]])
    walks = run([bad], wells(-1.0, -2.0), temperature=1e-6, limits=LIMITS, spares=[bad, good, good])
    assert [walk.survived for walk in walks] == [False, False, True]
    assert [walk.replaces for walk in walks] == [None, 0, 1] and walks[2].last_step == 20


@pytest.mark.parametrize("bias", [0.0, 0.2])
def test_lone_atoms_go_on_with_their_own_uncertainty_when_the_molecule_among_them_leaves(bias):
    """Then there are as many atoms as walkers, and what is told of walkers looks like what is told of atoms."""
    leaves, *lone = flights(1)[0], Atoms("He", [[0.1, 0, 0]]), Atoms("He", [[0.2, 0, 0]])
    settings = {"temperature": 1e-6, "steps": 80, "limits": Limits(hard_limit=0.5)}
    if bias:
        settings |= {"bias": bias, "ensemble": langevin(1e-6)}
    walks = run([leaves, *lone], wells(-1.0, -2.0), spares=[Atoms("He", [[0.3, 0, 0]])], **settings)
    assert not walks[0].survived and walks[0].last_step < 40 and walks[3].replaces == 0
    for walk in walks[1:]:
        reached = np.linalg.norm(np.array(walk.positions)[:, 0], axis=1)
        assert reached[-1] > 1.05 * reached[0]
        np.testing.assert_allclose(walk.uncertainty, reached / np.sqrt(2), rtol=1e-4)
        assert walk.survived or reached[-1] > 0.65


def test_members_in_double_precision_without_kernels_move_walkers(model_settings):
    members = []
    for seed in range(2):
        torch.manual_seed(seed)
        members.append(build_model(model_settings).double())
    walks = []
    for reason in ("", "for comparison"):
        committee = Committee(members, np.zeros((2, 100)), cutoff=4.0)
        if reason:
            committee.one_by_one_because = reason
        assert committee.one_by_one_because == reason
        walks.append(run([molecule("H2O")], committee)[0])
    np.testing.assert_allclose(walks[1].positions, walks[0].positions, atol=1e-7)
    assert walks[1].last_step == 20


def test_chance_stops_no_small_molecule_for_its_temperature():
    """Two degrees of freedom have 21 times their temperature once in 1e9 steps; 30 have six times never."""
    assert hottest_by_chance(2) == pytest.approx(-np.log(1e-9))
    assert 14 < hottest_by_chance(3) < 16 and hottest_by_chance(30) < 4
    watch = Watch(Limits(max_temperature_factor=6.0))
    for kinetic, freedom, stopped in ((10, 2, False), (22, 2, True), (5.9, 30, False), (6.1, 30, True)):
        state = state_of([molecule("H2O")])
        nothing = torch.zeros(1)
        state.system_extras.update(
            max_force_std=nothing, rms_force_std=nothing, energy_std=nothing, closest_contact=torch.ones(1)
        )
        state.momenta = torch.zeros_like(state.positions)
        state.momenta[0, 0] = np.sqrt(state.masses[0].item() * kinetic * freedom * units.kB * 300.0)
        seen = watch.look(state, [0], np.array([freedom]), np.array([300.0]), np.array([0]))
        assert seen.temperature[0] == pytest.approx(kinetic * 300.0)
        assert (seen.reasons[0] is not None) is stopped


def test_a_replacement_takes_the_temperature_of_its_place():
    """600 K at the start, 200 K at the end: who comes in late starts cold."""
    hot = Atoms("He2", [[30.0, 0, 0], [-30.0, 0, 0]])  # uncertain all the time
    walks = run(
        [Atoms("He3", np.zeros((3, 3))), hot],
        of_members(Wells(1.0), Wells(1.1)),
        temperature=600.0,
        steps=100,
        ramp_to_K=200.0,
        ensemble=langevin(10.0),
        limits=Limits(hard_limit=0.1, grace_steps=50),
        spares=[Atoms("He3", np.zeros((3, 3)))],
    )
    late = walks[2]
    assert late.replaces == 1 and late.began_at == 50
    assert late.target_K == pytest.approx(400.0)


@pytest.mark.parametrize("name", ["nose_hoover", "v_rescale", "langevin"])
def test_replacement_works_under_every_thermostat(name, committee, water):
    strange = molecule("H2O")
    strange.set_distance(0, 1, 1.3, fix=0)
    starts = [*water.take([0, 1]).to_atoms(), strange]
    limits = Limits(max_temperature_factor=5.0)
    walks = run(starts, committee, temperature=150.0, ensemble=Ensemble(name), limits=limits, steps=40,
                spares=water.take([2, 3]).to_atoms())  # fmt: skip
    assert len(walks) > 3 and not walks[2].survived
    assert walks[3].replaces == 2 and walks[3].last_step > 0 and np.isfinite(walks[3].kinetic_eV).all()


# --- velocities between the frames


def test_velocities_are_kept_more_often_than_frames(committee, water):
    walk = run(water.take([0]).to_atoms(), committee, steps=20, stride=10, velocity_stride=4)[0]
    assert np.shape(walk.velocities) == (6, 3, 3) and walk.step == [0, 10, 20]
    masses = molecule("H2O").get_masses()[:, None]
    for sample, frame in ((0, 0), (5, 2)):
        expected = walk.momenta[frame] / masses * units.fs  # Å per ASE's unit of time, of which 1 fs holds units.fs
        np.testing.assert_allclose(walk.velocities[sample], expected, rtol=1e-5)
    close = run(water.take([0]).to_atoms(), committee, steps=20, stride=1)[0]
    moved = (close.positions[9] - close.positions[7]) / 1.0  # Å in 1 fs about step 8
    np.testing.assert_allclose(walk.velocities[2], moved, atol=0.03 * np.abs(moved).max())
