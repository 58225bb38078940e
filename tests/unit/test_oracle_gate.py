"""The oracle gate: the same surface passes, another does not, and the user can insist."""

from dataclasses import asdict

import numpy as np
import pytest
from ase.build import molecule
from ase.calculators.singlepoint import SinglePointCalculator

from ouroboros.frames import Frames
from ouroboros.oracle_gate import agreement, frames_to_compare, refuse_mismatch
from ouroboros.oracles import make_oracle


def labelled(method, names=("H2O", "CH4", "H2O", "CH4", "H2O"), shift=0.0):
    oracle, images = make_oracle({"kind": "xtb", "method": method}), []
    for i, name in enumerate(names):
        atoms = molecule(name)
        atoms.rattle(0.05, seed=i)
        label = oracle.label(atoms)
        atoms.calc = SinglePointCalculator(atoms, energy=label.energy + shift * len(atoms), forces=label.forces)
        images.append(atoms)
    return images


def test_the_same_surface_agrees_but_for_a_constant():
    images = labelled("GFN2-xTB")
    found = agreement(Frames.from_atoms(images), labelled("GFN2-xTB", shift=2.0), "GFN2-xTB", "GFN2-xTB")
    assert found.force_mae_meV_per_A == found.force_max_meV_per_A == 0.0
    assert found.energy_mae_meV == pytest.approx(0, abs=1e-6)
    assert found.energy_shift_meV_per_atom == pytest.approx(2000)
    refuse_mismatch(asdict(found), 0.001, 2001, accept=False)
    with pytest.raises(ValueError, match=r"agree in the forces, but their energies are 2000.0 meV/atom apart"):
        refuse_mismatch(asdict(found), 0.001, 5.0, accept=False)
    refuse_mismatch(asdict(found), 0.001, 5.0, accept=True)


def test_another_surface_stops_with_the_numbers_and_the_reason():
    found = asdict(agreement(Frames.from_atoms(labelled("GFN2-xTB")), labelled("GFN1-xTB"), "GFN2-xTB", "GFN1-xTB"))
    one, other = (Frames.from_atoms(labelled(m)).forces for m in ("GFN2-xTB", "GFN1-xTB"))
    assert found["force_mae_meV_per_A"] == pytest.approx(1000 * np.abs(one - other).mean())
    assert found["force_mae_meV_per_A"] > 50
    with pytest.raises(ValueError) as error:
        refuse_mismatch(found, 5.0, 5.0, accept=False)
    sentence = str(error.value)
    for words in ("GFN1-xTB", "GFN2-xTB", f"{found['force_mae_meV_per_A']:.1f} meV/Å", "5 frames", "accept_mismatch"):
        assert words in sentence
    assert "\n" not in sentence
    refuse_mismatch(found, 5.0, 5.0, accept=True)


def test_every_charge_is_compared():
    frames = Frames.from_atoms(labelled("GFN2-xTB")).with_columns(charge=[0, 0, 0, 0, 1])
    assert frames_to_compare(frames, 1).columns["charge"].tolist() == [0, 1]


def test_energies_of_single_frames_say_nothing():
    images = labelled("GFN2-xTB", names=("H2O", "CH4"))
    assert agreement(Frames.from_atoms(images), images, "a", "b").energy_mae_meV is None


def test_compared_frames_reach_over_sizes_and_energies():
    frames = Frames.from_atoms(labelled("GFN2-xTB"))
    chosen = frames_to_compare(frames, 3)
    assert sorted(chosen.n_atoms) == [3, 3, 5] or sorted(chosen.n_atoms) == [3, 5, 5]
    assert frames.energy.min() in chosen.energy and frames.energy[frames.n_atoms == 5].max() in chosen.energy
    assert len(frames_to_compare(frames, 100)) == 5
    assert len(frames_to_compare(frames, 1)) == 1
