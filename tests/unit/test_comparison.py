"""Strategies against chance: savings and verdicts on curves of a known kind."""

import numpy as np
import pandas as pd
import pytest

from ouroboros.comparison import compare, labels_to_reach, mean_curve
from ouroboros.comparison_figure import learning_curves

MAE = "force_mae_meV_per_A"
SHIFTED = "force_mae_out_of_domain_meV_per_A"


def table(labels, errors, shifted=None):
    """A round table; errors fall as given."""
    return pd.DataFrame({"labels": labels, MAE: errors, SHIFTED: shifted or errors, "survival_fraction": 0.9})


def arms(seeds, gain):
    """Errors that fall as 1/labels; the committee's with `gain` times as many labels, scattered by 2 %."""
    labels, found = np.array([60, 120, 180, 240]), {}
    for seed in range(seeds):
        scatter = 1 + 0.02 * np.random.default_rng(seed).normal(size=(2, 4))
        found[f"random-{seed}"] = table(labels, 6000 / labels * scatter[0])
        found[f"committee-{seed}"] = table(labels, 6000 / (60 + gain * (labels - 60)) * scatter[1])
    return found


def test_labels_are_interpolated_between_rounds():
    course = table([60, 120, 180], [100.0, 50.0, 40.0])
    assert labels_to_reach(course, MAE, 75.0) == 90
    assert labels_to_reach(course, MAE, 100.0) == labels_to_reach(course, MAE, 200.0) == 60
    assert labels_to_reach(course, MAE, 40.0) == 180
    assert labels_to_reach(course, MAE, 39.0) is None


def test_a_strategy_that_learns_twice_as_fast_saves_labels():
    found = compare(arms(3, gain=2.0), target=30.0)
    figures = found["against_random"]["committee"][SHIFTED]
    # the control ends at 6000/240; the committee is there at 60 + 2 (n - 60) = 240, n = 150, a little less on a chord
    assert figures["label_saving"] == pytest.approx(1 - 150 / 240, abs=0.06)
    assert figures["label_saving"] == pytest.approx(np.mean(figures["label_savings"]))
    assert len(figures["label_savings"]) == figures["seeds"] == 3
    assert figures["ratio"] == pytest.approx(240 / 420, rel=0.05)
    assert "choosing paid" in figures["verdict"]
    assert set(found["labels_to_target"]) == set(arms(3, 2.0))
    assert found["labels_to_target"]["random-0"] == pytest.approx(200, rel=0.05)


def test_no_difference_is_said_to_be_none():
    figures = compare(arms(4, gain=1.0), target=30.0)["against_random"]["committee"][MAE]
    assert "no difference from chance is shown" in figures["verdict"]


def test_a_strategy_that_does_harm_is_told():
    figures = compare(arms(3, gain=0.5), target=30.0)["against_random"]["committee"][MAE]
    assert "did harm" in figures["verdict"]
    # with 240 labels it is where the control is with 150
    assert figures["label_saving"] == pytest.approx(1 - 240 / 150, abs=0.1)


def test_equal_curves_save_nothing_even_with_a_bump():
    bumpy = table([60, 120, 180, 240], [100.0, 40.0, 60.0, 50.0])
    figures = compare({"random-0": bumpy, "committee-0": bumpy.copy()}, target=30.0)["against_random"]["committee"][MAE]
    assert figures["label_saving"] == 0 and figures["ratio"] == 1


def test_arms_of_different_length_are_compared_at_equal_labels():
    tables = arms(2, gain=1.0)
    tables["committee-0"] = tables["committee-0"].iloc[:2]  # which converged early
    figures = compare(tables, target=30.0)["against_random"]["committee"][MAE]
    assert figures["labels_compared"] == [120, 240]
    assert figures["ratio"] == pytest.approx(1, abs=0.06)


def test_one_seed_proves_nothing():
    figures = compare(arms(1, gain=2.0), target=30.0)["against_random"]["committee"][MAE]
    assert figures["ratio_std"] is None and "one seed proves nothing" in figures["verdict"]


def test_without_a_control_nothing_is_compared():
    alone = {"committee-0": arms(1, 2.0)["committee-0"]}
    assert compare(alone, target=30.0)["against_random"] == {}


def test_means_stop_where_the_first_seed_stops():
    curve = mean_curve([table([1, 2, 3], [3.0, 2.0, 1.0]), table([1, 2], [5.0, 4.0])], MAE)
    assert curve["mean"].tolist() == [4.0, 3.0]
    assert curve["std"].tolist() == pytest.approx([2**0.5, 2**0.5])
    assert np.isnan(mean_curve([table([1, 2], [3.0, 2.0])], MAE)["std"]).all()


@pytest.mark.parametrize("seeds", [1, 3])
def test_the_verdicts_stand_on_the_figure(seeds, tmp_path):
    tables = arms(seeds, gain=2.0)
    found = compare(tables, target=30.0)
    learning_curves(tables, found, tmp_path / "curves.svg")
    text = (tmp_path / "curves.svg").read_text()
    assert "share of walkers that survive" in text and "force MAE (meV/Å)" in text
    assert ("one seed" in text) == (seeds == 1)
    assert (f"mean of {seeds} seeds" in text) == (seeds > 1)


def test_a_pool_has_no_walkers_and_its_figure_all_the_same(tmp_path):
    tables = {arm: each.assign(survival_fraction=np.nan) for arm, each in arms(2, 1.5).items()}
    learning_curves(tables, compare(tables, 30.0), tmp_path / "curves.svg")
    assert (tmp_path / "curves.svg").exists()
