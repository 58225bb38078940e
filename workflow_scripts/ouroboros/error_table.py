"""The errors of metrics.json as one flat table, for spreadsheets and the report."""

from typing import Any

import pandas as pd

from .error_statistics import in_kcal_per_mol


def error_table(metrics: dict[str, Any]) -> pd.DataFrame:
    """One row for the committee, each member, each element and each value of a column.

    Args:
        metrics: what `accuracy.measure` returned.

    Returns:
        Columns `what` (committee, member, element, or the column's name), `which`, `frames`, `atoms`, then the errors,
        those in kcal/mol last. Elements have force errors alone, so that the rest of their row is empty.
    """
    size = {"frames": metrics["frames"], "atoms": metrics["atoms"]}
    rows = [{"what": "committee", "which": "mean", **size, **metrics["committee"]}]
    rows += [
        {"what": "member", "which": str(number), **size, **member} for number, member in enumerate(metrics["members"])
    ]
    for section, groups in metrics.items():
        if section.startswith("by_"):
            what = section.removeprefix("by_")
            rows += [{"what": what, "which": which, **figures} for which, figures in groups.items()]
    return pd.DataFrame([row | in_kcal_per_mol(row) for row in rows])
