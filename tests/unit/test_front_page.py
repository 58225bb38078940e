"""The text pages of the report: they hold what they were given, escaped, and need nothing from elsewhere."""

import re

import pandas as pd
import pytest

from ouroboros.figure import sentence
from ouroboros.front_page import front_page
from ouroboros.pages import write_page
from ouroboros.round_story import round_story

ROW = {
    "round": 0,
    "state": "continue",
    "reason": "force MAE 60 <b>is over</b> 43",
    "labels": 62,
    "training": "as usual",
}
ROW |= {
    "force_mae_meV_per_A": 60.8,
    "energy_mae_meV": 14.4,
    "candidates": 234.0,
    "uncertain_fraction": 0.3,
    "coverage_90": 0.9,
    "failed": 1,
}
ROW |= {"walkers": 16, "walkers_survived": 15}
LAST = {
    **ROW,
    "round": 1,
    "failed": 0,
    "state": "budget_spent",
    "candidates": float("nan"),
    "uncertain_fraction": float("nan"),
}
SELECTION = {"explored": 800, "physical": 790, "candidates": 234, "no_duplicates": 200, "selected": 60}
SELECTION |= {"strategy": "committee", "low_eV_per_A": 0.1234, "fates": {"selected": 60, "known well enough": 740}}
WALKERS = pd.DataFrame(
    {
        "ended": ["reached its end"] * 13
        + [f"uncertainty {n}.25 eV/Å at step {n}" for n in (7, 12)]
        + ["temperature 2001 K at step 3"]
    }
)
LABELS = {"n_requested": 60, "n_labelled": 59, "n_failed": 1, "n_from_store": 3, "oracle_seconds": 12.34}
FAILURES = [{"candidate": "committee-42_r0_7", "reason": "not_converged", "message": "after 250 <cycles>"}]


@pytest.fixture
def page(tmp_path):
    sentence(tmp_path / "curve.svg", "No curve.")
    told = {"round": 1, "state": "budget_spent", "headline": "Not shown: <i>x</i>.", "targets": "force MAE at most 43"}
    told |= {"use": ["ethanol"], "evidence": ["force MAE 60"], "limits": ["nothing above 600 K"]}
    found = {"against_random": {"committee": {"force": {"of": "all test frames", "verdict": "choosing paid"}}}}
    environment = {"code": "git abc", "machine": "here", "device": "cpu", "packages": ["ase==3"]}
    environment["findings"] = [{"subject": "Python", "found": "3.12"}, {"subject": "memory", "found": "1 GiB"}]
    reference = {"molecule": "ethanol", "kept": 900, "level_of_theory": "GFN2-xTB", "licence": "CC0", "citation": "Me"}
    tables = {"committee-42": pd.DataFrame([ROW, LAST])}
    path = tmp_path / "answer.html"
    front_page("demo", {"committee-42": told}, tables, found, tmp_path / "curve.svg", reference, environment, path)
    return path.read_text(encoding="utf-8")


def test_the_front_page_holds_answer_rounds_data_and_versions(page):
    for words in ("demo: is the potential usable?", "<strong>committee-42, round 1.</strong> Not shown: &lt;i&gt;x",
                  "force MAE at most 43", "<li>nothing above 600 K.</li>", "committee, all test frames: choosing paid",
                  "Licence: CC0", "git abc", "Python: 3.12", "ase==3"):  # fmt: skip
        assert words in page, words
    assert "1 GiB" not in page, "what says nothing of the result is left to environment.json"
    cells = [re.findall(r"<td[^>]*>([^<]*)</td>", row) for row in page.split("<tr>")[2:4]]
    assert cells[0] == ["committee-42", "0", "62", "14.4", "60.8", "234", "90%", "15/16", "1", "continue"]
    assert cells[1][5] == "-" and cells[1][8] == "-", "the last round has no labels"


def test_a_page_needs_nothing_from_elsewhere(page):
    assert re.findall(r'(?:src|href)="(?!data:)', page) == [] and "url(" not in page and "@import" not in page


def test_a_story_tells_walkers_selection_labels_and_failures(tmp_path):
    last = round_story(LAST, WALKERS.iloc[:0], SELECTION, None, None)
    rounds = [round_story(ROW, WALKERS, SELECTION, {**LABELS, "level_of_theory": "GFN2-xTB"}, FAILURES), last]
    write_page(tmp_path / "rounds.html", "rounds.html", arm="committee-42", rounds=rounds)
    first, last = (tmp_path / "rounds.html").read_text(encoding="utf-8").split("<h2>Round 1</h2>")
    for words in (
        "force MAE 60 &lt;b&gt;",
        '<td>uncertainty … eV/Å</td><td class="number">2</td>',
        '<td>temperature … K</td><td class="number">1</td>',
        "0.123 eV/Å",
        "800 explored, 790 physical, 234 candidates, 200 no duplicates, 60 selected",
        '<td>known well enough</td><td class="number">740</td>',
        "59 of 60 structures have a label",
        "3 were in the store, 1 failed",
        "<td>not_converged</td><td>after 250 &lt;cycles&gt;</td>",
    ):
        assert words in first, words
    assert "known well enough below" not in last, "of one member nothing is known"
    assert "No walkers" in last and "Not labelled" in last
