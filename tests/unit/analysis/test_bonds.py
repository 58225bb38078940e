import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk, molecule

from ouroboros.analysis.bonds import changes

STEP = np.arange(0, 200, 10)


def shaken(atoms, amplitude=0.05, seed=0):
    rng = np.random.default_rng(seed)
    return atoms.positions + amplitude * rng.normal(size=(len(STEP), len(atoms), 3))


def test_vibrating_ethanol_keeps_its_bonds():
    atoms = molecule("CH3CH2OH")
    assert changes(shaken(atoms), atoms.numbers, STEP) == []


def test_broken_bond_is_found_with_its_step_and_atoms():
    atoms = molecule("CH3CH2OH")
    oxygen, hydrogen = 2, 3
    positions = shaken(atoms, 0.01)
    away = atoms.positions[hydrogen] - atoms.positions[oxygen]
    positions[12:, hydrogen] += 1.5 * away / np.linalg.norm(away)
    broken = [change for change in changes(positions, atoms.numbers, STEP) if change.kind == "broken"]
    assert len(broken) == 1
    assert broken[0].atoms == (oxygen, hydrogen)
    assert broken[0].step == 120
    assert broken[0].distance_A == pytest.approx(0.97 + 1.5, abs=0.1)


def test_bond_that_forms_is_found():
    atoms = Atoms("H4", [[0, 0, 0], [0.74, 0, 0], [0, 3, 0], [0.74, 3, 0]])
    positions = np.repeat(atoms.positions[None], len(STEP), axis=0)
    positions[7:, 2:, 1] = 0.7
    found = changes(positions, atoms.numbers, STEP)
    assert {(change.kind, change.atoms, change.step) for change in found} == {
        ("formed", (0, 2), 70),
        ("formed", (1, 3), 70),
    }


def test_stretch_between_made_and_broken_changes_nothing():
    positions = np.zeros((len(STEP), 2, 3))
    positions[:, 1, 0] = 1.07 * np.where(np.arange(len(STEP)) % 2, 1.1, 1.4)  # C-H, 1.07 Å the sum of the radii
    assert changes(positions, np.array([6, 1]), STEP) == []


def test_first_frame_between_made_and_broken_waits_for_the_first_clear_one():
    positions = np.zeros((len(STEP), 2, 3))
    positions[:, 1, 0] = 1.07 * 1.4
    positions[5:, 1, 0] = 1.07 * 1.0
    assert changes(positions, np.array([6, 1]), STEP) == []
    positions[9:, 1, 0] = 1.07 * 1.6
    assert [(change.kind, change.step) for change in changes(positions, np.array([6, 1]), STEP)] == [("broken", 90)]


def test_bond_across_the_cell_border_holds():
    atoms = Atoms("OH", [[0.1, 5, 5], [9.2, 5, 5]], cell=[10, 10, 10], pbc=True)
    positions = np.repeat(atoms.positions[None], len(STEP), axis=0)
    positions[1::2, 0, 0] += 10.0  # the same place, one cell on
    cell = np.repeat(atoms.cell.array[None], len(STEP), axis=0)
    assert changes(positions, atoms.numbers, STEP, cell, True) == []
    positions[15:, 1, 0] -= 1.5
    found = changes(positions, atoms.numbers, STEP, cell, True)
    assert [(change.kind, change.step) for change in found] == [("broken", 150)]
    assert found[0].distance_A == pytest.approx(0.9 + 1.5, abs=1e-6)


def test_neighbours_in_a_metal_are_no_bonds():
    atoms = bulk("Cu", cubic=True) * 2
    positions = shaken(atoms, 0.8)
    cell = np.repeat(atoms.cell.array[None], len(STEP), axis=0)
    assert changes(positions, atoms.numbers, STEP, cell, True) == []
    oxide = np.where(np.arange(len(atoms)) % 2, 8, 29)
    assert changes(positions, oxide, STEP, cell, True)


def test_positions_that_are_not_finite_are_refused():
    positions = shaken(molecule("H2O"))
    positions[3, 0, 0] = np.nan
    with pytest.raises(ValueError, match="not finite"):
        changes(positions, molecule("H2O").numbers, STEP)
