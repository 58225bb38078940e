"""The decision: four states, each with its reason, and a NaN never passes for a success."""

import numpy as np
import pytest

from ouroboros.decision import BrokenRunError, refuse_broken
from ouroboros.decision import decide as decide_rounds

TARGETS = {
    "force_mae_meV_per_A": 43.0,
    "uncertain_fraction": 0.05,
    "survival_fraction": 0.95,
    "stable_rounds": 1,
    "worse_by": 0.1,
}
GOOD = {
    "force_mae_meV_per_A": 30.0,
    "uncertain_fraction": 0.01,
    "survival_fraction": 1.0,
    "walkers": 16,
    "frames_explored": 800,
    "frames_physical": 790,
    "checks_failed": [],
    "selected": 60,
    "labels": 100,
    "members": 3,
    "members_living": 3,
}
MISSED = {"force_mae_meV_per_A": 43.1, "uncertain_fraction": 0.0501, "survival_fraction": 0.9499}


def decide(*rounds_and_targets, last_round):
    """The decision after the rounds given, under the targets that come last."""
    *rounds, targets = rounds_and_targets
    return decide_rounds(rounds, targets, last_round=last_round)


def course(*errors):
    """Rounds with these force errors (meV/Å), each with more labels than the one before."""
    return [{**GOOD, "force_mae_meV_per_A": error, "labels": 100 + 60 * r} for r, error in enumerate(errors)]


@pytest.mark.parametrize("last_round", [True, False])
def test_all_targets_met_is_converged(last_round):
    assert decide(GOOD, TARGETS, last_round=last_round).state == "converged"


def test_targets_met_exactly_are_met():
    exact = {name: TARGETS[name] for name in MISSED}
    assert decide({**GOOD, **exact}, TARGETS, last_round=False).state == "converged"


@pytest.mark.parametrize("name", MISSED)
def test_a_single_missed_target_goes_on(name):
    assert decide({**GOOD, name: MISSED[name]}, TARGETS, last_round=False).state == "continue"


@pytest.mark.parametrize("name", MISSED)
def test_a_single_missed_target_in_the_last_round_is_budget_spent(name):
    verdict = decide({**GOOD, name: MISSED[name]}, TARGETS, last_round=True)
    assert verdict.state == "budget_spent" and verdict.reason.startswith("all rounds done; ")


def test_the_reason_names_every_missed_target_with_both_numbers():
    figures = {**GOOD, "force_mae_meV_per_A": 88.8, "uncertain_fraction": 0.6, "survival_fraction": 0.25}
    reason = decide(figures, TARGETS, last_round=False).reason
    for words in ("88.8 meV/Å", "over 43", "60%", "over 5%", "25%", "under 95%"):
        assert words in reason
    assert "survived" not in decide({**figures, "survival_fraction": 1.0}, TARGETS, last_round=False).reason


@pytest.mark.parametrize(
    "nan", [float("nan"), np.float64("nan"), np.float32("nan")], ids=["python", "64 bit", "32 bit"]
)
@pytest.mark.parametrize("name", [name for name in GOOD if name != "checks_failed"])
@pytest.mark.parametrize("last_round", [True, False])
def test_nan_in_any_figure_is_broken_and_named(name, nan, last_round):
    verdict = decide({**GOOD, name: nan}, TARGETS, last_round=last_round)
    assert verdict.state == "broken"
    assert f"{name} is NaN" in verdict.reason


@pytest.mark.parametrize("name", ["force_mae_meV_per_A", "uncertain_fraction"])
def test_an_infinite_figure_is_never_converged(name):
    assert decide({**GOOD, name: float("inf")}, TARGETS, last_round=False).state != "converged"


def test_a_further_figure_that_is_nan_is_broken_too():
    assert decide({**GOOD, "uncertainty_spearman": float("nan")}, TARGETS, last_round=False).state == "broken"


def test_a_production_run_that_failed_a_check_is_not_converged():
    verdict = decide({**GOOD, "checks_failed": ["bonds"]}, TARGETS, last_round=False)
    assert verdict.state == "continue"
    assert "bonds" in verdict.reason


def test_no_explored_frame_is_broken_and_sends_the_reader_to_the_walkers():
    figures = {**GOOD, "frames_explored": 0, "uncertain_fraction": None, "survival_fraction": 0.0}
    verdict = decide(figures, TARGETS, last_round=False)
    assert verdict.state == "broken" and "explore/walkers.csv" in verdict.reason


