"""The DFT oracle: PySCF's own numbers, forces that fit the energy, and no failure taken for a label."""

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk, molecule
from ase.calculators.calculator import SCFError
from ase.optimize import BFGS
from pyscf import dft, gto, lib, scf
from pyscf.data.nist import BOHR, HARTREE2EV
from pyscf.dispersion.dftd3 import DFTD3Dispersion

from ouroboros.oracles import make_oracle

SMALL = {"kind": "pyscf", "functional": "PBE", "basis": "def2-SVP", "grid_level": 1}
EXACT = {"kind": "pyscf", "functional": "HF", "basis": "6-31G*", "density_fitting": False, "conv_tol": 1e-11}


def rattled(name, seed=0):
    atoms = molecule(name)
    atoms.rattle(0.05, seed=seed)
    return atoms


def pyscf_molecule(atoms, **kwargs):
    return gto.M(atom=list(zip(atoms.symbols, atoms.positions, strict=True)), verbose=0, parse_arg=False, **kwargs)


def numeric_forces(oracle, atoms, step=1e-3):
    forces = np.zeros((len(atoms), 3))
    for i, axis in np.ndindex(forces.shape):
        energies = []
        for sign in (1, -1):
            moved = atoms.copy()
            moved.positions[i, axis] += sign * step
            energies.append(oracle.label(moved).energy)
        forces[i, axis] = -(energies[0] - energies[1]) / (2 * step)
    return forces


def test_settings_are_complete_and_plain():
    oracle = make_oracle({"kind": "pyscf", "conv_tol": 1e-8})
    assert oracle.settings.pop("version").startswith("pyscf 2")
    assert oracle.settings == {
        "kind": "pyscf", "charge": 0, "multiplicity": 1, "functional": "PBE", "basis": "def2-SVP",
        "density_fitting": True, "grid_level": 4, "conv_tol": 1e-8, "dispersion": None, "max_cycle": 100,
    }  # fmt: skip
    assert oracle.level_of_theory == "PBE/def2-SVP" and "153, 024109" in oracle.citation


def test_a_hydrogen_atom_has_half_a_hartree():
    label = make_oracle({**EXACT, "basis": "cc-pV5Z", "multiplicity": 2}).label(Atoms("H"))
    assert label.converged and label.energy == pytest.approx(-0.5 * HARTREE2EV, abs=5e-4)
    np.testing.assert_allclose(label.forces, 0, atol=1e-10)


def test_agrees_with_pyscf_itself_in_the_fitting_basis_of_a_pure_functional():
    atoms = rattled("H2O")
    label = make_oracle(SMALL).label(atoms)
    # chosen before the functional is known, the fitting basis is the one for exchange: 0.8 meV/Å on ethanol
    mean_field = dft.RKS(pyscf_molecule(atoms, basis="def2-SVP"), xc="PBE").density_fit("def2-universal-jfit")
    mean_field.grids.level = 1
    energy = mean_field.run(conv_tol=1e-9).e_tot
    forces = -mean_field.nuc_grad_method().kernel()
    assert label.converged and label.message == "" and label.seconds > 0
    assert label.energy == pytest.approx(energy * HARTREE2EV, abs=1e-7)
    np.testing.assert_allclose(label.forces, forces * HARTREE2EV / BOHR, atol=1e-6)


def test_forces_are_the_derivative_of_the_energy():
    oracle, atoms = make_oracle(EXACT), rattled("H2O")
    np.testing.assert_allclose(oracle.label(atoms).forces, numeric_forces(oracle, atoms), atol=1e-4)


def test_forces_of_a_functional_with_dispersion_fit_its_energy():
    oracle = make_oracle({**SMALL, "functional": "B3LYP", "dispersion": "d3bj", "grid_level": 5, "conv_tol": 1e-11})
    atoms = Atoms("H2", [[0, 0, 0], [0.1, 0.2, 0.75]])
    np.testing.assert_allclose(oracle.label(atoms).forces, numeric_forces(oracle, atoms), atol=1e-3)
    assert oracle.level_of_theory == "B3LYP-D3BJ/def2-SVP" and "132, 154104" in oracle.citation


