import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk, molecule

from ouroboros.analysis.comparison import compare, curve_distance, first_peak, peak_shift
from ouroboros.analysis.distributions import ALL, pair_distances, radial_distribution
from ouroboros.analysis.systems import near_temperature, same_system
from ouroboros.frames import Frames


def shaken(atoms, amplitude, n=40, seed=0):
    rng = np.random.default_rng(seed)
    images = []
    for _ in range(n):
        image = atoms.copy()
        image.positions += amplitude * rng.normal(size=(len(atoms), 3))
        images.append(image)
    return Frames.from_atoms(images)


def test_ideal_gas_has_g_of_one_for_every_pair():
    rng = np.random.default_rng(1)
    numbers = np.repeat([18, 36], [150, 50])
    images = [Atoms(numbers, rng.uniform(0, 15, (200, 3)), cell=[15, 15, 15], pbc=True) for _ in range(40)]
    g = radial_distribution(Frames.from_atoms(images), np.linspace(0, 6, 13))
    assert set(g.curves) == {ALL, "Ar-Ar", "Ar-Kr", "Kr-Kr"}
    outer = g.distance_A > 2
    assert g.curves[ALL][outer] == pytest.approx(1, abs=0.03)
    assert g.curves["Ar-Kr"][outer] == pytest.approx(1, abs=0.03)
    assert g.curves["Kr-Kr"][outer] == pytest.approx(1, abs=0.12)


def test_ideal_gas_beyond_half_the_cell_is_one_too():
    rng = np.random.default_rng(2)
    images = [Atoms("Ar60", rng.uniform(0, 7, (60, 3)), cell=[7, 7, 7], pbc=True) for _ in range(60)]
    g = radial_distribution(Frames.from_atoms(images), np.linspace(0, 8, 5))
    assert g.curves[ALL][-1] == pytest.approx(1, abs=0.03)


def test_fcc_first_peak_and_its_twelve_neighbours():
    frames = shaken(bulk("Cu", cubic=True, a=3.6) * 2, 0.03)
    edges = np.arange(0, 6.0, 0.02)
    g = radial_distribution(frames, edges)
    assert first_peak(g.distance_A, g.curves[ALL]) == pytest.approx(3.6 / np.sqrt(2), abs=0.01)
    shells = 4 / 3 * np.pi * np.diff(edges**3) * 4 / 3.6**3
    assert (g.curves[ALL] * shells)[g.distance_A < 3.1].sum() == pytest.approx(12)


def test_pair_density_of_water_has_area_one_and_its_bond_length():
    frames = shaken(molecule("H2O"), 0.02, n=400)
    density = pair_distances(frames, np.arange(0, 3, 0.01))
    assert set(density.curves) == {ALL, "H-O", "H-H"}
    for curve in density.curves.values():
        assert curve.sum() * 0.01 == pytest.approx(1)
    assert first_peak(density.distance_A, density.curves["H-O"]) == pytest.approx(0.969, abs=0.01)
    assert (density.curves["H-H"] * density.distance_A).sum() * 0.01 == pytest.approx(1.527, abs=0.01)


def test_atom_that_flew_off_is_still_counted():
    atoms = Atoms("OH", [[0, 0, 0], [50, 0, 0]])
    density = pair_distances(Frames.from_atoms([atoms]), np.arange(0, 3, 0.1))
    assert density.curves[ALL][-1] * 0.1 == pytest.approx(1)


def test_curve_distance_is_the_total_variation_of_two_normals():
    x = np.linspace(-10, 10, 4001)
    a, b = (np.exp(-0.5 * (x - shift) ** 2) for shift in (0.0, 1.0))
    assert curve_distance(a, b) == pytest.approx(0.3829, abs=1e-3)  # 2 Phi(1/2) - 1
    assert curve_distance(a, a) == 0
    assert curve_distance(np.array([1.0, 0]), np.array([0, 1.0])) == 1
    assert np.isnan(curve_distance(np.zeros(3), np.zeros(3)))
    assert np.isnan(curve_distance(np.array([np.nan]), np.ones(1)))


