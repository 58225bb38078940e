import numpy as np
import pytest
from ase import units
from scipy.stats import kstest

from ouroboros.analysis.temperature import densities, fluctuation, measure

F = 24  # kinetic degrees of freedom


def canonical(rng, kelvin, n=4000, f=F, correlated_over=1):
    """Temperatures of Maxwell-Boltzmann velocities; the velocity forgets itself over `correlated_over` samples."""
    keep = np.exp(-1 / correlated_over) if correlated_over > 1 else 0.0
    v = rng.normal(size=f)
    kinetic = np.empty(n)
    for k in range(n):
        v = keep * v + np.sqrt(1 - keep**2) * rng.normal(size=f)
        kinetic[k] = 0.5 * units.kB * kelvin * (v @ v)
    return 2 * kinetic / (f * units.kB)


def oscillators(rng, kelvin, n=6000, f=F, equal=False):
    """Temperatures of f harmonic modes that keep their own energies: a molecule in NVE without any coupling."""
    energy = np.full(f, units.kB * kelvin) if equal else rng.exponential(units.kB * kelvin, size=f)
    frequency, phase = rng.uniform(0.05, 0.4, size=f), rng.uniform(0, 2 * np.pi, size=f)
    kinetic = (energy * np.sin(2 * np.pi * frequency * np.arange(n)[:, None] + phase) ** 2).sum(axis=1)
    return 2 * kinetic / (f * units.kB)


@pytest.mark.parametrize("correlated_over", [1, 20])
def test_maxwell_boltzmann_samples_pass_as_nvt(correlated_over):
    series = [canonical(np.random.default_rng(seed), 300, correlated_over=correlated_over) for seed in range(3)]
    result = measure(series, F, F, "nvt", target_K=300)
    assert result.verdict.passed, result.verdict.reason
    assert result.mean_K == pytest.approx(300, abs=4 * result.mean_error_K)
    assert result.std_K == pytest.approx(300 * np.sqrt(2 / F), abs=4 * result.std_error_K)


def test_error_of_the_mean_grows_with_the_correlation():
    independent, correlated = (
        measure([canonical(np.random.default_rng(1), 300, correlated_over=over)], F, F, "nvt") for over in (1, 20)
    )
    # T is quadratic in the velocity and forgets twice as fast: sqrt(2 * 10) times the independent error.
    assert correlated.mean_error_K / independent.mean_error_K == pytest.approx(np.sqrt(20), rel=0.5)


def test_sound_runs_fail_as_rarely_as_promised():
    rng = np.random.default_rng(8)
    sound = [300 * rng.gamma(F / 2, 2 / F, size=(1, 400)) for _ in range(300)]
    failures = sum(not measure(list(series), F, F, "nvt", target_K=300).verdict.passed for series in sound)
    assert failures <= 8  # two tests of 0.3 % each: 1.8 expected


def test_sound_runs_at_constant_energy_fail_as_rarely():
    rng = np.random.default_rng(11)
    sound = [[oscillators(rng, 300, n=400) for _ in range(4)] for _ in range(200)]
    failures = sum(not measure(walkers, F, F, "nve", target_K=300).verdict.passed for walkers in sound)
    assert failures <= 4  # 0.6 expected: without coupling the standard deviation is well within its bounds


def test_wrong_temperature_fails():
    result = measure([canonical(np.random.default_rng(2), 320)], F, F, "nvt", target_K=300)
    assert not result.verdict.passed
    assert "mean temperature" in result.verdict.reason


def test_thermostat_that_damps_the_fluctuations_fails():
    # What a Berendsen thermostat does: right mean, too little spread.
    series = canonical(np.random.default_rng(3), 300)
    damped = 300 + 0.6 * (series - 300)
    result = measure([damped], F, F, "nvt", target_K=300)
    assert not result.verdict.passed
    assert "standard deviation" in result.verdict.reason


def test_wrong_count_of_degrees_of_freedom_fails():
    series = canonical(np.random.default_rng(4), 300) * F / (F + 3)  # divided by 3N instead of 3N - 3
    assert not measure([series], F + 3, F, "nvt", target_K=300).verdict.passed


def test_microcanonical_oscillators_have_the_lebowitz_percus_verlet_fluctuation():
    rng = np.random.default_rng(5)
    # A uniform point on the energy shell of f + p quadratic terms.
    shell = rng.normal(size=(20000, 2 * F))
    share = (shell[:, :F] ** 2).sum(axis=1) / (shell**2).sum(axis=1)
    _, expected, _ = fluctuation(F, F, "nve")
    assert np.std(share / share.mean()) == pytest.approx(expected, rel=0.03)
    assert expected == pytest.approx(np.sqrt(1 / F), rel=0.05)  # the harmonic limit


