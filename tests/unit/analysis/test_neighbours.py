import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk, molecule
from ase.neighborlist import neighbor_list

from ouroboros.analysis.neighbours import pairs_within


def slab():
    atoms = bulk("Cu", cubic=True) * (2, 2, 1)
    atoms.pbc = [True, True, False]
    atoms.positions[:, 2] += 40
    return atoms


def sheet():
    return Atoms("C2", [[0, 0, 0], [0, 1.42, 0]], cell=[[2.46, 0, 0], [1.23, 2.13, 0], [0, 0, 0]], pbc=[1, 1, 0])


@pytest.mark.parametrize("atoms", [molecule("CH3CH2OH"), bulk("Cu"), bulk("NaCl", "rocksalt", a=5.6), slab(), sheet()])
def test_pairs_are_those_of_ase(atoms):
    i, j, d = pairs_within(atoms.positions, atoms.cell.array, atoms.pbc, 4.1)
    a, b, distance = neighbor_list("ijd", atoms, 4.1)
    ours, theirs = np.lexsort((d, j, i)), np.lexsort((distance, b, a))
    assert len(d) > 10
    assert (i[ours] == a[theirs]).all() and (j[ours] == b[theirs]).all()
    assert d[ours] == pytest.approx(distance[theirs])


def test_atom_that_flew_off_costs_nothing():
    atoms = molecule("H2O")
    atoms.positions[2] += 1e9
    assert len(pairs_within(atoms.positions, np.zeros((3, 3)), False, 1.2)[0]) == 2


def test_molecule_without_neighbours_has_no_pairs():
    assert [len(x) for x in pairs_within(np.array([[0.0, 0, 0], [9, 0, 0]]), np.zeros((3, 3)), False, 2.0)] == [0, 0, 0]
