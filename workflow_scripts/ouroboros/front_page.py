"""The page that a report opens with: the answer of every arm, the rounds, arms against chance, data and versions."""

import base64
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from .pages import write_page
from .rounds import TERMINAL, shown_table
from .units import CHEMICAL_ACCURACY_MEV


def front_page(
    name: str,
    answers: Mapping[str, dict[str, Any]],
    tables: Mapping[str, pd.DataFrame],
    found: dict[str, Any],
    learning_curve: str | Path,
    reference: dict[str, Any],
    environment: dict[str, Any],
    path: str | Path,
) -> None:
    """Write the page.

    Args:
        name: of the experiment.
        answers: of `answer.answer`, by arm.
        tables: the round table of each arm.
        found: of `comparison.compare`.
        learning_curve: the figure, SVG, that the page holds.
        reference: reference.json.
        environment: environment.json.
        path: of the page.
    """
    rows = [row for arm, table in tables.items() for row in shown_table(arm, table)]
    drawing = base64.b64encode(Path(learning_curve).read_bytes()).decode()
    write_page(
        path,
        "answer.html",
        name=name,
        answers=answers,
        targets=next(iter(answers.values()))["targets"],
        columns=list(TERMINAL.values()),
        rows=[list(row.values()) for row in rows],
        accuracy=CHEMICAL_ACCURACY_MEV,
        learning_curve=f"data:image/svg+xml;base64,{drawing}",
        verdicts=[
            f"{strategy}, {told['of']}: {told['verdict']}"
            for strategy, figures in found["against_random"].items()
            for told in figures.values()
        ],
        reference=reference,
        environment=environment,
    )
