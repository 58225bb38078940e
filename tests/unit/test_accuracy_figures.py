"""Figures of the test: the numbers that stand on them, and sets of any size and kind."""

from dataclasses import replace

import matplotlib.pyplot as plt
import numpy as np
import pytest

from ouroboros import accuracy_figures
from ouroboros.accuracy import measure
from ouroboros.calibration import gaussian
from ouroboros.frames import Frames
from ouroboros.predictions import Prediction
from ouroboros.uncertainty import quality
from ouroboros.uncertainty_figure import uncertainty

KILOBYTE = 1024
CALIBRATION = replace(gaussian(), scale=1.5)


def of_size(n_frames, members=2, seed=0):
    """Frames of water at three temperatures, and a committee that is off by some 20 meV and 50 meV/Å."""
    generator = np.random.default_rng(seed)
    forces = generator.normal(size=(3 * n_frames, 3))
    frames = Frames(
        numbers=np.tile([8, 1, 1], n_frames),
        positions=np.zeros((3 * n_frames, 3)),
        n_atoms=np.full(n_frames, 3),
        energy=-2000 + generator.normal(size=n_frames),
        forces=forces,
        cell=np.zeros((n_frames, 3, 3)),
        pbc=np.zeros((n_frames, 3), bool),
        columns={"temperature_K": np.array([300.0, 450.0, 600.0])[np.arange(n_frames) % 3]},
    )
    energy = frames.energy + 0.02 * generator.normal(size=(members, n_frames))
    return frames, Prediction(energy, forces + 0.05 * generator.normal(size=(members, 3 * n_frames, 3)), frames.n_atoms)


def sets_of(prediction, frames):
    """The quality of the uncertainty on cold and on hot frames."""
    cold = frames.columns["temperature_K"] < 400
    return quality(prediction, frames, {"in_domain": cold, "out_of_domain": ~cold}, CALIBRATION)


def draw(frames, prediction, folder):
    """All three figures of one test, as texts of SVG; the hotter frames are out of the domain."""
    figures = measure(prediction, frames)["committee"]
    accuracy_figures.parity(prediction, frames, figures, folder / "parity.svg")
    accuracy_figures.histograms(prediction, frames, folder / "errors.svg")
    uncertainty(sets_of(prediction, frames), CALIBRATION, folder / "uncertainty.svg")
    return {name: (folder / f"{name}.svg").read_text() for name in ("parity", "errors", "uncertainty")}


def test_the_numbers_of_the_metrics_stand_on_the_figures(tmp_path):
    frames, prediction = of_size(120)
    found = measure(prediction, frames)["committee"]
    texts = draw(frames, prediction, tmp_path)
    for words in (
        "120 frames",
        f"MAE {found['energy_mae_meV']:.3g} meV<",
        f"RMSE {found['energy_rmse_meV']:.3g} meV<",
        f"largest {found['energy_max_meV']:.3g} meV<",
        f"R² {found['energy_r2']:.5f}",
        "components",
        f"MAE {found['force_mae_meV_per_A']:.3g} meV/Å",
        f"largest {found['force_max_meV_per_A']:.3g} meV/Å",
        f"R² {found['force_r2']:.5f}",
        "300 K",
        "600 K",
    ):
        assert words in texts["parity"], words
    rms = found["energy_rmse_meV_per_atom"]
    for words in (
        f"Gaussian, rms {rms:.3g}",
        f"Gaussian, rms {found['force_rmse_meV_per_A']:.3g}",
        ">H<",
        ">O<",
        "450 K",
    ):
        assert words in texts["errors"], words
    inside, outside = sets_of(prediction, frames)
    for words in (
        "in domain: rank correlation",
        "out of domain: rank correlation",
        f"in domain: area {inside.figures['calibrated']['miscalibration_area']:.3f}",
        f"out of domain: area {outside.figures['calibrated']['miscalibration_area']:.3f}",
        f"bare spread: {inside.figures['bare']['miscalibration_area']:.3f}",
        f"{inside.figures['calibrated']['coverage_90']:.0%} within the 90 % interval",
        f"{outside.figures['calibrated']['coverage_90']:.0%} within the 90 % interval",
    ):
        assert words in texts["uncertainty"], words


@pytest.fixture
def drawn_axes(monkeypatch):
    """Figures stay open after they were written, so that what they hold can be read back."""
    closed = plt.close
    monkeypatch.setattr(plt, "close", lambda *_: None)
    yield lambda: plt.gcf().axes
    closed("all")


def test_an_exact_prediction_lies_on_the_line_and_a_wrong_one_off_it(tmp_path, drawn_axes):
    frames, prediction = of_size(30)
    wrong = prediction.member_energy.copy()
    wrong[:, 7] = frames.energy[7] + 3.0
    accuracy_figures.parity(
        Prediction(wrong, prediction.member_forces, frames.n_atoms),
        frames,
        measure(prediction, frames)["committee"],
        tmp_path / "parity.svg",
    )
    lines = drawn_axes()[0].get_lines()[1:]  # the first is the diagonal
    points = np.concatenate([line.get_xydata() for line in lines])
    off = points[:, 1] - points[:, 0]
    assert len(points) == 30
    assert off.max() == pytest.approx(3.0, abs=1e-9) and np.sort(off)[-2] < 0.1


def test_histograms_count_every_frame_and_component_once(tmp_path, drawn_axes):
    frames, prediction = of_size(200)
    accuracy_figures.histograms(prediction, frames, tmp_path / "errors.svg")
    for axes, expected in zip(drawn_axes(), (200, 1800), strict=True):
        everything, *groups = [patch.get_data().values for patch in axes.patches]
        assert everything.sum() == expected
        assert (np.sum(groups, axis=0) == everything).all()


