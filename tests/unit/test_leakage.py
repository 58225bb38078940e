"""Leakage: the search agrees with aligning every pair, and finds copies in every disguise."""

import numpy as np
import pytest
from ase.build import bulk, molecule
from ase.geometry import find_mic
from scipy.spatial.transform import Rotation

from ouroboros.frames import Frames
from ouroboros.reference.leakage import (
    Leakage,
    accepted_share,
    describe_leakage,
    nearest_training_distance,
    refuse_leakage,
)
from ouroboros.reference.rmsd import PeriodicDisplacement, Superposition


def as_frames(structures, numbers=None, cell=None, pbc=False):
    """Frames from (n_frames, n, 3) positions."""
    n_frames, n = structures.shape[:2]
    return Frames(
        numbers=np.tile(np.arange(1, n + 1) if numbers is None else numbers, n_frames),
        positions=structures.reshape(-1, 3),
        n_atoms=np.full(n_frames, n),
        energy=np.zeros(n_frames),
        forces=np.zeros((n_frames * n, 3)),
        cell=np.broadcast_to(np.zeros((3, 3)) if cell is None else cell, (n_frames, 3, 3)).copy(),
        pbc=np.broadcast_to(pbc, (n_frames, 3)).copy(),
    )


def halves(n, n_test):
    return {"test_idx": np.arange(n_test), "train_idx": np.arange(n_test, n)}


def scipy_rmsd(one, other):
    """SciPy's alignment of one pair, and the RMSD that it leaves, Å."""
    one, other = one - one.mean(axis=0), other - other.mean(axis=0)
    turned = Rotation.align_vectors(one, other)[0].apply(other)
    return np.sqrt(((turned - one) ** 2).sum() / len(one))


def turned(structures, seed=0):
    """Every structure rotated and shifted at random."""
    rotations = Rotation.random(len(structures), rng=seed).as_matrix()
    return structures @ rotations + np.random.default_rng(seed).normal(scale=5, size=(len(structures), 1, 3))


def cloud(n_frames, n_atoms, scale, seed=0, shape=(3.0, 1.7, 0.6)):
    """Noisy copies of one structure, turned at random."""
    rng = np.random.default_rng(seed)
    base = rng.normal(size=(n_atoms, 3)) * shape
    return turned(base + rng.normal(scale=scale, size=(n_frames, n_atoms, 3)), seed)


def walk(n_frames, n_atoms, seed=0):
    """A harmonic random walk: each frame is nearly the one before."""
    rng = np.random.default_rng(seed)
    steps = rng.normal(scale=0.05, size=(n_frames, n_atoms, 3))
    for i in range(1, n_frames):
        steps[i] += 0.95 * steps[i - 1]
    order = rng.permutation(n_frames)
    return turned((rng.normal(size=(n_atoms, 3)) * [3, 1.7, 0.6] + steps)[order], seed)


LINEAR = np.array([[0, 0, -1.16], [0, 0, 0], [0, 0, 1.16]])
CASES = {
    "stiff": cloud(100, 9, 0.05),
    "soft": cloud(100, 21, 0.4),
    "unlike": cloud(100, 9, 2.0),
    "walk": walk(120, 21),
    "planar": cloud(100, 8, 0.1, shape=(3, 2, 0)),
    "linear": turned(LINEAR + np.random.default_rng(1).normal(scale=0.03, size=(100, 3, 3))),
    "exactly linear": turned(LINEAR * np.random.default_rng(1).normal(1, 0.05, size=(100, 1, 1))),
    "dimer": turned(np.random.default_rng(2).normal([[0, 0, 0], [1, 0, 0]], 0.05, size=(100, 2, 3))),
    "far away": cloud(100, 6, 0.1) + 1000,
    "large": cloud(60, 200, 0.3),
}


