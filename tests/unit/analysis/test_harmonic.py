from itertools import combinations

import numpy as np
import pytest
from ase import Atoms, units
from ase.build import bulk, molecule
from ase.calculators.calculator import CalculationFailed
from ase.calculators.emt import EMT
from tblite.ase import TBLite

from ouroboros.analysis.harmonic import harmonic_frequencies, normal_modes
from ouroboros.label_store import LabelStore
from ouroboros.label_worker import LabelWorker, StoredOracle
from ouroboros.oracles import make_oracle
from ouroboros.stored_calculator import StoredCalculator

XTB = {"kind": "xtb", "method": "GFN2-xTB"}


def spring_hessian(k):
    """(6, 6) of two atoms on a spring along x, eV/Å²."""
    hessian = np.zeros((2, 3, 2, 3))
    hessian[:, 0, :, 0] = k * np.array([[1, -1], [-1, 1]])
    return hessian.reshape(6, 6)


def test_diatomic_vibrates_at_the_root_of_k_over_mu():
    atoms = Atoms("CO", [[0, 0, 0], [1.1, 0, 0]])
    masses = atoms.get_masses()
    omega = np.sqrt(30.0 / (masses.prod() / masses.sum())) * units.fs  # 1/fs
    expected = omega / (2 * np.pi) * 1e15 / 29979245800.0  # over the speed of light in cm/s
    assert normal_modes(atoms, spring_hessian(30.0)) == pytest.approx([expected], rel=1e-4)
    assert normal_modes(atoms, spring_hessian(-30.0)) == pytest.approx([-expected], rel=1e-4)


def springs(atoms, k=30.0):
    """(3N, 3N) of springs at rest between all pairs of atoms, eV/Å²: no overall motion stretches them."""
    hessian = np.zeros((3 * len(atoms), 3 * len(atoms)))
    for i, j in combinations(range(len(atoms)), 2):
        along = np.zeros((len(atoms), 3))
        along[i] = (atoms.positions[i] - atoms.positions[j]) / atoms.get_distance(i, j)
        along[j] = -along[i]
        hessian += k * np.outer(along, along)
    return hessian


@pytest.mark.parametrize(("name", "n_modes"), [("H2O", 3), ("CH3OH", 12)])
def test_noise_along_overall_motions_changes_no_frequency(name, n_modes):
    atoms, rng = molecule(name), np.random.default_rng(0)
    clean = springs(atoms)
    rigid = [np.tile(axis, (len(atoms), 1)) for axis in np.eye(3)]
    rigid += [np.cross(axis, atoms.positions) for axis in np.eye(3)]
    momenta = np.array([(atoms.get_masses()[:, None] * motion).ravel() for motion in rigid])
    noise = momenta.T @ rng.normal(size=(6, 3 * len(atoms)))  # mixes every overall motion with every other one
    modes = normal_modes(atoms, clean)
    assert len(modes) == n_modes and modes[0] > 500
    assert normal_modes(atoms, clean + noise + noise.T) == pytest.approx(modes, rel=1e-6)


def test_linear_molecule_has_one_mode_more():
    assert len(normal_modes(molecule("CO2"), np.eye(9))) == 4


def test_xtb_water_has_the_frequencies_of_ase_vibrations(tmp_path):
    found = harmonic_frequencies(molecule("H2O"), TBLite(method="GFN2-xTB", verbosity=0))
    # ASE's own, unprojected, of the same minimum
    from ase.vibrations import Vibrations

    atoms = Atoms("OH2", found.positions_A, calculator=TBLite(method="GFN2-xTB", verbosity=0))
    vibrations = Vibrations(atoms, name=str(tmp_path / "vib"))
    vibrations.run()
    assert found.frequencies_per_cm == pytest.approx(vibrations.get_frequencies().real[-3:], abs=2)
    assert found.largest_force_eV_per_A <= 0.001
    assert 1400 < found.frequencies_per_cm[0] < 1700 and found.frequencies_per_cm[2] < 4000


def test_every_displacement_is_a_label_of_the_store_and_none_is_computed_twice(tmp_path):
    store, oracle = LabelStore(tmp_path), make_oracle(XTB)
    found, seen = [], []
    for _ in range(2):
        with LabelWorker(XTB, store, 60) as worker:
            calculator = StoredCalculator(StoredOracle(oracle, store, worker))
            found.append(harmonic_frequencies(molecule("H2O"), calculator).frequencies_per_cm)
        seen.append({path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.json")})
    assert len(seen[0]) >= 18 and seen[0] == seen[1]
    assert found[0] == pytest.approx(found[1], abs=1e-9)
    assert found[0] == pytest.approx(
        harmonic_frequencies(molecule("H2O"), TBLite(method="GFN2-xTB", verbosity=0)).frequencies_per_cm, abs=3
    )


def test_oracle_that_fails_is_told():
    oracle = make_oracle(XTB | {"max_iterations": 1})
    with pytest.raises(CalculationFailed, match="GFN2-xTB gives no label"):
        harmonic_frequencies(molecule("H2O"), StoredCalculator(oracle))


def test_what_has_no_normal_modes_is_refused():
    with pytest.raises(ValueError, match="isolated molecule"):
        harmonic_frequencies(bulk("Cu"), EMT())
    with pytest.raises(ValueError, match="isolated molecule"):
        harmonic_frequencies(Atoms("Cu"), EMT())
