"""What happened in a round, for the report: explored, selected and why, labelled, failed, decided."""

from typing import Any

import pandas as pd

NUMBER = r"\b\d+(\.\d+)?\b"  # in a walker's end: walkers that end by the same limit count as one kind
STEPS = ("explored", "physical", "candidates", "no_duplicates", "selected")  # of the selection, in its order


def round_story(
    row: dict[str, Any],
    walkers: pd.DataFrame,
    selection: dict[str, Any],
    labels: dict[str, Any] | None,
    failures: list[dict[str, Any]] | None,
) -> dict[str, Any]:
    """The values of the page `rounds.html` for one round.

    Args:
        row: of the round table.
        walkers: explore/walkers.csv.
        selection: selection.json.
        labels: labels.json; None where the round was not labelled.
        failures: of label_failures.csv; None where the round was not labelled.
    """
    known = selection["strategy"] == "committee" and pd.notna(row["uncertain_fraction"])  # by more than one member
    low = selection["low_eV_per_A"] if known else None
    ended = (
        walkers["ended"].astype(str).str.replace(r" at step \d+$", "", regex=True).str.replace(NUMBER, "…", regex=True)
    )
    return {
        "number": row["round"],
        "state": row["state"],
        "reason": row["reason"],
        "labels": row["labels"],
        "training": row["training"],
        "force_mae": f"{row['force_mae_meV_per_A']:.1f}",
        "energy_mae": f"{row['energy_mae_meV']:.1f}",
        "walkers": ended.value_counts().to_dict(),
        "steps": steps(selection),
        "low": None if low is None else f"{low:.3g}",
        "fates": dict(sorted(selection["fates"].items(), key=lambda item: -item[1])),
        "summary": None if labels is None else _labelled(labels),
        "failures": failures,
    }


def steps(selection: dict[str, Any]) -> str:
    """How many frames were left after each step of the selection."""
    return ", ".join(f"{selection[step]} {step.replace('_', ' ')}" for step in STEPS)


def _labelled(labels: dict[str, Any]) -> str:
    what = f"{labels['n_labelled']} of {labels['n_requested']} structures have a label"
    if labels["n_labelled"]:
        what += f" ({labels['level_of_theory']}; {labels['oracle_seconds']:.3g} s of the oracle)"
    return f"{what}; {labels['n_from_store']} were in the store, {labels['n_failed']} failed"