def test_dispersion_adds_exactly_its_own_energy():
    atoms = rattled("CH4")
    plain, corrected, d4 = (make_oracle({**SMALL, "dispersion": name}) for name in (None, "d3bj", "d4"))
    added = corrected.label(atoms).energy - plain.label(atoms).energy
    expected = DFTD3Dispersion(pyscf_molecule(atoms), xc="pbe", version="d3bj").get_dispersion()["energy"]
    assert added == pytest.approx(float(expected) * HARTREE2EV, abs=1e-6) and added < -0.01
    assert d4.label(atoms).energy < plain.label(atoms).energy
    assert "pyscf-dispersion" in corrected.settings["version"] and "dispersion" not in plain.settings["version"]
    named = make_oracle({**SMALL, "functional": "PBE-D3BJ"}).label(atoms)
    assert named.energy == pytest.approx(corrected.label(atoms).energy, abs=1e-7)


def test_open_shells_are_unrestricted():
    radical = molecule("OH")
    label = make_oracle({**EXACT, "multiplicity": 2}).label(radical)
    expected = scf.UHF(pyscf_molecule(radical, basis="6-31G*", spin=1)).run(conv_tol=1e-11).e_tot
    assert label.energy == pytest.approx(expected * HARTREE2EV, abs=1e-6)
    np.testing.assert_allclose(label.forces.sum(axis=0), 0, atol=1e-6)
    oxygen = molecule("O2")
    triplet, singlet = (make_oracle({**EXACT, "multiplicity": m}).label(oxygen) for m in (3, 1))
    assert singlet.energy - triplet.energy > 1  # O2 is a triplet


def test_a_structure_may_have_its_own_charge_and_multiplicity():
    atoms = rattled("H2O")
    cation = make_oracle({**EXACT, "charge": 1, "multiplicity": 2}).label(atoms)
    atoms.info.update(charge=1, multiplicity=2)
    assert make_oracle(EXACT).label(atoms).energy == cation.energy
    atoms.info.pop("multiplicity")
    assert "odd number of electrons" in make_oracle(EXACT).label(atoms).message


def test_heavy_atoms_get_the_core_potential_of_their_basis():
    atoms = Atoms("HI", [[0, 0, 0], [0, 0, 1.61]])
    label = make_oracle(SMALL).label(atoms)
    mean_field = dft.RKS(pyscf_molecule(atoms, basis="def2-SVP", ecp={"I": "def2-SVP"}), xc="PBE").density_fit()
    mean_field.grids.level = 1
    assert label.energy == pytest.approx(mean_field.run(conv_tol=1e-9).e_tot * HARTREE2EV, abs=1e-6)
    assert label.energy > -9000  # with all 53 electrons of iodine it would be near -190,000 eV
    np.testing.assert_allclose(label.forces.sum(axis=0), 0, atol=0.05)


def test_a_label_does_not_depend_on_what_came_before():
    oracle, atoms = make_oracle(SMALL), rattled("H2O")
    alone = oracle.label(atoms)
    oracle.label(rattled("H2O", seed=1))
    again = oracle.label(atoms)
    assert again.energy == alone.energy
    np.testing.assert_array_equal(again.forces, alone.forces)


def test_an_unconverged_scf_is_no_label():
    oracle = make_oracle({**SMALL, "max_cycle": 1})
    label = oracle.label(molecule("H2O"))
    assert not label.converged and label.reusable
    assert label.message == "SCF not converged in 1 cycles (oracle.pyscf.max_cycle)"
    assert np.isnan(label.energy) and np.isnan(label.forces).all() and label.forces.shape == (3, 3)
    atoms = molecule("H2O")
    atoms.calc = oracle.calculator()
    with pytest.raises(SCFError):
        atoms.get_forces()


def test_the_calculator_relaxes_hydrogen():
    atoms = Atoms("H2", [[0, 0, 0], [0, 0, 0.9]])
    atoms.calc = make_oracle(SMALL).calculator()
    BFGS(atoms, logfile=None).run(fmax=0.01, steps=20)
    assert atoms.get_distance(0, 1) == pytest.approx(0.767, abs=0.005)  # measured: 0.7414 Å; PBE in a small basis
    label = make_oracle(SMALL).label(atoms)
    assert label.energy == atoms.get_potential_energy()
    np.testing.assert_array_equal(label.forces, atoms.get_forces())


