"""Calibration: what it learns from errors of a known kind, and what its intervals promise."""

import json

import numpy as np
import pytest

from ouroboros.calibration import LEVELS, Calibration, fit_calibration, gaussian
from ouroboros.predictions import over_frames
from ouroboros.uncertainty import figures_of

ATOMS = 9


def errors_of(spread, rng, scale=2.0, power=1.0):
    """Lengths of errors that are Gaussian in x, y and z with the rms length scale spread^power."""
    sigma = scale * spread**power / 3**0.5
    return np.linalg.norm(rng.normal(size=(len(spread), 3)) * sigma[:, None], axis=1)


def sizes_of(spread):
    return np.full(len(spread) // ATOMS, ATOMS)


def fit(spread, error, n_frames):
    """Of frames of one atom, whose own spread is that of the frame."""
    return fit_calibration(spread, spread, error, n_frames)


def expected(calibration, spread):
    """Likewise."""
    return calibration.expected_error(spread, spread)


def quality(spread, error, n_atoms, calibration, large_error):
    """Likewise."""
    return figures_of(spread, expected(calibration, spread), error, n_atoms, calibration, large_error)


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.mark.parametrize(("scale", "power"), [(2.0, 1.0), (0.5, 1.0), (1.5, 0.6)])
def test_a_known_relation_is_found(rng, scale, power):
    spread = rng.lognormal(-3, 1, size=400 * ATOMS)
    found = fit(spread, errors_of(spread, rng, scale, power), len(spread) // ATOMS)
    assert found.power == pytest.approx(power, abs=0.02)
    at = np.array([0.01, 0.05, 0.3])
    np.testing.assert_allclose(expected(found, at), scale * at**power, rtol=0.05)
    np.testing.assert_allclose(found.quantiles, gaussian().quantiles, rtol=0.2, atol=0.02)


def test_intervals_hold_on_other_frames_whatever_the_errors_look_like(rng):
    """Errors with heavy tails, which no Gaussian interval would hold."""
    spread = rng.lognormal(-3, 0.7, size=4000 * ATOMS)
    error = 3 * spread * np.abs(rng.standard_t(3, size=(len(spread), 3))).mean(axis=1)
    known, other = slice(0, 200 * ATOMS), slice(200 * ATOMS, None)
    found = fit(spread[known], error[known], 200)
    figures = quality(spread[other], error[other], sizes_of(spread[other]), found, large_error=0.1)
    assert figures["calibrated"]["coverage_90"] == pytest.approx(0.9, abs=0.03)
    assert figures["calibrated"]["miscalibration_area"] < 0.03
    assert figures["bare"]["miscalibration_area"] > 0.1
    assert found.bound(0.9) > found.bound(0.5)


def test_a_perfect_uncertainty_is_told_to_be_perfect(rng):
    spread = rng.lognormal(-3, 0.7, size=2000 * ATOMS)
    figures = quality(spread, errors_of(spread, rng, 1.0), sizes_of(spread), gaussian(), 0.1)
    found = figures["calibrated"]
    assert found == figures["bare"]
    assert found["coverage_90"] == pytest.approx(0.9, abs=0.005)
    assert found["miscalibration_area"] < 0.01
    assert found["ence"] < 0.03
    assert found["error_over_uncertainty_rms"] == pytest.approx(1, abs=0.03)
    worse = quality(3 * spread, errors_of(spread, rng, 1.0), sizes_of(spread), gaussian(), 0.1)["calibrated"]
    assert worse["nll"] > found["nll"], "the true width has the largest likelihood"
    assert worse["error_over_uncertainty_rms"] == pytest.approx(1 / 3, abs=0.02)


def test_ranking_does_not_ask_for_the_size(rng):
    error = rng.lognormal(size=30 * ATOMS)
    perfect = quality(0.01 * error**2, error, sizes_of(error), gaussian(), 5.0)
    assert perfect["spearman"] == pytest.approx(1)
    assert perfect["frame_spearman"] == pytest.approx(1)
    assert perfect["auc"] == perfect["frame_auc"] == 1
    blind = quality(rng.lognormal(size=len(error)), error, sizes_of(error), gaussian(), 1.0)
    assert blind["auc"] == pytest.approx(0.5, abs=0.12)
    assert quality(error, error, sizes_of(error), gaussian(), 1e9)["auc"] is None, "no error is large"


def test_a_few_frames_do_not_refute_proportionality(rng):
    """Two molecules whose spread says nothing: a free fit would take uncertainty for the same everywhere."""
    spread = rng.lognormal(-3, 0.3, size=2 * ATOMS)
    found = fit(spread, errors_of(np.full(len(spread), 0.05), rng), len(spread) // ATOMS)
    assert found.power > 0.5


def test_what_the_frame_adds_is_found(rng):
    """Where errors go with the spread of the atom and of its frame, and where with the atom's alone."""
    of_frame = np.repeat(rng.lognormal(-3, 0.7, size=800), ATOMS)
    spread = of_frame * rng.lognormal(0, 0.7, size=len(of_frame))
    frame_spread = over_frames(spread, sizes_of(spread))
    for share in (0.6, 0.0):
        mixed = spread ** (1 - share) * frame_spread**share
        found = fit_calibration(spread, frame_spread, errors_of(mixed, rng), 800)
        assert found.frame_share == pytest.approx(share, abs=0.05) and found.power == pytest.approx(1, abs=0.03)
        np.testing.assert_allclose(found.expected_error(spread, frame_spread), 2 * mixed, rtol=0.25)
        known = spread ** (1 - found.frame_share) * frame_spread**found.frame_share
        assert found.known_to == pytest.approx(known.max())
        assert found.stands_out == pytest.approx((spread / frame_spread).max())


def test_a_lone_defect_is_not_hidden_by_the_size_of_its_cell(rng):
    """An atom of spread 1 eV/Å among others of 0.01 has the same error in a cell of 20 atoms and of 2,000."""
    spread = rng.lognormal(-3, 0.3, size=100 * ATOMS)
    frame_spread = over_frames(spread, sizes_of(spread))
    found = fit_calibration(spread, frame_spread, errors_of(spread, rng), 100)
    errors = []
    for n in (20, 2000):
        cell = np.append(np.full(n - 1, 0.01), 1.0)
        errors.append(found.expected_error(cell, over_frames(cell, np.array([n])))[-1])
    assert errors[1] == pytest.approx(errors[0], rel=1e-6)
    assert errors[0] > 1.0


def test_beyond_the_known_spreads_the_error_rises_with_them_at_least(rng):
    spread = rng.lognormal(-3, 0.5, size=400 * ATOMS)
    found = fit(spread, errors_of(spread, rng, 1.5, 0.6), 400)
    end = spread.max()
    assert found.known_to == pytest.approx(end) and found.power < 0.7
    edge = expected(found, np.array([0.999, 1, 1.001, 2]) * end)
    assert edge[2] / edge[0] == pytest.approx(1, abs=0.01), "no jump"
    assert edge[3] / edge[1] == pytest.approx(2)
    steep = fit(spread, errors_of(spread, rng, 1.5, 1.8), 400)
    assert expected(steep, 2 * end) / expected(steep, end) == pytest.approx(2**steep.power)


@pytest.mark.parametrize("level", [0.01, 0.99])
def test_an_interval_that_was_not_learned_is_refused(level):
    with pytest.raises(ValueError, match=r"is not between 0\.02 and 0\.98"):
        gaussian().bound(level)


def test_ranks_are_those_of_conformal_prediction(rng):
    """Of 19 errors, the sixth is the bound of 30 %: 20 x 0.3, which floating point makes a little more than 6."""
    spread = np.full(19, 0.1)
    error = errors_of(spread, rng)
    found = fit(spread, error, 19)
    assert found.bound(0.3) * expected(found, 0.1) == pytest.approx(np.sort(error)[5], rel=1e-6)
    assert found.bound(0.9) * expected(found, 0.1) == pytest.approx(np.sort(error)[17], rel=1e-6)


def test_larger_spread_never_means_a_smaller_error(rng):
    spread = rng.lognormal(-3, 1, size=100 * ATOMS)
    found = fit(spread, errors_of(1e-3 / spread, rng), len(spread) // ATOMS)
    assert found.power == 0


@pytest.mark.parametrize(
    ("spread", "error", "what"),
    [(np.zeros(9), np.ones(9), "zero"), (np.ones(9), np.zeros(9), "zero"), (np.full(9, np.nan), np.ones(9), "NaN")],
)
def test_what_cannot_be_calibrated_is_refused(spread, error, what):
    with pytest.raises(ValueError, match=what):
        fit(spread, error, 1)


def test_a_nan_is_a_failure_with_a_reason():
    bad = np.ones(9)
    bad[3] = np.nan
    with pytest.raises(ValueError, match="is NaN"):
        quality(np.ones(9), bad, np.array([9]), gaussian(), 1.0)


def test_a_record_comes_back(rng):
    spread = rng.lognormal(-3, 1, size=10 * ATOMS)
    found = fit(spread, errors_of(spread, rng), len(spread) // ATOMS)
    for each in (found, gaussian()):
        assert Calibration.from_record(json.loads(json.dumps(each.as_record(), allow_nan=False))) == each
    assert len(found.quantiles) == len(LEVELS)
