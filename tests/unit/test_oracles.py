"""Oracles: labels are right, depend on the structure alone, and failures are answers."""

import subprocess
import sys

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk, molecule
from tblite.ase import TBLite

from ouroboros.oracles import Label, make_oracle

XTB = {"kind": "xtb", "method": "GFN2-xTB", "charge": 0, "multiplicity": 1, "accuracy": 1.0, "max_iterations": 250}


def rattled(name, seed=0):
    atoms = molecule(name)
    atoms.rattle(0.05, seed=seed)
    return atoms


def test_settings_are_complete_and_plain():
    oracle = make_oracle({"kind": "xtb", "accuracy": 1})
    assert oracle.settings.pop("version").startswith("tblite ")
    assert oracle.settings == XTB
    assert isinstance(oracle.settings["accuracy"], float)
    assert oracle.level_of_theory == "GFN2-xTB"


def test_forces_are_the_derivative_of_the_energy():
    oracle, atoms, step = make_oracle({**XTB, "accuracy": 0.01}), rattled("H2O"), 1e-3
    label = oracle.label(atoms)
    numeric = np.zeros((len(atoms), 3))
    for i, axis in np.ndindex(numeric.shape):
        energies = []
        for sign in (1, -1):
            moved = atoms.copy()
            moved.positions[i, axis] += sign * step
            energies.append(oracle.label(moved).energy)
        numeric[i, axis] = -(energies[0] - energies[1]) / (2 * step)
    np.testing.assert_allclose(label.forces, numeric, atol=1e-4)


def test_agrees_with_tblite_itself():
    atoms = rattled("CH4")
    label = make_oracle(XTB).label(atoms)
    atoms.calc = TBLite(method="GFN2-xTB", verbosity=0)
    assert isinstance(label, Label)
    assert label.converged and label.message == "" and label.seconds > 0
    assert label.energy == atoms.get_potential_energy()
    np.testing.assert_array_equal(label.forces, atoms.get_forces())


def test_a_label_does_not_depend_on_what_came_before():
    oracle, atoms = make_oracle(XTB), rattled("CH3CH2OH")
    alone = oracle.label(atoms)
    oracle.label(rattled("CH3CH2OH", seed=1))
    again = oracle.label(atoms)
    assert again.energy == alone.energy
    np.testing.assert_array_equal(again.forces, alone.forces)


def test_charge_and_multiplicity_count():
    water = molecule("H2O")
    neutral = make_oracle(XTB).label(water)
    cation = make_oracle({**XTB, "charge": 1, "multiplicity": 2}).label(water)
    triplet = make_oracle({**XTB, "multiplicity": 3}).label(water)
    assert cation.energy - neutral.energy > 5
    assert triplet.energy - neutral.energy > 5
    water.set_initial_charges([0, 0, 1])  # settings decide, not what the structure carries
    assert make_oracle(XTB).label(water).energy == neutral.energy


def test_an_unconverged_scf_is_an_answer():
    label = make_oracle({**XTB, "max_iterations": 1}).label(molecule("H2O"))
    assert not label.converged and label.reusable
    assert "not converged" in label.message
    assert np.isnan(label.energy) and np.isnan(label.forces).all() and label.forces.shape == (3, 3)


@pytest.mark.parametrize(
    ("atoms", "words"),
    [
        (molecule("OH"), "odd number of electrons"),
        (Atoms("U2", [[0, 0, 0], [0, 0, 2.5]]), "No support"),
        (Atoms("H2", [[0, 0, 0], [0, 0, np.nan]]), ""),
        (Atoms("H2", [[0, 0, 0], [0, 0, 0]]), "Too close"),
    ],
)
def test_what_breaks_costs_one_label(atoms, words):
    label = make_oracle(XTB).label(atoms)
    assert not label.converged and not label.reusable
    assert words in label.message and label.message


def test_periodic_structures():
    label = make_oracle({**XTB, "method": "GFN1-xTB"}).label(bulk("C", "diamond", 3.57))
    assert label.converged
    np.testing.assert_allclose(label.forces, 0, atol=1e-3)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"kind": "dft"}, "oracle.kind is 'dft', but there is only"),
        ({"method": "GFN3"}, "oracle.method is 'GFN3', but xtb has GFN2-xTB"),
        ({"acuracy": 1.0}, "oracle.acuracy is not a setting of the kind xtb: did you mean accuracy"),
        ({"charge": 0.5}, "oracle.charge is 0.5, but it has to be of type int"),
        ({"charge": None}, "oracle.charge is None"),
        ({"max_iterations": 0}, "oracle.max_iterations is 0"),
    ],
)
def test_bad_settings_in_one_sentence(change, sentence):
    with pytest.raises(ValueError) as error:
        make_oracle({**XTB, **change})
    assert sentence in str(error.value) and "\n" not in str(error.value)


def test_the_calculator_drives_md():
    atoms = rattled("H2O")
    atoms.calc = make_oracle(XTB).calculator()
    assert atoms.get_potential_energy() == pytest.approx(make_oracle(XTB).label(atoms).energy, abs=1e-7)


def test_the_library_of_a_kind_is_imported_only_when_asked_for():
    code = "import sys, ouroboros.oracles, ouroboros.molecules; sys.exit('tblite' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