def test_uncoupled_oscillators_have_the_lowest_fluctuation_and_pass_as_nve():
    rng = np.random.default_rng(6)
    result = measure([oscillators(rng, 300, equal=True)], F, F, "nve", target_K=300)
    assert result.std_K == pytest.approx(result.std_lowest_K, rel=0.05)
    assert result.verdict.passed, result.verdict.reason
    thermal = measure([oscillators(rng, 300) for _ in range(4)], F, F, "nve", target_K=300)
    assert thermal.verdict.passed, thermal.verdict.reason


def test_nve_run_far_from_its_target_fails():
    rng = np.random.default_rng(7)
    runs = [oscillators(rng, 150) for _ in range(4)]  # began at the minimum: half of the energy became potential
    assert not measure(runs, F, F, "nve", target_K=300).verdict.passed


def test_constant_temperature_fails():
    assert not measure([np.full(500, 300.0)], F, F, "nve", target_K=300).verdict.passed


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_temperature_that_is_not_finite_fails(bad):
    series = canonical(np.random.default_rng(9), 300)
    series[100] = bad
    result = measure([series], F, F, "nvt", target_K=300)
    assert not result.verdict.passed
    assert "1 of 4000" in result.verdict.reason
    assert result.n_samples == 100  # what came before still tells something
    assert result.mean_K == pytest.approx(300, abs=4 * result.mean_error_K)
    series[10] = bad
    assert np.isnan(measure([series], F, F, "nvt", target_K=300).mean_K)


def test_short_run_is_not_judged_sound():
    short = np.full(19, 300.0)
    assert "the run is too short" in measure([short], F, F, "nvt").verdict.reason
    result = measure([canonical(np.random.default_rng(9), 300), short], F, F, "nvt", target_K=300)
    assert "1 of 2 walkers is too short" in result.verdict.reason and result.n_samples == 4000


def test_scatter_between_runs_is_that_of_their_means():
    rng = np.random.default_rng(10)
    runs = [measure([oscillators(rng, 300, n=800) for _ in range(4)], F, F, "nve", target_K=300) for _ in range(60)]
    # Uncoupled modes of exponential energies: f independent ones of variance (kT)² give 300 sqrt(1 / f / walkers) K.
    assert np.std([run.mean_K for run in runs]) == pytest.approx(
        np.mean([run.mean_scatter_K for run in runs]), rel=0.25
    )
    assert runs[0].mean_error_K < 0.2 * runs[0].mean_scatter_K


@pytest.mark.parametrize(("f", "p"), [(1, 1), (3, 3), (24, 21), (27, 21)])
@pytest.mark.parametrize("ensemble", ["nve", "nvt"])
def test_distributions_have_the_mean_and_the_fluctuation_of_theory(f, p, ensemble):
    sigmas = dict(zip(("lowest", "expected", "highest"), fluctuation(f, p, ensemble), strict=True))
    found = densities(300.0, f, p, ensemble)
    assert set(found) == ({"expected"} if ensemble == "nvt" else set(sigmas))
    for key, of in found.items():
        assert of.mean() == pytest.approx(300.0)
        assert of.std() == pytest.approx(300.0 * sigmas[key])


def test_temperatures_are_distributed_as_theory_has_it():
    rng = np.random.default_rng(0)
    canonical_K = 300.0 / 6 * (rng.normal(size=(20000, 6)) ** 2).sum(axis=1)
    assert kstest(canonical_K, densities(300.0, 6, 6, "nvt")["expected"].cdf).pvalue > 0.01
    on_shell = rng.normal(size=(20000, 12))  # a point of the energy surface of six oscillators
    share = (on_shell[:, :6] ** 2).sum(axis=1) / (on_shell**2).sum(axis=1)
    assert kstest(600.0 * share, densities(300.0, 6, 6, "nve")["expected"].cdf).pvalue > 0.01
    one_mode = 600.0 * np.sin(np.random.default_rng(1).uniform(0, np.pi, 20000)) ** 2
    assert kstest(one_mode, densities(300.0, 1, 1, "nve")["lowest"].cdf).pvalue > 0.01


def test_unknown_ensemble_and_no_freedom_are_refused():
    with pytest.raises(ValueError, match="npt"):
        fluctuation(F, F, "npt")
    with pytest.raises(ValueError, match="degrees of freedom"):
        fluctuation(0, 0, "nvt")