def test_same_ensemble_passes_and_a_stretched_molecule_fails():
    atoms = molecule("CH3CH2OH")
    reference = shaken(atoms, 0.04, n=100, seed=1)
    same = compare(shaken(atoms, 0.04, n=300, seed=2), reference)
    assert same.verdict is not None
    assert same.verdict.passed, same.verdict.reason
    stretched = atoms.copy()
    stretched.positions *= 1.1
    wrong = compare(shaken(stretched, 0.04, n=300, seed=2), reference)
    assert wrong.verdict is not None
    assert not wrong.verdict.passed
    assert "first peak of" in wrong.verdict.reason
    assert wrong.curve_distance[ALL] > 3 * same.curve_distance[ALL]


@pytest.mark.parametrize("seed", range(12))
def test_few_frames_shift_no_peak(seed):
    # With 40 frames the weak O-H peak beside C-H may or may not stand out in the curve over all pairs.
    atoms = molecule("CH3CH2OH")
    result = compare(shaken(atoms, 0.05, n=200, seed=seed), shaken(atoms, 0.05, n=40, seed=100 + seed))
    assert result.verdict is not None and result.verdict.passed, result.verdict
    assert set(result.first_peak_shift_A) == {"C-C", "C-H", "C-O", "H-H", "H-O"}


def test_one_stretched_bond_among_many_is_found_and_named():
    atoms = molecule("CH3CH2OH")
    wrong = atoms.copy()
    oxygen, hydrogen = 2, 3
    assert atoms.get_chemical_symbols()[oxygen : hydrogen + 1] == ["O", "H"]
    wrong.set_distance(oxygen, hydrogen, 1.1 * atoms.get_distance(oxygen, hydrogen), fix=0)
    result = compare(shaken(wrong, 0.04, n=200, seed=1), shaken(atoms, 0.04, n=200, seed=2))
    assert result.curve_distance[ALL] < 0.2  # one pair in 36 hardly shows in the curve over all
    assert result.verdict is not None and not result.verdict.passed
    assert "first peak of H-O" in result.verdict.reason


def test_peak_near_the_threshold_shifts_nothing_and_a_missing_one_does():
    x = np.arange(0.5, 3, 0.02)
    weak, strong = (np.exp(-0.5 * ((x - place) / 0.08) ** 2) for place in (1.0, 2.0))
    assert peak_shift(x, strong + 0.19 * weak, strong + 0.24 * weak) == pytest.approx(0, abs=0.01)
    assert peak_shift(x, strong, strong + 0.4 * weak) == pytest.approx(1, abs=0.05)
    assert peak_shift(x, strong, np.zeros_like(x)) == np.inf
    assert np.isnan(peak_shift(x, np.zeros_like(x), np.zeros_like(x)))


def test_a_reference_that_changes_with_time_is_as_noisy_as_that():
    atoms = molecule("CH3CH2OH")
    other = atoms.copy()
    other.positions *= 1.03
    drifting = Frames.concatenate([shaken(atoms, 0.02, n=50, seed=1), shaken(other, 0.02, n=50, seed=2)])
    assert compare(drifting, drifting).curve_distance_noise > 0.1


def test_noise_of_a_small_reference_is_what_sampling_gives():
    atoms = molecule("CH3CH2OH")
    truth, few = shaken(atoms, 0.05, n=3000, seed=3), shaken(atoms, 0.05, n=40, seed=4)
    result = compare(truth, few)
    assert result.curve_distance_noise == pytest.approx(result.curve_distance[ALL], rel=0.3)


def test_without_reference_there_is_no_verdict():
    result = compare(shaken(molecule("H2O"), 0.02), None)
    assert result.verdict is None
    assert result.reference is None


