"""Oracles: labels are right, depend on the structure alone, and failures are answers."""

import subprocess
import sys

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk, molecule
from tblite.ase import TBLite

from ouroboros.label_store import label_key
from ouroboros.oracles import KINDS, Label, complete, make_oracle, spin_state, structure_settings

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
    assert "2019, 15, 1652" in oracle.citation
    assert "2017, 13, 1989" in make_oracle({"kind": "xtb", "method": "GFN1-xTB"}).citation


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


@pytest.mark.parametrize("method", ["GFN1-xTB", "GFN2-xTB"])
@pytest.mark.parametrize("crystal", ["ice", "silicon"])
def test_stress_is_the_derivative_of_the_energy_by_strain(method, crystal):
    oracle, step = make_oracle({**XTB, "method": method, "accuracy": 0.01}), 1e-3
    atoms = rattled("H2O") if crystal == "ice" else bulk("Si")
    if crystal == "ice":
        atoms.set_cell([[3.5, 0.1, 0.0], [0.0, 3.6, 0.2], [0.1, 0.0, 3.7]])
        atoms.pbc = True
    atoms.set_cell(atoms.cell.array @ [[1.02, 0.01, 0], [0, 0.99, 0.02], [0, 0, 1]], scale_atoms=True)
    label = oracle.label(atoms)
    for i, j in ((0, 0), (1, 1), (2, 2), (1, 2), (0, 2), (0, 1)):
        energies = []
        for sign in (1, -1):
            strained, strain = atoms.copy(), np.eye(3)
            strain[i, j] += sign * step
            strained.set_cell(atoms.cell.array @ strain, scale_atoms=True)
            energies.append(oracle.label(strained).energy)
        slope = (energies[0] - energies[1]) / (2 * step) / atoms.get_volume()
        assert label.stress[i, j] == pytest.approx(slope, abs=2e-4)  # of 0.05 to 0.5
    assert oracle.label(rattled("H2O")).stress is None


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


def test_a_structure_may_have_its_own_charge_and_multiplicity():
    water = molecule("H2O")
    cation = make_oracle({**XTB, "charge": 1, "multiplicity": 2}).label(water)
    water.info.update(charge=1.0, multiplicity=np.int64(2))  # as tables hold them
    label = make_oracle(XTB).label(water)
    assert label.energy == cation.energy
    np.testing.assert_array_equal(label.forces, cation.forces)
    assert spin_state(water, XTB) == (1, 2)
    assert spin_state(molecule("H2O"), {**XTB, "charge": -1}) == (-1, 1)


def test_the_key_of_a_label_follows_the_charge_that_counts():
    water, settings = molecule("H2O"), make_oracle(XTB).settings
    cation = {**settings, "charge": 1, "multiplicity": 2}
    key = label_key(water, settings)
    water.info.update(charge=0)
    assert label_key(water, settings) == key  # it says what the settings say
    assert label_key(water, cation) == label_key(molecule("H2O"), {**cation, "charge": 0})
    water.info.update(charge=1, multiplicity=2)
    assert label_key(water, settings) == label_key(molecule("H2O"), cation) != key
    assert label_key(water, {"kind": "x"}) == label_key(molecule("H2O"), {"kind": "x"})
    assert structure_settings(settings, water) == cation and settings["charge"] == 0


def test_an_unconverged_scf_is_an_answer():
    label = make_oracle({**XTB, "max_iterations": 1}).label(molecule("H2O"))
    assert not label.converged and label.reusable
    assert "not converged" in label.message
    assert np.isnan(label.energy) and np.isnan(label.forces).all() and label.forces.shape == (3, 3)


@pytest.mark.parametrize(
    ("atoms", "words"),
    [
        (molecule("OH"), "odd number of electrons"),
        (Atoms("U2", [[0, 0, 0], [0, 0, 2.5]]), "GFN2-xTB has no parameters for U"),
        (Atoms("H2", [[0, 0, 0], [0, 0, np.nan]]), "not finite"),
        (Atoms("H2", [[0, 0, 0], [0, 0, 0]]), "Too close"),
        (Atoms(), "no atoms"),
        (Atoms("XH", [[0, 0, 0], [0, 0, 1]]), "no element"),
        (Atoms("H2", [[0, 0, 0], [0, 0, 1]], info={"charge": 0.5}), "charge is 0.5, but it has to be a whole number"),
        (Atoms("H2", [[0, 0, 0], [0, 0, 1]], info={"multiplicity": 0}), "multiplicity 0 does not exist"),
        (Atoms("H2", [[0, 0, 0], [0, 0, 1]], info={"charge": 3}), "charge 3 is more than the 2 electrons of H2"),
        (Atoms("H2", [[0, 0, 0], [0, 0, 1]], info={"multiplicity": 5}), "too few for multiplicity 5"),
    ],
)
def test_what_breaks_costs_one_label(atoms, words):
    label = make_oracle(XTB).label(atoms)
    assert not label.converged and not label.reusable and label.forces.shape == (len(atoms), 3)
    assert words in label.message and "\n" not in label.message


