"""The rounds of a run: read from their files, shown on the terminal, and a broken arm is an exit code."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from ouroboros.decision import decide
from ouroboros.model_card import model_card
from ouroboros.records import RANDOM_WEIGHTS
from ouroboros.rounds import figures_of_round, results_of, round_table, terminal_table

LIBRARY = Path(__file__).parents[2] / "workflow_scripts"
TARGETS = {
    "force_mae_meV_per_A": 43.0,
    "uncertain_fraction": 0.05,
    "survival_fraction": 0.95,
    "stable_rounds": 1,
    "worse_by": 0.1,
}

SIZES = {"coverage_90": 0.85, "miscalibration_area": 0.04, "error_over_uncertainty_rms": 1.25}
QUALITY = {"in_domain": {"frames": 40, "spearman": 0.5, "calibrated": SIZES}}
PROSPECTIVE = {"spearman": 0.3, "calibrated": {"coverage_90": 0.7}}
LABELS = {"n_labelled": 57, "n_failed": 3}
WELL = {"interventions": [], "warnings": []}
OVERFITTED = {"interventions": [], "warnings": ["overfitting: after epoch 3 the validation loss rose by 20 %"]}
SLOWED = {"interventions": [{"what": "diverged", "reason": "", "action": ""}], "warnings": OVERFITTED["warnings"]}
TRAININGS = [[WELL, WELL], [OVERFITTED, SLOWED]]


def write(path, content):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content), encoding="utf-8")
    return str(path)


@pytest.fixture
def files(tmp_path):
    """The files of one round, as the rules write them."""
    walkers = tmp_path / "walkers.csv"
    walkers.write_text("walker,survived\n0,True\n1,False\n2,True\n3,True\n")
    forces = {"force_mae_meV_per_A": 52.25, "force_rmse_meV_per_A": 70.0, "force_max_meV_per_A": 301.4}
    errors = {"energy_mae_meV": 21.0, "energy_rmse_meV": 30.0, **forces}
    verdict = {"energy": "energy MAE 21.0 meV, within", "forces": "force MAE 52.2 meV/Å, not within"}
    return {
        "metrics": write(
            tmp_path / "metrics.json",
            {
                "committee": errors,
                "uncertainty": QUALITY,
                "members": [{"force_r2": 0.99}, {"force_r2": -0.1}, {"force_r2": 0.9}],
                "by_temperature_K": {"300": errors},
                "by_element": {"H": forces},
                "by_domain": {"in_domain": {"force_mae_meV_per_A": 40.0}},
                "verdict": verdict,
            },
        ),
        "dataset": write(tmp_path / "dataset.json", {"train": 60, "validation": 12}),
        "walkers": str(walkers),
        "selection": write(
            tmp_path / "selection.json",
            {"explored": 800, "physical": 790, "uncertain": 200, "uncertain_fraction": 0.25, "selected": 60},
        ),
        "analysis": write(
            tmp_path / "analysis.json", {"verdicts": {"drift": {"passed": True}, "bonds": {"passed": False}}}
        ),
    }


@pytest.fixture
def decisions(files):
    """Decision files of two rounds."""
    rounds = []
    for last_round in (False, True):
        figures = figures_of_round(**files)
        verdict = decide([figures], TARGETS, last_round=last_round)
        rounds.append({"state": verdict.state, "reason": verdict.reason, "figures": figures, "targets": TARGETS})
    return rounds


def command(folder):
    return subprocess.run(
        [sys.executable, "-m", "ouroboros.rounds", str(folder)],
        env={**os.environ, "PYTHONPATH": str(LIBRARY), "PYTHONIOENCODING": "utf-8"},
        capture_output=True,
        encoding="utf-8",
    )


def test_figures_come_from_the_files_of_the_round(files):
    assert figures_of_round(**files) == {
        "labels": 72,
        "energy_mae_meV": 21.0,
        "force_mae_meV_per_A": 52.25,
        "force_mae_in_domain_meV_per_A": 40.0,
        "force_mae_out_of_domain_meV_per_A": None,
        "uncertainty_of": "in_domain",
        "uncertainty_spearman": 0.5,
        "coverage_90": 0.85,
        "coverage_90_out_of_domain": None,
        "miscalibration_area": 0.04,
        "error_over_uncertainty_rms": 1.25,
        "members": 3,
        "members_living": 2,
        "frames_explored": 800,
        "frames_physical": 790,
        "candidates": 200,
        "uncertain_fraction": 0.25,
        "selected": 60,
        "walkers": 4,
        "walkers_survived": 3,
        "survival_fraction": 0.75,
        "checks_failed": ["bonds"],
    }


def test_one_member_has_no_share_of_uncertain_frames(files, tmp_path):
    metrics = json.loads(Path(files["metrics"]).read_text())
    write(tmp_path / "metrics.json", {**metrics, "members": metrics["members"][:1]})
    figures = figures_of_round(**files)
    assert figures["uncertain_fraction"] is None and figures["candidates"] is None


def test_figures_lead_to_a_decision_in_plain_json(decisions):
    assert [decision["state"] for decision in decisions] == ["continue", "budget_spent"]
    assert json.loads(json.dumps(decisions)) == decisions


def test_round_table_has_a_row_a_round(decisions):
    table = round_table(decisions, [LABELS], TRAININGS, [PROSPECTIVE])
    assert table["round"].tolist() == [0, 1]
    assert table["labels"].tolist() == [72, 72]
    assert table["checks_failed"].tolist() == ["bonds", "bonds"]
    assert table["labelled"].tolist() == [57, 0]
    assert table["prospective_coverage_90"].tolist()[0] == 0.7 and table["prospective_coverage_90"].isna()[1]
    assert table["failed"].tolist() == [3, 0]
    assert table["state"].tolist() == ["continue", "budget_spent"]
    assert table["training"].tolist() == ["nothing unusual", "overfitting (member 0, 1); diverged (member 1)"]
    decisions[0]["figures"]["checks_failed"] = []
    assert round_table(decisions, [LABELS], TRAININGS, [PROSPECTIVE])["checks_failed"][0] == "none"


def test_a_round_trained_from_scratch_is_told_where_the_others_start_warm(decisions):
    warm, cold = ({**WELL, "started_from": start} for start in ("the member of the round before", RANDOM_WEIGHTS))
    trainings = [[cold, cold], [warm, {**SLOWED, "started_from": RANDOM_WEIGHTS}]]
    told = round_table(decisions, [LABELS], trainings, [PROSPECTIVE], warm_start=True)["training"]
    assert told[0] == "nothing unusual", "round 0 has no round before it"
    assert told[1] == "from scratch (member 1); diverged (member 1); overfitting (member 1)"
    every_round = round_table(decisions, [LABELS], trainings, [PROSPECTIVE], warm_start=False)["training"]
    assert "from scratch" not in every_round[1]


def test_model_card_says_what_the_reader_needs(decisions, files):
    card = model_card(
        "ethanol",
        {"representation": "painn", "n_atom_basis": 64, "n_interactions": 3, "cutoff_A": 5.0},
        3,
        {"level_of_theory": "GFN2-xTB", "molecule": "ethanol", "licence": "CC0", "citation": "Somebody 2020"},
        {"smallest_rmsd_A": 0.1234},
        round_table(decisions, [LABELS], TRAININGS, [PROSPECTIVE]),
        json.loads(Path(files["metrics"]).read_text()),
        {"headline": "Not shown to be good enough: because.", "use": ["a"], "evidence": ["b", "c"], "limits": ["d"]},
    )
    for words in (
        "ethanol: potential of round 1",
        "3 × painn",
        "GFN2-xTB",
        "72 labels",
        "0.123 Å",
        "Not shown to be good enough: because.",
        "On what evidence:\n\n- b\n- c\n",
        "| H | 52.2 | 301 |",
        "budget_spent",
        "| 300 K | 21.0 | 52.2 |",
        "Somebody 2020",
    ):
        assert words in card


def test_terminal_shows_every_arm_and_round_in_order(decisions, tmp_path):
    results = tmp_path / "results"
    for arm in ("random-42", "committee-42"):
        for number in (0, 2, 10):
            write(results / arm / f"round_{number}" / "decision.json", decisions[0])
    write(results / "committee-42" / "round_0" / "labels.json", LABELS)
    (results / "committee-42" / "round_11").mkdir()  # still running
    answer = command(results)
    assert answer.returncode == 0, answer.stderr
    header, *rows = answer.stdout.splitlines()
    assert (
        "force MAE (meV/Å)" in header
        and "within 90 %" in header
        and "walkers survived" in header
        and "decision" in header
    )
    assert [row.split()[:2] for row in rows] == [
        [arm, number] for arm in ("committee-42", "random-42") for number in ("0", "2", "10")
    ]
    assert rows[0].split() == ["committee-42", "0", "72", "21.0", "52.2", "200", "85%", "3/4", "3", "continue"]
    assert rows[1].split()[8] == "-"  # not labelled


def test_a_broken_round_is_exit_code_1(decisions, tmp_path):
    results = tmp_path / "results"
    write(results / "committee-42" / "round_0" / "decision.json", decisions[0])
    write(results / "random-42" / "round_0" / "decision.json", {**decisions[0], "state": "broken", "reason": "NaN"})
    answer = command(results)
    assert answer.returncode == 1
    assert "broken" in answer.stdout and "committee-42" in answer.stdout
    assert answer.stderr == ""


def test_a_config_file_stands_for_its_results(tmp_path):
    config = tmp_path / "my.yaml"
    config.write_text("name: my_run\n", encoding="utf-8")
    folder, rounds = results_of(config)
    assert folder == Path("results/my_run") and rounds["strategies"]
    assert results_of(tmp_path) == (tmp_path, None)


def test_no_decision_yet_is_a_sentence_and_no_failure(tmp_path):
    text, broken = terminal_table(tmp_path)
    assert text == f"No round of {tmp_path} has come to a decision yet." and not broken


def test_a_round_whose_figures_are_nan_is_still_shown(decisions, tmp_path):
    figures = {**decisions[0]["figures"], "force_mae_meV_per_A": None}
    write(
        tmp_path / "committee-1" / "round_0" / "decision.json", {**decisions[0], "figures": figures, "state": "broken"}
    )
    text, broken = terminal_table(tmp_path)
    assert broken and "not known" in text


@pytest.mark.parametrize("failed", [[], ["bonds"], ["bonds", "temperature"]])
def test_a_round_is_shown_however_many_checks_failed(decisions, tmp_path, failed):
    figures = {**decisions[0]["figures"], "checks_failed": failed}
    write(tmp_path / "committee-1" / "round_0" / "decision.json", {**decisions[0], "figures": figures})
    assert "committee-1     0" in terminal_table(tmp_path)[0]


@pytest.mark.parametrize(
    ("rounds", "shown"),
    [
        (None, ["committee-1 0", "committee-1 1", "committee-1 2", "random-1 0"]),
        (
            {"strategies": ["committee"], "seeds": [1], "count": 3, "mode": "fixed"},
            ["committee-1 0", "committee-1 1", "committee-1 2"],
        ),
        ({"strategies": ["committee"], "seeds": [1], "count": 1, "mode": "fixed"}, ["committee-1 0"]),
        (
            {"strategies": ["committee"], "seeds": [1], "count": 3, "mode": "until_converged"},
            ["committee-1 0", "committee-1 1"],
        ),
        ({"strategies": ["committee"], "seeds": [2], "count": 3, "mode": "fixed"}, []),
    ],
)
def test_only_what_the_config_asks_for_is_shown(decisions, rounds, shown, tmp_path):
    """The random arm and the last round are left over from an earlier config, and broken."""
    for name, state in (("committee-1/round_0", "continue"), ("committee-1/round_1", "converged"),
                        ("committee-1/round_2", "broken"), ("random-1/round_0", "broken")):  # fmt: skip
        write(tmp_path / name / "decision.json", {**decisions[0], "state": state})
    text, broken = terminal_table(tmp_path, rounds)
    rows = [" ".join(line.split()[:2]) for line in text.splitlines()[1:]] if shown else []
    assert rows == shown
    assert broken == ("committee-1 2" in shown or "random-1 0" in shown)


def test_table_is_readable_by_pandas(decisions, tmp_path):
    round_table(decisions, [LABELS], TRAININGS, [PROSPECTIVE]).to_csv(tmp_path / "rounds.csv", index=False)
    stored = pd.read_csv(tmp_path / "rounds.csv")
    assert stored["force_mae_meV_per_A"].tolist() == [52.25, 52.25]
    assert stored["reason"].tolist() == [decision["reason"] for decision in decisions]
