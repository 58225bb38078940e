import json

import numpy as np
import pytest

from ouroboros.analysis.blocks import average
from ouroboros.analysis.plain import plain
from ouroboros.analysis.verdict import Check, all_of, at_most


def test_limit_is_inclusive_and_named():
    assert at_most(1.0, 1.0, "drift", "eV").passed
    above = at_most(1.5, 1.0, "drift", "eV")
    assert not above.passed
    assert above.reason == "the drift is 1.5 eV, above the limit of 1 eV"


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_what_is_not_finite_fails_on_either_side_of_the_limit(value):
    assert not at_most(value, 1.0, "drift").passed


def test_limit_that_is_not_a_number_is_refused():
    with pytest.raises(ValueError, match="not a number"):
        at_most(0.0, np.nan, "drift")


def test_all_of_fails_with_the_reasons_of_the_failures_only():
    combined = all_of([Check(True, "fine"), Check(False, "hot"), Check(False, "broken")])
    assert combined == Check(False, "hot; broken")
    assert all_of([Check(True, "a"), Check(True, "b")]) == Check(True, "a; b")
    with pytest.raises(ValueError, match="nothing was checked"):
        all_of([])


def test_plain_values_survive_json_and_nan_becomes_none():
    value = {
        1: np.float32(0.5),
        "v": Check(np.bool_(True), "x"),
        "a": np.array([1.0, np.nan, -np.inf]),
        "i": np.int64(3),
    }
    assert json.loads(json.dumps(plain(value), allow_nan=False)) == {
        "1": 0.5,
        "v": {"passed": True, "reason": "x"},
        "a": [1.0, None, None],
        "i": 3,
    }


def test_block_error_covers_the_true_mean_of_a_correlated_series():
    rng = np.random.default_rng(0)
    deviations = []
    for _ in range(200):
        noise = rng.normal(size=3000)
        series = np.convolve(noise, np.ones(30), mode="valid")  # correlated over 30 samples, mean 0
        result = average([series])
        deviations.append(result.mean / result.error)
    assert np.std(deviations) == pytest.approx(np.sqrt(9 / 7), rel=0.2)  # Student's t with nine degrees of freedom


def test_spread_between_walkers_counts_only_where_they_share_a_mean():
    rng = np.random.default_rng(1)
    series = [offset + rng.normal(size=1000) for offset in (-5.0, 5.0)]
    assert average(series, share_mean=False).error < 0.1 < 1 < average(series).error


def test_too_few_samples_are_refused():
    with pytest.raises(ValueError, match="too few"):
        average([np.zeros(19)])
    with pytest.raises(ValueError, match="No time series"):
        average([])