def test_what_is_refused_is_known_before_anything_is_computed():
    oracle = make_oracle(XTB)
    assert oracle.refusal(molecule("H2O")) is None
    assert oracle.refusal(molecule("OH")) == oracle.label(molecule("OH")).message
    assert "it has to be even" in oracle.refusal(molecule("OH"))
    assert oracle.refusal(Atoms("LuCl3", np.eye(4, 3) * 2.4)) is None  # the 4f shell is in the core


def test_periodic_structures():
    label = make_oracle({**XTB, "method": "GFN1-xTB"}).label(bulk("C", "diamond", 3.57))
    assert label.converged
    np.testing.assert_allclose(label.forces, 0, atol=1e-3)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"kind": "dft"}, "oracle.kind is 'dft', but there is only"),
        ({"method": "GFN3"}, "oracle.xtb.method is 'GFN3', but xtb has GFN2-xTB"),
        ({"acuracy": 1.0}, "oracle.xtb.acuracy is not a setting of the kind xtb: did you mean accuracy"),
        ({"charge": 0.5}, "oracle.charge is 0.5, but it has to be of type int"),
        ({"charge": None}, "oracle.charge is None"),
        ({"multiplicity": 0}, "oracle.multiplicity is 0, but it is 2S + 1"),
        ({"accuracy": float("nan")}, "oracle.xtb.accuracy is nan"),
        ({"method": ["GFN2-xTB"]}, "oracle.xtb.method is ['GFN2-xTB'], but it has to be of type str"),
        ({"max_iterations": 0}, "oracle.xtb.max_iterations is 0"),
    ],
)
def test_bad_settings_in_one_sentence(change, sentence):
    with pytest.raises(ValueError) as error:
        make_oracle({**XTB, **change})
    assert sentence in str(error.value) and "\n" not in str(error.value)


def test_settings_of_every_type():
    defaults = {"kind": "x", "name": None, "flag": True, "table": {}, "rows": []}
    assert complete({"kind": "x"}, defaults) == defaults
    table, rows = {"a": [1, {"b": None}]}, [1.5, "c"]
    given = {"kind": "x", "name": "y", "flag": 0, "table": table, "rows": rows}
    filled = complete(given, defaults)
    assert filled == {**given, "flag": False} and filled["flag"] is False
    table["a"].append(2)
    assert filled["table"] == {"a": [1, {"b": None}]}  # a copy
    for key, value, words in [
        ("name", 5, "oracle.x.name is 5, but it has to be of type str or null"),
        ("flag", "yes", "of type bool"),
        ("flag", None, "oracle.x.flag is None"),
        ("table", [1], "of type dict of plain values"),
        ("table", {"a": {1, 2}}, "of type dict of plain values"),
        ("table", {"a": float("inf")}, "of type dict of plain values"),
        ("rows", "abc", "of type list of plain values"),
        ("rows", {}, "of type list of plain values"),
    ]:
        with pytest.raises(ValueError) as error:
            complete({"kind": "x", key: value}, defaults)
        assert words in str(error.value) and "\n" not in str(error.value)


def test_the_calculator_drives_md():
    atoms = rattled("H2O")
    atoms.calc = make_oracle(XTB).calculator()
    assert atoms.get_potential_energy() == pytest.approx(make_oracle(XTB).label(atoms).energy, abs=1e-7)


def test_the_library_of_a_kind_is_imported_only_when_asked_for():
    code = (
        "import sys, ouroboros.oracles, ouroboros.molecules\n"
        "assert not {'tblite', 'pyscf', 'torch', 'schnetpack'} & set(sys.modules)\n"
        "for kind in ('xtb', 'pyscf'): ouroboros.oracles.make_oracle({'kind': kind})\n"
        "emt = {'calculator': 'ase.calculators.emt.EMT', 'level_of_theory': 'EMT'}\n"
        "ouroboros.oracles.make_oracle({'kind': 'ase', **emt})\n"
        "assert 'torch' not in sys.modules\n"
    )
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
    assert set(KINDS) == {"xtb", "pyscf", "ase", "pool", "model"}
