"""Distorted structures: one thing changed in each, labelled by the oracle, and kept for the test set."""

import numpy as np
import pytest
from ase.build import molecule

from ouroboros.domain import in_domain
from ouroboros.frames import Frames
from ouroboros.oracles import make_oracle
from ouroboros.reference import make_split
from ouroboros.reference.conformers import bonds, open_bonds
from ouroboros.reference.distort import LONGEST, SHORTEST, STRETCHED, TURNED, distorted_structures, stretch

N = 4


@pytest.fixture(scope="module")
def oracle():
    return make_oracle({"kind": "xtb"})


@pytest.fixture(scope="module")
def distorted(oracle):
    return distorted_structures(molecule("CH3CH2OH"), oracle, N, seed=3)


def bond_lengths(positions):
    i, j = np.nonzero(np.triu(bonds(molecule("CH3CH2OH"))))
    return np.linalg.norm(positions[i] - positions[j], axis=1)


def test_bonds_are_turned_or_one_is_stretched(distorted):
    made = distorted.columns["made"].tolist()
    assert made == [TURNED] * N + [STRETCHED] * N
    relaxed = np.median([bond_lengths(p) for p in distorted.positions.reshape(-1, 9, 3)[:N]], axis=0)
    for kind, positions in zip(made, distorted.positions.reshape(-1, 9, 3), strict=True):
        ratio = bond_lengths(positions) / relaxed
        changed = np.abs(ratio - 1) > 0.02  # conformers differ by some thousandths
        assert changed.sum() == (0 if kind == TURNED else 1) or (kind == STRETCHED and not changed.any())
        assert ratio.min() > SHORTEST - 0.03 and ratio.max() < LONGEST + 0.03


def test_labels_are_the_oracle_s(distorted, oracle):
    for atoms in distorted.to_atoms():
        label = oracle.label(atoms)
        assert atoms.get_potential_energy() == pytest.approx(label.energy, abs=1e-8)
        np.testing.assert_allclose(atoms.get_forces(), label.forces, atol=1e-8)


def test_the_same_seed_gives_the_same_structures(distorted, oracle):
    again = distorted_structures(molecule("CH3CH2OH"), oracle, N, seed=3)
    np.testing.assert_array_equal(again.positions, distorted.positions)
    other = distorted_structures(molecule("CH3CH2OH"), oracle, N, seed=4)
    assert not np.array_equal(other.positions, distorted.positions)


def test_a_ring_is_not_torn_open():
    benzene = molecule("C6H6")
    assert len(open_bonds(benzene)) == 6  # C-H
    stretched = stretch(benzene, np.random.default_rng(0))
    carbon = slice(0, 6)
    np.testing.assert_array_equal(stretched.positions[carbon], benzene.positions[carbon])
    assert not np.array_equal(stretched.positions, benzene.positions)


def test_they_are_tested_on_and_never_trained_on(distorted):
    """Beside dynamics of two trajectories at 300 K."""
    rng = np.random.default_rng(0)
    columns = {"temperature_K": 300.0, "made": "dynamics", "time_fs": np.tile(np.arange(20.0), 2)}
    dynamics = distorted.take(np.zeros(40, int)).with_columns(**columns, trajectory=np.repeat([0, 1], 20))
    dynamics.positions[:] += rng.normal(scale=0.01, size=dynamics.positions.shape)
    frames = Frames.concatenate([dynamics, distorted])
    settings = {"strategy": "trajectory", "train": 10, "validation": 5, "test": 20, "start_temperature_max_K": 300.0}
    split = make_split(frames, settings, seed=0)
    ours = np.arange(40, 40 + 2 * N)
    assert set(ours) <= set(split["test_idx"])
    assert not set(ours) & {*split["train_idx"], *split["val_idx"], *split["pool_idx"]}
    inside = in_domain(frames, settings)
    assert inside[:40].all() and not inside[40:].any()
