"""The energies of a reference: which new energy is of the same surface."""

import json

import numpy as np
import pytest
from ase import Atoms
from ase.build import molecule

from ouroboros.energy_baseline import EnergyRange
from ouroboros.frames import Frames

ATOMIC = {"H": -13.0, "C": -1030.0, "O": -2040.0}  # eV


def frames(names, spread=0.1, seed=0):
    """Structures whose energy is that of their atoms and up to `spread` eV/atom more."""
    rng = np.random.default_rng(seed)
    images = [molecule(name) for name in names]
    energy = [sum(ATOMIC[s] for s in atoms.symbols) + rng.uniform(0, spread) * len(atoms) for atoms in images]
    return Frames(**{**vars(Frames.from_atoms(images)), "energy": np.array(energy)})


def energy(atoms, above):
    return sum(ATOMIC[s] for s in atoms.symbols) + above * len(atoms)


def test_one_composition():
    usual, ethanol = EnergyRange.of(frames(["CH3CH2OH"] * 20)), molecule("CH3CH2OH")
    assert usual.outlier(ethanol, energy(ethanol, 0.05), 0.5) == ""
    assert usual.outlier(ethanol, energy(ethanol, 0.5), 0.5) == ""
    high, low = (usual.outlier(ethanol, energy(ethanol, above), 0.5) for above in (0.7, -0.6))
    assert "energy +0.6" in high and "energy -0.6" in low and "labels.energy_window_eV_per_atom is 0.5" in high


def test_a_spanned_composition_is_judged_and_a_foreign_one_is_not():
    usual = EnergyRange.of(frames(["CH4", "H2O", "CH3OH", "CO2"] * 5))
    ethanol = molecule("CH3CH2OH")  # the elements' energies are known from the others
    assert usual.outlier(ethanol, energy(ethanol, 0.05), 0.3) == ""
    assert usual.outlier(ethanol, energy(ethanol, 0.7), 0.3)
    single = EnergyRange.of(frames(["CH4"] * 5))
    assert single.outlier(molecule("C2H6"), 1e6, 0.3) == ""  # C and H cannot be told apart in CH4 alone
    assert single.outlier(Atoms("CHHHH" * 2, np.zeros((10, 3))), 1e6, 0.3)
    assert single.outlier(molecule("NH3"), 1e6, 0.3) == ""


def test_the_record_survives_json():
    usual = EnergyRange.of(frames(["CH4", "H2O", "CH3OH"]))
    again = EnergyRange.from_record(json.loads(json.dumps(usual.record())))
    ethanol = molecule("CH3CH2OH")
    for above in np.linspace(-1, 1, 9):
        value = energy(ethanol, above)
        assert again.outlier(ethanol, value, 0.2) == usual.outlier(ethanol, value, 0.2)


def test_a_label_that_is_off_by_the_unit_is_found():
    usual, ethanol = EnergyRange.of(frames(["CH3CH2OH"] * 20)), molecule("CH3CH2OH")
    for factor in (23.06, 27.2114):
        assert usual.outlier(ethanol, energy(ethanol, 0.05) * factor, 100.0)


@pytest.mark.parametrize("n", [1, 2])
def test_few_frames_are_a_range_too(n):
    usual, ethanol = EnergyRange.of(frames(["CH3CH2OH"] * n)), molecule("CH3CH2OH")
    assert usual.lowest <= usual.highest
    assert usual.outlier(ethanol, energy(ethanol, 0.05), 0.5) == ""
