"""The answer of an arm says usable or not by its decision, and holds what speaks for and against it."""

import pandas as pd
import pytest

from ouroboros.answer import answer
from ouroboros.decision import BROKEN, BUDGET_SPENT, CONVERGED

ERRORS = {"energy_mae_meV": 21.0, "energy_rmse_meV": 30.0}
ERRORS |= {"force_mae_meV_per_A": 52.25, "force_rmse_meV_per_A": 70.0, "force_max_meV_per_A": 301.4}
SIZES = {"coverage_90": 0.85, "miscalibration_area": 0.04, "error_over_uncertainty_rms": 1.25}
REFERENCE = {"level_of_theory": "GFN2-xTB", "molecule": "ethanol"}
SPLIT = {"test": 240, "strategy": "trajectory"}
LEAKAGE = {"near_duplicates": 0, "compared": 240, "threshold_A": 0.02}
TARGETS = {"force_mae_meV_per_A": 43.0, "uncertain_fraction": 0.05, "survival_fraction": 0.95, "stable_rounds": 2}
WALKERS = pd.DataFrame({"target_K": [600.0, 800.0], "time_ps": [0.5, 0.25]})
SYSTEM = {"formula": "C2H6O", "periodic": False, "ensemble": "nve", "n_walkers": 8, "simulated_ps": 3.2}
ANALYSIS = {
    "system": {**SYSTEM, "timestep_fs": 0.5},
    "verdicts": {
        "conservation": {"passed": True, "reason": "the drift is 4e-07 eV per step"},
        "bonds": {"passed": False, "reason": "a C-H bond broke"},
    },
}


def metrics(told=None, temperatures=("300", "600")):
    return {
        "committee": ERRORS,
        "by_temperature_K": {name: ERRORS for name in temperatures},
        "by_element": {"H": ERRORS, "O": ERRORS},
        "by_domain": {"in_domain": {"force_mae_meV_per_A": 30.0}, "out_of_domain": {"force_mae_meV_per_A": 90.0}},
        "verdict": {"energy": "energy MAE 21.0 meV: within", "forces": "force MAE 52.2 meV/Å: not within"},
        "uncertainty": {"in_domain": {"frames": 40, "calibrated": SIZES}} if told is None else told,
    }


def told(state=CONVERGED, uncertain=0.0, failed=0, split=SPLIT, leakage=LEAKAGE, of=None, walkers=WALKERS):
    row = {"round": 2, "state": state, "reason": "because", "walkers": len(walkers), "walkers_survived": 1}
    labelled = {**row, "round": 1, "failed": failed, "labelled": 60 - failed, "prospective_coverage_90": 0.74}
    last = {**row, "failed": 0, "labelled": 0, "prospective_coverage_90": None, "uncertain_fraction": uncertain}
    table = pd.DataFrame([labelled, last])
    return answer(REFERENCE, split, leakage, table, of or metrics(), ANALYSIS, walkers, TARGETS)


@pytest.mark.parametrize(
    ("state", "words"), [(CONVERGED, "Usable"), (BUDGET_SPENT, "Not shown to be good enough"), (BROKEN, "Not usable")]
)
def test_the_headline_is_the_decision_with_its_reason(state, words):
    assert told(state)["headline"].startswith(words) and told(state)["headline"].endswith(": because.")


def test_it_says_for_what_and_where_that_was_looked_at():
    use = " ".join(told()["use"])
    for words in ("ethanol (C2H6O), isolated", "elements H, O", "GFN2-xTB", "of 300 K and 600 K", "at 600 K and 800 K"):
        assert words in use, words
    assert "0.75 ps of all in the last round" in use and "NVE, 8 walkers, 3.2 ps" in use


def test_the_evidence_has_errors_uncertainty_walkers_and_every_check():
    evidence = told()["evidence"]
    for words in (
        "240 frames of trajectories that training never saw",
        "Energy MAE 21.0 meV: within; RMSE 30.0 meV",
        "30.0 meV/Å in the domain of the start set, 90.0 meV/Å out of the domain of the start set; chemical accuracy",
        "85% of the force errors within its 90 % interval",
        "the structures labelled last: 74% of the force errors",
        "survived exploration: 1 of 2",
        "conservation: passed; the drift is 4e-07 eV per step",
        "bonds: FAILED; a C-H bond broke",
    ):
        assert any(words in sentence for sentence in evidence), words


def test_limits_name_what_the_evidence_lacks():
    limits = " ".join(told()["limits"])
    for words in ("nothing above 600 K", "against GFN2-xTB, not against experiment", "was not tested there"):
        assert words in limits, words
    for words in ("over-confident", "flatter", "neighbours", "uncertainty threshold", "labels failed"):
        assert words not in limits, words


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"failed": 3}, "3 of 60 labels failed"),
        ({"uncertain": 0.125}, "12.5% of the frames explored last"),
        ({"split": {**SPLIT, "strategy": "random"}}, "neighbours in time"),
        ({"leakage": {**LEAKAGE, "near_duplicates": 17}}, "17 of 240 test frames lie within 0.02 Å RMSD"),
        ({"of": metrics({})}, "One member has no spread"),
        ({"of": metrics({"out_of_domain": {"frames": 9, "calibrated": {**SIZES, "coverage_90": 0.7}}})}, "70%"),
        ({"of": metrics(temperatures=("300 to 350.5", "350.5 to 512.5"))}, "nothing above 512.5 K"),
    ],
)
def test_each_weakness_is_a_limit(changes, words):
    assert words in " ".join(told(**changes)["limits"])


def test_validation_frames_of_the_training_are_no_evidence_of_their_own():
    over_confident = {"frames": 12, "calibrated": {**SIZES, "coverage_90": 0.5}}
    both = {"in_domain": {"frames": 40, "calibrated": SIZES}, "validation": over_confident}
    assert "over-confident" not in " ".join(told(of=metrics(both))["limits"])


def test_a_pool_has_no_walkers_and_frames_may_have_no_temperature():
    of_pool = told(of=metrics(temperatures=()), walkers=WALKERS.iloc[:0])
    assert "carry no temperature" in " ".join(of_pool["use"]) and "pool" in " ".join(of_pool["evidence"])


def test_targets_are_told_in_words():
    words = told()["targets"]
    for part in ("43 meV/Å", "5% of the explored frames", "95% of the walkers", "2 rounds in a row"):
        assert part in words, part
