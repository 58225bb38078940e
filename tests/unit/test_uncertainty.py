"""Uncertainty: the calibration finds a known scale, and the quality figures are right on known cases."""

from dataclasses import replace

import numpy as np
import pytest

from ouroboros.calibration import gaussian
from ouroboros.frames import Frames
from ouroboros.predictions import Prediction
from ouroboros.uncertainty import calibrate, errors_of_frames, force_errors, quality


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


def whole(prediction, frames, calibration):
    """The figures of all frames."""
    (told,) = quality(prediction, frames, {"all": np.ones(len(frames), bool)}, calibration)
    return told.figures


@pytest.mark.parametrize("scale", [0.5, 1.0, 3.0])
def test_calibration_finds_a_known_scale(scale):
    prediction, frames = synthetic(scale, n_members=40)  # their own scatter hardly blurs what they say
    found = calibrate(prediction, frames)
    assert found.scale == pytest.approx(scale, rel=0.05)
    assert found.power == pytest.approx(1, abs=0.05)
    assert whole(prediction, frames, found)["calibrated"]["error_over_uncertainty_rms"] == pytest.approx(1, abs=0.02)


def test_calibration_carries_over_to_other_frames():
    found = whole(*synthetic(2.0, seed=2), calibrate(*synthetic(2.0, seed=1)))
    assert found["calibrated"]["error_over_uncertainty_rms"] == pytest.approx(1.0, rel=0.05)
    assert found["calibrated"]["coverage_90"] == pytest.approx(0.9, abs=0.02)
    assert found["bare"]["coverage_90"] < 0.6


def test_errors_are_lengths():
    prediction, frames = along_x([3.0, 0.0], [1.0, 1.0]), labelled([[0, 4.0, 0], [0, 0, 1.0]])
    assert force_errors(prediction, frames).tolist() == [5.0, 1.0]


def test_a_frames_error_is_that_of_its_worst_atom():
    single = labelled([[3.0, 4, 0], [1, 0, 0], [0, 2, 0]])
    two = {"energy": np.zeros(2), "cell": np.zeros((2, 3, 3)), "pbc": np.zeros((2, 3), bool), "stress": None}
    frames = replace(single, n_atoms=np.array([2, 1]), **two)
    prediction = Prediction(np.zeros((2, 2)), np.zeros((2, 3, 3)), frames.n_atoms)
    table = errors_of_frames(prediction, frames.with_columns(candidate=["a", "b"]))
    assert table.to_dict("list") == {"candidate": ["a", "b"], "force_error_eV_per_A": [5.0, 2.0]}
    assert list(errors_of_frames(prediction, frames.take([])).columns) == ["candidate", "force_error_eV_per_A"]


def test_expected_errors_do_not_depend_on_the_unit():
    prediction, frames = synthetic(1.5)
    half = Prediction(prediction.member_energy, prediction.member_forces / 2, prediction.n_atoms)
    expected = calibrate(prediction, frames).expected_error(prediction.force_std, prediction.frame_force_std)
    of_half = calibrate(half, labelled(frames.forces / 2)).expected_error(half.force_std, half.frame_force_std)
    np.testing.assert_allclose(of_half, expected / 2, rtol=1e-3)


@pytest.mark.parametrize(
    ("errors", "expected"), [([1.0, 2.0, 3.0, 4.0], 1.0), ([4.0, 3.0, 2.0, 1.0], -1.0), ([2.0, 1.0, 4.0, 3.0], 0.6)]
)
def test_rank_correlation_on_known_orders(errors, expected):
    prediction = along_x(errors, [0.1, 0.2, 0.3, 0.4])
    assert whole(prediction, labelled(np.zeros((4, 3))), gaussian())["spearman"] == pytest.approx(expected)


def test_sets_are_told_apart():
    prediction, frames = along_x([0.1, 0.2, 3.0, 4.0], np.full(4, 0.1)), labelled(np.zeros((4, 3)))
    near, far = quality(
        prediction, frames, {"near": np.arange(4) < 2, "none": np.zeros(4, bool), "far": np.arange(4) > 1}, gaussian()
    )
    assert [near.name, far.name] == ["near", "far"]
    assert near.error.tolist() == [0.1, 0.2] and far.error.tolist() == [3.0, 4.0]
    assert (
        near.figures["calibrated"]["error_over_uncertainty_rms"]
        < far.figures["calibrated"]["error_over_uncertainty_rms"] / 10
    )


def test_a_trained_committee_is_more_uncertain_where_it_is_more_wrong(committee, frames):
    validation = frames.take(frames.columns["subset"] == "validation")
    prediction = committee.predict(validation)
    found = calibrate(prediction, validation)
    assert 0.1 < found.scale < 10
    assert whole(prediction, validation, found)["spearman"] > 0.2


def test_a_committee_of_one_has_no_uncertainty():
    prediction, frames = synthetic(1.0, n_atoms=10)
    alone = Prediction(prediction.member_energy[:1], prediction.member_forces[:1], prediction.n_atoms)
    assert not calibrate(alone, frames).expected_error(alone.force_std, alone.frame_force_std).any()
    assert quality(alone, frames, {"all": np.ones(10, bool)}, gaussian()) == []


@pytest.mark.parametrize("where", ["prediction", "label"])
def test_nan_cannot_be_calibrated(where):
    prediction, frames = synthetic(1.0, n_atoms=10)
    (prediction.member_forces[0] if where == "prediction" else frames.forces)[3, 1] = np.nan
    with pytest.raises(ValueError, match="cannot be calibrated"):
        calibrate(prediction, frames)


def test_members_without_errors_cannot_be_calibrated():
    with pytest.raises(ValueError, match="cannot be calibrated"):
        calibrate(along_x([0.0, 0.0], [1.0, 1.0]), labelled(np.zeros((2, 3))))
