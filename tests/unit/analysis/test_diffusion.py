import numpy as np
import pytest

from ouroboros.analysis.diffusion import (
    mean_square_displacement,
    self_diffusion,
    unwrap,
    without_centre_of_mass,
)

D = 0.5  # Å²/ps
INTERVAL = 0.02  # ps


def walk(n=2000, n_atoms=100, seed=0):
    rng = np.random.default_rng(seed)
    hops = rng.normal(scale=np.sqrt(2 * D * INTERVAL), size=(n, n_atoms, 3))
    return 50 + np.cumsum(hops, axis=0)


def test_random_walk_has_its_coefficient_within_the_error():
    runs = [walk(seed=seed) for seed in range(2)]
    result = self_diffusion(runs, INTERVAL)
    assert result.D_A2_per_ps == pytest.approx(D, abs=3 * result.D_error_A2_per_ps)
    assert 0.002 < result.D_error_A2_per_ps < 0.05
    assert result.D_cm2_per_s == pytest.approx(result.D_A2_per_ps * 1e-4)
    assert result.exponent == pytest.approx(1, abs=0.1)
    assert result.diffusive


def test_error_bar_is_the_scatter_between_repeated_runs():
    results = [self_diffusion([walk(n=600, n_atoms=30, seed=seed)], INTERVAL) for seed in range(60)]
    scatter = np.std([result.D_A2_per_ps for result in results])
    assert np.mean([result.D_error_A2_per_ps for result in results]) == pytest.approx(scatter, rel=0.35)


def test_msd_equals_the_plain_double_sum_far_from_the_origin():
    x = walk(n=40, n_atoms=3) + 1e4
    plain = [np.mean(((x[k:] - x[: len(x) - k]) ** 2).sum(axis=-1)) for k in range(40)]
    assert mean_square_displacement(x) == pytest.approx(np.array(plain), rel=1e-7, abs=1e-9)


def test_free_flight_and_a_caged_atom_are_not_diffusion():
    time = INTERVAL * np.arange(500)
    flight = np.random.default_rng(0).normal(size=(1, 20, 3)) * time[:, None, None]
    assert mean_square_displacement(flight[:, :1, :])[7] == pytest.approx((flight[7, 0] ** 2).sum())
    assert self_diffusion([flight], INTERVAL).exponent == pytest.approx(2)
    caged = self_diffusion([np.random.default_rng(1).normal(size=(500, 20, 3))], INTERVAL)
    assert not caged.diffusive
    assert "t^" in caged.reason
    assert abs(caged.D_A2_per_ps) < 0.05


def test_motion_within_the_cage_is_not_diffusion_even_where_it_grows_with_time():
    small = self_diffusion([walk(n=500, n_atoms=20) * 0.2], INTERVAL)
    assert small.exponent == pytest.approx(1, abs=0.2)
    assert not small.diffusive
    assert "Å²" in small.reason


def test_unwrapping_restores_a_wrapped_walk_in_a_skewed_cell():
    cell = np.array([[9.0, 0, 0], [3, 8, 0], [1, 2, 10]])
    x = walk(n=400, n_atoms=10)
    wrapped = (x @ np.linalg.inv(cell) % 1) @ cell
    assert np.ptp(wrapped, axis=0).max() > np.ptp(x, axis=0).min()
    cells = np.repeat(cell[None], len(x), axis=0)
    restored = unwrap(wrapped, cells)
    assert restored - restored[0] == pytest.approx(x - x[0])
    assert unwrap(x, cells) == pytest.approx(x)


def test_no_jump_is_undone_along_an_open_direction():
    cells = np.repeat(np.diag([5.0, 5, 5])[None], 2, axis=0)
    x = np.array([[[0.1, 0.1, 0.1]], [[4.9, 0.1, 4.9]]])
    assert unwrap(x, cells, np.array([True, True, False]))[1, 0] == pytest.approx([-0.1, 0.1, 4.9])


def test_common_drift_is_no_diffusion():
    x = walk(n=500, n_atoms=20)
    masses = np.linspace(1, 30, 20)
    drift = np.linspace(0, 100, 500)[:, None, None]
    still = without_centre_of_mass(x, masses)
    assert without_centre_of_mass(x + drift, masses) == pytest.approx(still)
    assert (still * masses[:, None]).sum(axis=1) == pytest.approx(0, abs=1e-8)


def test_short_runs_flat_cells_and_nan_are_refused():
    with pytest.raises(ValueError, match="too few"):
        self_diffusion([walk(n=90)], INTERVAL)
    with pytest.raises(ValueError, match="too few"):
        self_diffusion([], INTERVAL)
    with pytest.raises(ValueError, match="volume"):
        unwrap(walk(n=3), np.zeros((3, 3, 3)))
    x = walk(n=200)
    x[3, 0, 0] = np.nan
    with pytest.raises(ValueError, match="not finite"):
        self_diffusion([x], INTERVAL)