def test_of_many_elements_the_rarest_share_a_curve(tmp_path, drawn_axes):
    frames, prediction = of_size(200)
    numbers = np.tile([1, 1, 1, 6, 6, 7, 7, 8, 8, 15, 15, 16, 17, 9, 9], 40)
    frames = Frames(**{**frames.__dict__, "numbers": numbers})
    accuracy_figures.histograms(prediction, frames, tmp_path / "errors.svg")
    everything, *groups = drawn_axes()[1].patches
    assert [group.get_label() for group in groups] == ["H", "C", "N", "O", "F", "others"]
    assert groups[-1].get_data().values.sum() == 3 * 40 * 4  # P, S, Cl
    assert (sum(group.get_data().values for group in groups) == everything.get_data().values).all()


def test_energies_of_several_compositions_are_drawn_above_their_elements(tmp_path, drawn_axes):
    frames, _ = of_size(20)
    other = Frames(
        numbers=np.tile([6, 1], 20),
        positions=np.zeros((40, 3)),
        n_atoms=np.full(20, 2),
        energy=frames.energy + 1000,
        forces=np.zeros((40, 3)),
        cell=np.zeros((20, 3, 3)),
        pbc=np.zeros((20, 3), bool),
    )
    both = Frames.concatenate([frames, other])
    exact = Prediction(both.energy[None], both.forces[None], both.n_atoms)
    accuracy_figures.parity(exact, both, measure(exact, both)["committee"], tmp_path / "parity.svg")
    axes = drawn_axes()[0]
    assert "elements" in axes.get_xlabel()
    assert np.ptp(axes.get_xlim()) < 10  # not the 1000 eV between the compositions


def test_stress_has_a_panel_of_its_own_in_GPa(tmp_path, drawn_axes):
    frames, prediction = of_size(10)
    stress = np.full((10, 3, 3), np.nan)
    stress[:7] = np.eye(3) * np.linspace(-2, 2, 7)[:, None, None] / 160.21766
    frames = Frames(**{**frames.__dict__, "stress": stress})
    prediction = Prediction(
        prediction.member_energy, prediction.member_forces, frames.n_atoms, np.stack([stress] * 2) * 1.1
    )
    errors = measure(prediction, frames)["committee"]
    accuracy_figures.parity(prediction, frames, errors, tmp_path / "parity.svg")
    points = np.concatenate([line.get_xydata() for line in drawn_axes()[2].get_lines()[1:]])
    assert len(points) == 7 * 6
    assert points[:, 0].max() == pytest.approx(2.0, rel=1e-6) and points[:, 1].max() == pytest.approx(2.2, rel=1e-6)
    assert f"MAE {errors['stress_mae_GPa']:.3g} GPa" in (tmp_path / "parity.svg").read_text()


@pytest.mark.parametrize("n_frames", [1, 2, 5])
@pytest.mark.parametrize("members", [1, 2])
def test_the_smallest_test_sets_have_their_figures(tmp_path, n_frames, members):
    texts = draw(*of_size(n_frames, members), tmp_path)
    assert ("no spread" in texts["uncertainty"]) == (members == 1)


def test_a_perfect_committee_has_its_figures(tmp_path):
    frames, prediction = of_size(10)
    exact = Prediction(np.tile(frames.energy, (2, 1)), np.tile(frames.forces, (2, 1, 1)), prediction.n_atoms)
    accuracy_figures.parity(exact, frames, measure(exact, frames)["committee"], tmp_path / "parity.svg")
    accuracy_figures.histograms(exact, frames, tmp_path / "errors.svg")
    drawn = (tmp_path / "parity.svg").read_text()
    assert all(f">{text}<" in drawn for text in ("MAE 0 meV", "MAE 0 meV/Å", "R² 1.00000"))
    assert (tmp_path / "errors.svg").exists()


def test_a_large_test_set_makes_small_files(tmp_path):
    frames, prediction = of_size(5000)
    draw(frames, prediction, tmp_path)
    for name in ("parity", "errors", "uncertainty"):
        assert (tmp_path / f"{name}.svg").stat().st_size < 400 * KILOBYTE, name


def test_the_same_data_make_the_same_bytes(tmp_path):
    assert draw(*of_size(50), tmp_path) == draw(*of_size(50), tmp_path)


def test_by_temperature_draws_every_round(tmp_path, drawn_axes):
    rounds = [measure(*reversed(of_size(30, seed=seed))) for seed in (0, 1)]
    accuracy_figures.by_temperature(rounds, tmp_path / "temperatures.svg")
    lines = drawn_axes()[0].get_lines()
    assert [line.get_label() for line in lines] == ["round 0", "round 1"]
    assert lines[1].get_xdata().tolist() == [300.0, 450.0, 600.0]
    assert lines[1].get_ydata()[2] == rounds[1]["by_temperature_K"]["600"]["force_mae_meV_per_A"]


def test_by_temperature_of_many_temperatures_draws_quarters(tmp_path):
    frames, prediction = of_size(100)
    frames = frames.with_columns(temperature_K=300 + np.arange(100.0))
    accuracy_figures.by_temperature([measure(prediction, frames)], tmp_path / "temperatures.svg")
    assert "to 324" in (tmp_path / "temperatures.svg").read_text()


def test_without_temperatures_a_sentence_says_so(tmp_path):
    accuracy_figures.by_temperature([{"by_temperature_K": {}}], tmp_path / "temperatures.svg")
    assert "carry no temperature" in (tmp_path / "temperatures.svg").read_text()
