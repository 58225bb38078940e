import numpy as np
import pandas as pd
import pytest
from ase.build import bulk

from ouroboros.analysis.pressure import measure

COPPER = bulk("Cu", cubic=True)


def walkers(pressure=1.0, n=800, settles=0, seed=0):
    """Two walkers whose pressure scatters by 2 GPa and whose cell begins a tenth too large."""
    rng, tables = np.random.default_rng(seed), {}
    for name in (0, 3):
        begin = np.exp(-np.arange(n) / settles) if settles else np.zeros(n)
        tables[name] = pd.DataFrame(
            {
                "pressure_GPa": pressure + rng.normal(0, 2, n) - 10 * begin,
                "volume_A3": COPPER.get_volume() * (1 + rng.normal(0, 0.01, n) + 0.1 * begin),
            }
        )
    return tables


def test_pressure_and_density_of_a_sound_run():
    result = measure(walkers(seed=1), COPPER.get_masses().sum(), 1.0)
    assert result.verdict.passed, result.verdict.reason
    assert result.pressure_mean_GPa == pytest.approx(1.0, abs=4 * result.pressure_error_GPa)
    assert result.pressure_error_GPa == pytest.approx(2 / np.sqrt(800), rel=0.5)
    assert result.density_mean_g_per_cm3 == pytest.approx(8.94, abs=0.03)  # at ASE's lattice constant, 3.61 Å
    assert result.n_samples == 800


def test_sound_runs_fail_as_rarely_as_promised():
    failed = sum(not measure(walkers(n=80, seed=seed), 1.0, 1.0).verdict.passed for seed in range(300))
    assert failed <= 5  # 0.3 % of 300 are 1


def test_cell_that_comes_to_rest_in_the_first_half_passes_and_one_that_does_not_fails():
    assert measure(walkers(settles=40), 1.0, 1.0).verdict.passed
    drifting = walkers()
    for rows in drifting.values():
        rows["pressure_GPa"] -= 10 * np.linspace(1, 0.6, len(rows))
    assert not measure(drifting, 1.0, 1.0).verdict.passed


def test_wrong_pressure_fails_with_both_numbers():
    verdict = measure(walkers(), 1.0, 0.0).verdict
    assert not verdict.passed and "does not fit 0 GPa" in verdict.reason


@pytest.mark.parametrize("bad", ["short", "nan"])
def test_short_walkers_and_bad_numbers_are_not_judged_sound(bad):
    tables = walkers()
    if bad == "short":
        tables[3] = tables[3].iloc[:38]
    else:
        tables[3].loc[700, "pressure_GPa"] = np.nan
    verdict = measure(tables, 1.0, 1.0).verdict
    assert not verdict.passed and "1 of 2 walkers" in verdict.reason
    assert "too short" in measure({3: tables[3].iloc[:30]}, 1.0, 1.0).verdict.reason