def test_nothing_is_left_behind(tmp_path, monkeypatch):
    here, temporary = tmp_path / "here", tmp_path / "temporary"
    here.mkdir()
    temporary.mkdir()
    monkeypatch.chdir(here)
    monkeypatch.setattr(lib.param, "TMPDIR", str(temporary))
    assert make_oracle(SMALL).label(molecule("H2")).converged
    assert not list(here.iterdir()) and not list(temporary.iterdir())


def test_one_thread_unless_told_otherwise(monkeypatch):
    before = lib.num_threads()
    try:
        monkeypatch.setenv("OMP_NUM_THREADS", "2")
        lib.num_threads(2)
        make_oracle(SMALL).label(Atoms("He"))
        assert lib.num_threads() == 2
        monkeypatch.delenv("OMP_NUM_THREADS")
        make_oracle(SMALL).label(Atoms("He"))
        assert lib.num_threads() == 1
    finally:
        lib.num_threads(before)


@pytest.mark.parametrize(
    ("atoms", "words"),
    [
        (molecule("OH"), "odd number of electrons, which cannot have multiplicity 1"),
        (Atoms("He", info={"multiplicity": 5}), "leaves 2 electrons, too few for multiplicity 5"),
        (Atoms("U2", [[0, 0, 0], [0, 0, 2.5]]), "the basis def2-SVP has nothing for U"),
        (bulk("C", "diamond", 3.57), "the structure is periodic"),
        (Atoms("H2", [[0, 0, 0], [0, 0, np.nan]]), "not finite"),
    ],
)
def test_what_cannot_be_is_refused_at_once(atoms, words):
    oracle = make_oracle(SMALL)
    label = oracle.label(atoms)
    assert words in oracle.refusal(atoms) and label.message == oracle.refusal(atoms)
    assert not label.converged and not label.reusable and label.seconds == 0


@pytest.mark.filterwarnings("ignore:.*not strictly positive definite")
def test_atoms_on_top_of_each_other_cost_one_label():
    label = make_oracle(SMALL).label(Atoms("H2", [[0, 0, 0], [0, 0, 0]]))
    assert not label.converged and label.message


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"functional": "PEB"}, "oracle.pyscf.functional is 'PEB', which PySCF cannot compute"),
        ({"functional": ""}, "it has no exchange and no correlation"),
        ({"functional": "B2PLYP"}, "oracle.pyscf.functional is 'B2PLYP'"),  # a double hybrid
        ({"functional": "wB97X-D"}, "oracle.pyscf.functional is 'wB97X-D', which PySCF cannot compute"),
        ({"basis": "def2-SVPP"}, "oracle.pyscf.basis is 'def2-SVPP', a basis set that PySCF does not know"),
        ({"basis": "gth-dzvp"}, "oracle.pyscf.basis is 'gth-dzvp'"),  # made for pseudopotentials
        ({"dispersion": "d5"}, "oracle.pyscf.dispersion is 'd5', for which PBE has no parameters"),
        ({"dispersion": "d3bj", "functional": "SVWN"}, "for which SVWN has no parameters"),
        ({"dispersion": "d4", "functional": "PBE-D3BJ"}, "the functional PBE-D3BJ has a dispersion of its own"),
        ({"dispersion": 3}, "oracle.pyscf.dispersion is 3, but it has to be of type str or null"),
        ({"grid_level": 10}, "oracle.pyscf.grid_level is 10, but PySCF has the levels 0 to 9"),
        ({"conv_tol": 0.0}, "oracle.pyscf.conv_tol is 0.0"),
        ({"max_cycle": 0}, "oracle.pyscf.max_cycle is 0"),
        ({"density_fitting": "yes"}, "oracle.pyscf.density_fitting is 'yes', but it has to be of type bool"),
        ({"multiplicity": 0}, "oracle.multiplicity is 0"),
        ({"bassis": "sto-3g"}, "oracle.pyscf.bassis is not a setting of the kind pyscf: did you mean basis?"),
    ],
)
def test_bad_settings_in_one_sentence(change, sentence):
    with pytest.raises(ValueError) as error:
        make_oracle({**SMALL, **change})
    assert sentence in str(error.value) and "\n" not in str(error.value)