@pytest.mark.filterwarnings("ignore:Optimal rotation is not uniquely")  # of linear molecules, which is no harm
@pytest.mark.parametrize("name", CASES)
def test_agrees_with_scipy_for_every_pair(name):
    structures = CASES[name]
    frames, split = as_frames(structures), halves(len(structures), 20)
    found = nearest_training_distance(frames, split)
    for test, distance, partner in zip(split["test_idx"], found.nearest_A, found.nearest_train_idx, strict=True):
        every = [scipy_rmsd(structures[test], structures[train]) for train in split["train_idx"]]
        assert distance == pytest.approx(min(every), abs=1e-9)
        assert scipy_rmsd(structures[test], structures[partner]) == pytest.approx(min(every), abs=1e-9)


def test_many_blocks(monkeypatch):
    structures = walk(400, 9)
    one = nearest_training_distance(as_frames(structures), halves(400, 150))
    monkeypatch.setattr("ouroboros.reference.leakage.ROWS", 7)
    monkeypatch.setattr("ouroboros.reference.leakage.COLUMNS", 13)
    monkeypatch.setattr("ouroboros.reference.rmsd.ATOMS", 50)
    many = nearest_training_distance(as_frames(structures), halves(400, 150))
    np.testing.assert_allclose(many.nearest_A, one.nearest_A, atol=1e-12)
    np.testing.assert_array_equal(many.nearest_train_idx, one.nearest_train_idx)


@pytest.mark.parametrize("name", CASES)
def test_bounds_are_below_the_rmsd_and_near_it(name):
    structures = CASES[name]
    metric = Superposition(structures[:20], structures[20:])
    bounds = metric.squared_bounds(slice(0, 20), slice(0, 80))
    test, train = np.indices(bounds.shape).reshape(2, -1)
    exact = metric.exact(test, train).reshape(bounds.shape)
    assert (bounds <= exact**2 + 1e-15).all()
    if name in ("stiff", "soft", "walk", "large"):
        assert (bounds > 0.98 * exact**2).all()


def test_few_pairs_are_worked_out(monkeypatch):
    """What makes 10,000 × 100,000 frames possible: all but a few pairs in a thousand are settled by their bound."""
    counted = []
    exact = Superposition.exact
    monkeypatch.setattr(
        Superposition, "exact", lambda self, test, train: counted.append(len(test)) or exact(self, test, train)
    )
    for structures in (walk(2200, 21), cloud(2200, 21, 0.25)):
        counted.clear()
        nearest_training_distance(as_frames(structures), halves(2200, 200))
        assert 200 <= sum(counted) < 200 * 2000 * 0.005


def test_copies_are_found_and_mirror_images_are_not():
    structures = cloud(60, 9, 0.1)
    copies = np.concatenate([structures[30:35], turned(structures[35:40], seed=1), structures[40:45] * [1, 1, -1]])
    frames = as_frames(np.concatenate([copies, structures]))
    split = {"test_idx": np.arange(15), "train_idx": np.arange(15, 75)}
    found = nearest_training_distance(frames, split, threshold_A=1e-9)
    assert found.nearest_A[:10].max() < 1e-12 and found.nearest_A[10:].min() > 0.1
    assert found.nearest_train_idx[:10].tolist() == list(range(45, 55))
    assert found.n_below == 10 and found.fraction_below == pytest.approx(2 / 3)


def test_offenders_are_named():
    found = Leakage(np.array([0.3, 0.01, np.inf, 0.002]), np.array([5, 6, -1, 5]), np.array([1, 2, 3, 4]), 0.02)
    assert found.worst(2) == [(4, 5, 0.002), (2, 6, 0.01)]
    assert found.worst(9) == [(4, 5, 0.002), (2, 6, 0.01), (1, 5, 0.3)]
    figures = describe_leakage(found, 1)
    assert figures["smallest_rmsd_A"] == 0.002 and figures["median_rmsd_A"] == 0.01 and figures["compared"] == 3
    assert figures["near_duplicates"] == 2 and figures["leaked_fraction"] == 0.5
    assert figures["nearest"] == [{"test_frame": 4, "train_frame": 5, "rmsd_A": 0.002}]
    none = describe_leakage(Leakage(np.zeros(0), np.zeros(0, int), np.zeros(0, int), 0.02))
    assert none["smallest_rmsd_A"] is None and none["leaked_fraction"] == 0


