"""Uncertainty: the calibration finds a known scale, and the quality figures are right on known cases."""

import numpy as np
import pytest

from ouroboros.committee import Prediction
from ouroboros.frames import Frames
from ouroboros.uncertainty import calibrate, force_errors, quality


def labelled(forces):
    n = len(forces)
    return Frames(
        numbers=np.ones(n, int),
        positions=np.zeros((n, 3)),
        n_atoms=np.ones(n, int),
        energy=np.zeros(n),
        forces=np.asarray(forces, float),
        cell=np.zeros((n, 3, 3)),
        pbc=np.zeros((n, 3), bool),
    )


def along_x(mean, half_width):
    """Two members at mean ± half_width along x: a spread of sqrt(2) half_width, and `mean` as the committee's force."""
    forces = np.zeros((2, len(mean), 3))
    forces[:, :, 0] = np.asarray(mean) + np.outer([1, -1], half_width)
    return Prediction(np.zeros((2, len(mean))), forces, np.ones(len(mean), int))


def synthetic(scale, n_atoms=4000, n_members=4, seed=0):
    """Members scattered by σ of each atom about a mean that is off by `scale` σ: heteroscedastic Gaussians."""
    rng = np.random.default_rng(seed)
    sigma = rng.uniform(0.05, 0.5, n_atoms)[:, None]
    scatter = rng.normal(size=(n_members, n_atoms, 3))
    scatter -= scatter.mean(axis=0)
    scatter *= np.sqrt(n_members / (n_members - 1))  # members' own scatter about their mean: variance σ² again
    truth = scale * sigma * rng.normal(size=(n_atoms, 3))
    return Prediction(np.zeros((n_members, n_atoms)), sigma * scatter, np.ones(n_atoms, int)), labelled(truth)


@pytest.mark.parametrize("scale", [0.5, 1.0, 3.0])
def test_calibration_finds_a_known_scale(scale):
    prediction, frames = synthetic(scale)
    variance = prediction.member_forces.var(axis=0, ddof=1).mean() / (frames.forces.var() / scale**2)
    assert calibrate(prediction, frames) == pytest.approx(scale / np.sqrt(variance), rel=0.03)
    # 12,000 error components: their root mean square is known to 1 %.
    assert quality(prediction, frames, calibrate(prediction, frames))["error_over_uncertainty_rms"] == pytest.approx(1)


def test_calibration_carries_over_to_other_frames():
    factor = calibrate(*synthetic(2.0, seed=1))
    assert quality(*synthetic(2.0, seed=2), factor)["error_over_uncertainty_rms"] == pytest.approx(1.0, rel=0.05)


def test_calibration_by_hand():
    prediction, frames = along_x([3.0, 0.0], [1.0, 1.0]), labelled([[0, 4.0, 0], [0, 0, 1.0]])
    assert force_errors(prediction, frames).tolist() == [5.0, 1.0]
    assert calibrate(prediction, frames) == pytest.approx(np.sqrt(13 / 2))


def test_calibrated_uncertainty_does_not_depend_on_the_members_own_scale():
    prediction, frames = synthetic(1.5)
    half = Prediction(prediction.member_energy, prediction.member_forces / 2, prediction.n_atoms)
    half_truth = labelled(frames.forces / 2)
    assert calibrate(half, half_truth) == pytest.approx(calibrate(prediction, frames))


@pytest.mark.parametrize(
    ("errors", "expected"), [([1.0, 2.0, 3.0, 4.0], 1.0), ([4.0, 3.0, 2.0, 1.0], -1.0), ([2.0, 1.0, 4.0, 3.0], 0.6)]
)
def test_rank_correlation_on_known_orders(errors, expected):
    prediction = along_x(errors, [0.1, 0.2, 0.3, 0.4])
    assert quality(prediction, labelled(np.zeros((4, 3))), 1.0)["spearman"] == pytest.approx(expected)


def test_coverage_is_the_share_of_errors_within_the_calibrated_spread():
    prediction = along_x([0.5, 1.0, 1.9, 2.1], np.full(4, np.sqrt(0.5)))  # a spread of 1
    frames = labelled(np.zeros((4, 3)))
    assert quality(prediction, frames, 2.0)["coverage_1_sigma"] == 0.75
    assert quality(prediction, frames, 0.9)["coverage_1_sigma"] == 0.25


def test_a_trained_committee_is_more_uncertain_where_it_is_more_wrong(committee, frames):
    validation = frames.take(frames.columns["subset"] == "validation")
    prediction = committee.predict(validation)
    factor = calibrate(prediction, validation)
    assert 0.1 < factor < 10
    assert quality(prediction, validation, factor)["spearman"] > 0.2


def test_a_committee_of_one_has_no_uncertainty():
    prediction, frames = synthetic(1.0, n_atoms=10)
    alone = Prediction(prediction.member_energy[:1], prediction.member_forces[:1], prediction.n_atoms)
    assert calibrate(alone, frames) == 1.0
    assert set(quality(alone, frames, 1.0).values()) == {None}


@pytest.mark.parametrize("where", ["prediction", "label"])
def test_nan_cannot_be_calibrated(where):
    prediction, frames = synthetic(1.0, n_atoms=10)
    (prediction.member_forces[0] if where == "prediction" else frames.forces)[3, 1] = np.nan
    with pytest.raises(ValueError, match="cannot be calibrated"):
        calibrate(prediction, frames)


def test_members_without_errors_cannot_be_calibrated():
    with pytest.raises(ValueError, match="cannot be calibrated"):
        calibrate(along_x([0.0, 0.0], [1.0, 1.0]), labelled(np.zeros((2, 3))))
