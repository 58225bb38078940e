import subprocess
import sys

import pytest
from ase import Atoms
from ase.build import bulk, molecule

from ouroboros.ensemble_checks import refuse_mixed_periodicity, refuse_structures, untrained_stress


@pytest.mark.parametrize("ensemble", ["nve", "langevin", "nose_hoover", "v_rescale"])
def test_a_molecule_goes_with_all_but_constant_pressure(ensemble):
    refuse_structures(ensemble, [molecule("H2O"), bulk("Cu")] if ensemble in ("nve", "langevin") else [molecule("H2O")])
    with pytest.raises(ValueError, match=r"npt needs .* structure 1 \(H2O\) is not; use langevin"):
        refuse_structures("npt", [bulk("Cu", cubic=True), molecule("H2O")])


@pytest.mark.parametrize("ensemble", ["nose_hoover", "v_rescale"])
def test_a_single_atom_is_refused_where_velocities_are_rescaled(ensemble):
    with pytest.raises(ValueError, match="single atom"):
        refuse_structures(ensemble, [Atoms("Ne")])


def test_mixed_periodicity_names_the_two_structures():
    with pytest.raises(ValueError, match=r"structure 1 \(H2O\) has pbc .* structure 0 \(Cu\) \[True, True, True\]"):
        refuse_mixed_periodicity([bulk("Cu"), molecule("H2O")])
    refuse_mixed_periodicity([bulk("Cu"), bulk("Ag")])


def test_a_stress_that_was_not_trained_on_is_warned_of():
    assert "training.stress_weight is 0" in untrained_stress("npt", 0.0)
    assert not untrained_stress("npt", 0.1) and not untrained_stress("langevin", 0.0)


def test_the_checks_need_no_torch():
    code = "import sys, ouroboros.ensemble_checks; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
