"""Learning curves of all arms: error against labels, mean and spread over seeds, and the walkers that survive."""

from collections.abc import Mapping
from pathlib import Path
from textwrap import fill
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from .comparison import ERRORS, by_strategy, mean_curve
from .figure import COLOURS, figure
from .units import CHEMICAL_ACCURACY_MEV

GREY = "#888888"


def learning_curves(tables: Mapping[str, pd.DataFrame], found: dict[str, Any], path: str | Path) -> None:
    """A panel for each error that the tables have, and one for the walkers.

    Args:
        tables: round table of each arm.
        found: what `comparison.compare` told; its verdicts stand over the panels.
        path: of the figure.
    """
    errors = [name for name in ERRORS if all(name in table and table[name].notna().all() for table in tables.values())]
    strategies = by_strategy(tables)
    with figure(path, columns=2, rows=(len(errors) + 2) // 2, width=4.2, height=3.8) as panels:
        survival, *unused = panels[len(errors) :]
        for axes, error in zip(panels, errors, strict=False):
            for strategy, arms in strategies.items():
                _curve(axes, arms, error, strategy)
            axes.axhline(CHEMICAL_ACCURACY_MEV, color=GREY, linestyle=":", linewidth=1, label="1 kcal/mol/Å")
            axes.set(xlabel="labels", ylabel="force MAE (meV/Å)", ylim=(0, None))
            verdicts = [
                f"{strategy}: {figures[error]['verdict']}"
                for strategy, figures in found["against_random"].items()
                if error in figures
            ]
            axes.set_title("\n".join([ERRORS[error], *(fill(verdict, 48) for verdict in verdicts)]), fontsize=8.5)
            axes.legend(fontsize=8)
        for strategy, arms in strategies.items():
            _curve(survival, arms, "survival_fraction", strategy)
        survival.set(xlabel="labels", ylabel="share of walkers that survive", ylim=(0, 1.05))
        survival.set_title("exploration", fontsize=8.5)
        for axes in unused:
            axes.axis("off")


def _curve(axes: Axes, arms: list[pd.DataFrame], column: str, strategy: str) -> None:
    curve, colour = mean_curve(arms, column), COLOURS[strategy]
    label = strategy if len(arms) == 1 else f"{strategy}, mean of {len(arms)} seeds"
    for table in arms if len(arms) > 1 else []:
        axes.plot(table["labels"], table[column], color=colour, linewidth=0.6, alpha=0.5)
    axes.plot(curve["labels"], curve["mean"], "o-", color=colour, markersize=4, label=label)
    if curve["std"].notna().all():
        low, high = (np.asarray(curve["mean"] + sign * curve["std"]) for sign in (-1, 1))
        axes.fill_between(curve["labels"], low, high, color=colour, alpha=0.15, linewidth=0)