def test_only_the_same_atoms_are_compared():
    structures = cloud(1, 5, 0.1).repeat(6, axis=0)  # all alike in shape
    frames = Frames.concatenate(
        [
            as_frames(structures[:2]),
            as_frames(structures[:1], numbers=[1, 2, 3, 5, 4]),
            as_frames(structures[:1, :3]),
            as_frames(structures[:1], cell=10 * np.eye(3), pbc=True),
        ]
    )
    found = nearest_training_distance(frames, {"train_idx": np.array([0]), "test_idx": np.arange(1, 5)})
    assert found.nearest_A[0] < 1e-12 and np.isinf(found.nearest_A[1:]).all()
    assert found.nearest_train_idx.tolist() == [0, -1, -1, -1]
    charged = frames.take([0, 1]).with_columns(charge=np.array([0, 1]))
    assert np.isinf(nearest_training_distance(charged, {"train_idx": np.array([0]), "test_idx": [1]}).nearest_A[0])
    alone = as_frames(np.array([[[0.0, 0, 0]], [[1, 2, 3]]]))
    assert nearest_training_distance(alone, halves(2, 1)).nearest_A[0] == 0
    nothing = nearest_training_distance(frames, {"train_idx": np.arange(3), "test_idx": np.zeros(0, int)})
    assert nothing.n_below == 0 and nothing.fraction_below == 0


def crystal(n_frames, seed=0, skewed=True):
    """Rattled supercells of sodium chloride, in primitive (skewed) or cubic cells; positions and cell."""
    rng = np.random.default_rng(seed)
    atoms = bulk("NaCl", "rocksalt", a=5.6, cubic=not skewed)
    atoms = atoms * (2, 2, 2) if skewed else atoms
    return atoms.positions + rng.normal(scale=0.15, size=(n_frames, len(atoms), 3)), atoms.cell.array


@pytest.mark.parametrize("skewed", [False, True])
def test_wrapped_and_shifted_copies_of_a_crystal_are_found(skewed):
    structures, cell = crystal(40, skewed=skewed)
    shifts = np.random.default_rng(1).normal(scale=9, size=(10, 1, 3))
    shifts[0] = cell.sum(axis=0) / 2  # every atom half a cell away
    shifted = structures[20:30] + shifts
    wrapped = (shifted @ np.linalg.inv(cell) % 1) @ cell
    frames = as_frames(np.concatenate([wrapped, structures]), cell=cell, pbc=True)
    found = nearest_training_distance(frames, {"test_idx": np.arange(10), "train_idx": np.arange(10, 50)}, 1e-6)
    assert found.nearest_A.max() < 1e-12 and found.n_below == 10
    assert found.nearest_train_idx.tolist() == list(range(30, 40))


def test_a_crystal_shifted_by_half_a_cell():
    """Some atoms seem to have moved by a little less than half a cell one way, the others by as much the other way."""
    structures, cell = crystal(40)
    rattle = np.random.default_rng(3).normal(scale=0.02, size=structures[0].shape)
    structures[0] = structures[30] + rattle + cell.sum(axis=0) / 2
    found = nearest_training_distance(as_frames(structures, cell=cell, pbc=True), halves(40, 5))
    left = rattle - rattle.mean(axis=0)
    assert found.nearest_A[0] == pytest.approx(np.sqrt((left**2).sum(axis=1).mean()), abs=1e-9)
    assert found.nearest_train_idx[0] == 30