@pytest.mark.parametrize("last_round", [True, False])
def test_no_physical_frame_is_broken_and_sends_the_reader_to_the_selection(last_round):
    figures = {**GOOD, "frames_physical": 0, "uncertain_fraction": None}
    verdict = decide(figures, TARGETS, last_round=last_round)
    assert verdict.state == "broken" and "select/selection.csv" in verdict.reason


@pytest.mark.parametrize(("last_round", "state"), [(False, "continue"), (True, "budget_spent")])
def test_an_uncertainty_that_nobody_knows_never_counts_as_small(last_round, state):
    verdict = decide({**GOOD, "members": 1, "uncertain_fraction": None}, TARGETS, last_round=last_round)
    assert verdict.state == state and "one member has no spread" in verdict.reason


def test_a_pool_has_no_walkers_to_survive():
    pool = {**GOOD, "walkers": 0, "survival_fraction": None}
    assert decide(pool, TARGETS, last_round=False).state == "converged"


def test_a_pool_that_is_used_up_is_budget_spent_and_not_broken():
    empty = {**GOOD, "walkers": 0, "survival_fraction": None, "frames_explored": 0, "uncertain_fraction": None}
    verdict = decide(empty, TARGETS, last_round=False)
    assert verdict.state == "budget_spent" and "pool" in verdict.reason


def test_targets_have_to_be_met_for_so_many_rounds_in_a_row():
    targets = {**TARGETS, "stable_rounds": 2}
    first = decide(*course(30.0), targets, last_round=False)
    assert first.state == "continue" and "not yet for 2 rounds" in first.reason
    assert decide(*course(90.0, 30.0), targets, last_round=False).state == "continue"
    assert decide(*course(90.0, 30.0, 31.0), targets, last_round=False).state == "converged"
    assert decide(*course(90.0, 30.0), targets, last_round=True).state == "budget_spent"
    assert decide(*course(90.0, 30.0), TARGETS, last_round=False).state == "converged"


@pytest.mark.parametrize(
    ("errors", "state"),
    [((60, 70, 80), "broken"), ((60, 70, 75), "continue"), ((70, 60, 70), "continue"), ((60, 70), "continue")],
)
def test_an_error_that_rises_twice_in_a_row_is_broken(errors, state):
    verdict = decide(*course(*map(float, errors)), TARGETS, last_round=False)
    assert verdict.state == state
    assert ("60.0, 70.0, 80.0 meV/Å" in verdict.reason) == (state == "broken")


def test_a_round_without_a_label_is_broken_and_sends_the_reader_to_the_failures():
    rounds = course(90.0, 80.0)
    rounds[1]["labels"] = rounds[0]["labels"]
    verdict = decide(*rounds, TARGETS, last_round=False)
    assert verdict.state == "broken" and "label_failures.csv" in verdict.reason


def test_nothing_selected_is_broken_where_there_is_more_to_learn():
    assert decide({**GOOD, "selected": 0}, TARGETS, last_round=False).state == "converged"
    verdict = decide({**GOOD, "selected": 0, "force_mae_meV_per_A": 90.0}, TARGETS, last_round=False)
    assert verdict.state == "broken" and "select/selection.csv" in verdict.reason


def test_fewer_than_two_living_members_are_broken():
    verdict = decide({**GOOD, "members_living": 1}, TARGETS, last_round=False)
    assert verdict.state == "broken" and "1 of 3 members" in verdict.reason
    assert decide({**GOOD, "members_living": 2}, TARGETS, last_round=False).state == "converged"
    alone = {**GOOD, "members": 1, "members_living": 1, "uncertain_fraction": None}
    assert decide(alone, {**TARGETS, "uncertain_fraction": 1.0}, last_round=False).state == "converged"


def test_a_broken_arm_ends_the_run_with_its_reason():
    refuse_broken({"state": "continue", "reason": "x"}, "committee-42 round 1")
    with pytest.raises(BrokenRunError, match="committee-42 round 1 is broken: no explored frame"):
        refuse_broken({"state": "broken", "reason": "no explored frame is physical"}, "committee-42 round 1")


def test_a_pool_of_duplicates_is_budget_spent():
    pool = {**GOOD, "walkers": 0, "survival_fraction": None, "selected": 0, "force_mae_meV_per_A": 90.0}
    verdict = decide(pool, TARGETS, last_round=False)
    assert verdict.state == "budget_spent" and "not worth a label" in verdict.reason
