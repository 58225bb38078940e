import numpy as np
import pytest
from scipy.signal import lfilter
from scipy.stats import t as student

from ouroboros.analysis.blocks import BLOCKS, FREEDOM, average

N = 2000  # samples a series


def correlated(rng, over, walkers=1):
    """Series of variance 1 that forget themselves over this many samples, as an overdamped oscillator does."""
    keep = np.exp(-1 / over)
    noise = np.sqrt(1 - keep**2) * rng.normal(size=(walkers, N))
    noise[:, 0] = rng.normal(size=walkers)
    return list(lfilter([1.0], [1.0, -keep], noise, axis=1))


def true_error(over, walkers=1):
    """Of the mean of such series: 2 τ/N (1 - τ/N (1 - exp(-N/τ))) a walker."""
    tau = over / N
    return np.sqrt(2 * tau * (1 - tau * (1 - np.exp(-1 / tau))) / walkers)


@pytest.mark.parametrize(("over", "walkers"), [(5, 1), (5, 8), (N / BLOCKS, 8)])
def test_error_is_that_of_the_mean_even_where_a_block_remembers_the_one_before(over, walkers):
    rng = np.random.default_rng(0)
    errors = [average(correlated(rng, over, walkers)).error for _ in range(300)]
    assert np.sqrt(np.mean(np.square(errors))) == pytest.approx(true_error(over, walkers), rel=0.25)


@pytest.mark.parametrize(("walkers", "share"), [(1, 0.19), (8, 0.1)])
def test_sound_means_are_rarely_refused_where_correlation_is_as_long_as_a_block(walkers, share):
    """Of a test at 5 %; ten blocks that are taken for independent would refuse 25 and 22 % of these."""
    rng, refused, runs = np.random.default_rng(1), 0, 600
    for _ in range(runs):
        result = average(correlated(rng, N / BLOCKS, walkers))
        assert result.freedom >= FREEDOM
        refused += abs(result.mean) > student.ppf(0.975, result.freedom) * result.error
    assert refused / runs < share