def test_only_frames_of_the_same_system_are_compared():
    water, flipped = molecule("H2O"), molecule("H2O")[[2, 0, 1]]
    frames = Frames.from_atoms([water, molecule("NH3"), flipped, molecule("CH4")])
    assert len(same_system(frames, water.numbers, pbc=False)) == 2
    cells = Frames.from_atoms([bulk("NaCl", "rocksalt", a=5.6), bulk("NaCl", "rocksalt", a=5.6) * 2, bulk("Na")])
    assert len(same_system(cells, np.array([11, 17] * 4), pbc=True)) == 2
    assert len(same_system(cells, np.array([11, 17]), pbc=False)) == 0
    slab = np.array([True, True, False])
    assert len(same_system(cells, np.array([11, 17]), slab)) == 0


def at(*temperatures_K):
    frames = Frames.from_atoms([molecule("H2O")] * len(temperatures_K))
    return frames.with_columns(temperature_K=np.array(temperatures_K))


def test_frames_nearest_to_the_temperature_are_compared():
    sets = at(300.0, 450.0, 300.0, 600.0, np.nan)
    found, span = near_temperature(sets, 310.0)
    assert found.columns["temperature_K"].tolist() == [300, 300] and span == (300, 300)
    assert near_temperature(sets, 900.0)[1] == (600, 600)
    each_its_own = at(*np.linspace(250.0, 400.0, 151))
    found, span = near_temperature(each_its_own, 300.0)
    assert len(found) == 61 and span == (270, 330)
    unknown = at(np.nan, np.nan)
    assert near_temperature(unknown, 300.0) == (unknown, None) and near_temperature(sets, None) == (sets, None)


def test_a_single_reference_frame_gives_no_verdict():
    water = molecule("H2O")
    result = compare(shaken(water, 0.02), shaken(water, 0.02, n=1))
    assert result.verdict is None and result.reference is not None and np.isnan(result.curve_distance_noise)
    assert result.curve_distance[ALL] > 0


def test_copper_of_another_lattice_constant_fails_and_another_sample_passes():
    copper, wider = (bulk("Cu", cubic=True, a=a) * 2 for a in (3.60, 3.70))
    reference = shaken(copper, 0.12, seed=1)
    same = compare(shaken(copper, 0.12, seed=2), reference)
    assert same.verdict is not None and same.verdict.passed, same.verdict
    wrong = compare(shaken(wider, 0.12, seed=2), reference)
    assert wrong.verdict is not None and not wrong.verdict.passed
    assert "distance between" in wrong.verdict.reason and "first peak of Cu-Cu" in wrong.verdict.reason


def test_distance_of_radial_distributions_does_not_depend_on_the_range():
    def liquid(r, shift):
        return np.where(r > 2.1, 1 + 1.5 * np.exp(2.5 - r) * np.cos(2 * np.pi * (r - 2.5 - shift) / 2.3), 0.0)

    short, long = (np.arange(0.0, end, 0.02) for end in (7.0, 20.0))
    near, far = (curve_distance(liquid(r, 0.0), liquid(r, 0.1), 1.0) for r in (short, long))
    assert near == pytest.approx(far, rel=0.03) and near > 0.1
    plain = [curve_distance(liquid(r, 0.0), liquid(r, 0.1)) for r in (short, long)]
    assert plain[1] < 0.5 * plain[0]  # which from zero it does
    assert curve_distance(liquid(short, 0.0), np.ones_like(short), 1.0) == 1


def test_positions_that_are_not_finite_are_refused():
    frames = shaken(molecule("H2O"), 0.02)
    frames.positions[4, 1] = np.nan
    with pytest.raises(ValueError, match="not finite"):
        pair_distances(frames, np.arange(0, 3, 0.1))


def test_cell_without_volume_is_refused():
    frames = Frames.from_atoms([Atoms("Cu", cell=[3, 3, 0], pbc=[True, True, False])])
    with pytest.raises(ValueError, match="volume"):
        radial_distribution(frames, np.arange(0, 3, 0.1))