@pytest.mark.parametrize("pbc", [(True, True, True), (True, True, False)])
@pytest.mark.parametrize("skewed", [False, True])
def test_crystals_agree_with_minimum_images_of_every_pair(skewed, pbc):
    structures, cell = crystal(90, skewed=skewed)
    structures[:30] += np.random.default_rng(2).normal(scale=0.3, size=(30, 1, 3))
    frames = as_frames(structures, cell=cell, pbc=pbc)
    found = nearest_training_distance(frames, halves(90, 30))
    for test in range(30):
        every = []
        for train in range(30, 90):
            moved = structures[test] - structures[train]
            moved = find_mic(moved - moved.mean(axis=0), cell, pbc)[0]  # no atom has moved by half a cell
            every.append(np.sqrt(((moved - moved.mean(axis=0)) ** 2).sum(axis=1).mean()))
        assert found.nearest_A[test] == pytest.approx(min(every), abs=1e-9)
    metric = PeriodicDisplacement(structures[:30], structures[30:], cell, np.array(pbc))
    bounds = metric.squared_bounds(slice(0, 30), slice(0, 60))
    exact = metric.exact(*np.indices(bounds.shape).reshape(2, -1)).reshape(bounds.shape)
    assert (bounds <= exact**2 + 1e-15).all() and (bounds > (0.3 if skewed else 0.9) * exact**2).all()


def test_a_slab_with_no_third_cell_vector():
    structures, cell = crystal(20, skewed=False)
    cell = cell.copy()
    cell[2] = 0
    structures[0] = structures[7] + [0.4, 9.1, 2.3]
    found = nearest_training_distance(as_frames(structures, cell=cell, pbc=(True, True, False)), halves(20, 5))
    assert found.nearest_A[0] < 1e-12 and found.nearest_train_idx[0] == 7
    assert found.nearest_A[1:].min() > 0.05


def test_other_cells_are_other_structures():
    structures, cell = crystal(1, skewed=False)
    frames = as_frames(structures.repeat(4, axis=0), cell=cell, pbc=True)
    frames.cell[1] *= 1 + 1e-9  # the same cell but for rounding
    frames.cell[2] *= 1.001
    frames.pbc[3] = [True, True, False]
    found = nearest_training_distance(frames, {"train_idx": np.array([0]), "test_idx": np.array([1, 2, 3])})
    assert found.nearest_A[0] < 1e-7 and np.isinf(found.nearest_A[1:]).all()


def test_molecules_and_crystals_side_by_side():
    water, rng = molecule("H2O").positions, np.random.default_rng(0)
    waters = turned(water + rng.normal(scale=0.05, size=(30, 3, 3)))
    structures, cell = crystal(30)
    frames = Frames.concatenate([as_frames(waters), as_frames(structures, cell=cell, pbc=True)])
    order = rng.permutation(60)
    split = {"test_idx": order[:20], "train_idx": order[20:]}
    found = nearest_training_distance(frames, split)
    assert ((found.test_idx < 30) == (found.nearest_train_idx < 30)).all() and np.isfinite(found.nearest_A).all()


def test_leakage_over_the_accepted_share_is_refused_with_the_nearest_pair():
    leakage = Leakage(np.array([0.001, 0.3, 0.015, 0.2]), np.array([7, 8, 9, 4]), np.array([0, 1, 2, 3]), 0.02)
    found = describe_leakage(leakage)
    refuse_leakage(found, 0.02, 0.5)
    with pytest.raises(ValueError) as error:
        refuse_leakage(found, 0.02, 0.49)
    for words in ("2 of 4 test frames", "0.02 Å", "frames 0 and 7", "0.0010 Å", "split.max_leaked_fraction (0.49)"):
        assert words in str(error.value)
    refuse_leakage(describe_leakage(Leakage(np.full(2, np.inf), np.full(2, -1), np.arange(2), 0.02)), 0.02, 0.0)
    refuse_leakage(found, 0.005, 0.3)  # another threshold judges the same distances


def test_the_accepted_share_depends_on_what_was_held_out():
    assert accepted_share({"max_leaked_fraction": None, "strategy": "random"}) == 0.05
    assert accepted_share({"max_leaked_fraction": None, "strategy": "trajectory"}) == 1.0
    assert accepted_share({"max_leaked_fraction": 0.2, "strategy": "trajectory"}) == 0.2
