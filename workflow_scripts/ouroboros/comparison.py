"""Arms beside one another: what each strategy reaches with how many labels, and whether that is more than chance."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import t

CONTROL = "random"
ERRORS = {  # columns of a round table, and what they are of
    "force_mae_meV_per_A": "all test frames",
    "force_mae_in_domain_meV_per_A": "test frames in the domain of the start set",
    "force_mae_out_of_domain_meV_per_A": "test frames out of it",
}


def by_strategy(tables: Mapping[str, pd.DataFrame]) -> dict[str, list[pd.DataFrame]]:
    """The round tables of the seeds of each strategy; an arm is called `<strategy>-<seed>`."""
    strategies: dict[str, list[pd.DataFrame]] = {}
    for arm, table in tables.items():
        strategies.setdefault(arm.rsplit("-", 1)[0], []).append(table)
    return strategies


def mean_curve(tables: list[pd.DataFrame], error: str) -> pd.DataFrame:
    """Labels and error of each round that all seeds came to: mean and sample standard deviation over the seeds.

    Returns:
        Columns `labels`, `mean`, `std` (NaN for one seed), in the units of the error.
    """
    rounds = min(len(table) for table in tables)
    labels, values = (np.array([table[name][:rounds] for table in tables], float) for name in ("labels", error))
    std = values.std(axis=0, ddof=1) if len(tables) > 1 else np.full(rounds, np.nan)
    return pd.DataFrame({"labels": labels.mean(axis=0), "mean": values.mean(axis=0), "std": std})


def labels_to_reach(table: pd.DataFrame, error: str, target: float) -> float | None:
    """Labels at which the error of an arm first falls to the target, interpolated between rounds; None where never."""
    labels, values = table["labels"].to_numpy(float), table[error].to_numpy(float)
    for r in range(len(values)):
        if values[r] <= target:
            if r == 0:
                return float(labels[0])
            share = (values[r - 1] - target) / (values[r - 1] - values[r])
            return float(labels[r - 1] + share * (labels[r] - labels[r - 1]))
    return None


def error_at(table: pd.DataFrame, error: str, labels: float) -> float:
    """The error of an arm at so many labels, interpolated between rounds."""
    return float(np.interp(labels, table["labels"].to_numpy(float), table[error].to_numpy(float)))


def compare(tables: Mapping[str, pd.DataFrame], target: float) -> dict[str, Any]:
    """Each strategy against the control, seed by seed.

    Args:
        tables: the round table of each arm.
        target: force error on all test frames, meV/Å, that labels are counted up to.

    Returns:
        `labels_to_target` by arm; and for each strategy but the control `against_random`, for each error that the
        tables have: `labels_compared`, of each seed, the fewer of the two arms' final labels; `ratio`, the error over
        the control's at that many, mean over seeds and, with two or more, `ratio_std`; `label_saving`, the share of
        the control's labels (start set included) that it needs less to come to the higher of the two errors there,
        which both come to (below zero where it needs more), mean over seeds, and `label_savings` of each; and
        `verdict`, a sentence.
    """
    found: dict[str, Any] = {
        "target_meV_per_A": target,
        "labels_to_target": {
            arm: labels_to_reach(table, "force_mae_meV_per_A", target) for arm, table in tables.items()
        },
        "against_random": {},
    }
    for strategy in by_strategy(tables):
        seeds = [arm.rsplit("-", 1)[1] for arm in tables if arm.rsplit("-", 1)[0] == strategy]
        pairs = [
            (tables[f"{strategy}-{seed}"], tables[f"{CONTROL}-{seed}"])
            for seed in seeds
            if f"{CONTROL}-{seed}" in tables
        ]
        if strategy != CONTROL and pairs:
            figures = {
                error: _of_pairs(pairs, error)
                for error in ERRORS
                if all(error in table and table[error].notna().all() for pair in pairs for table in pair)
            }
            found["against_random"][strategy] = figures
    return found


def _of_pairs(pairs: list[tuple[pd.DataFrame, pd.DataFrame]], error: str) -> dict[str, Any]:
    budgets = [float(min(own["labels"].iloc[-1], control["labels"].iloc[-1])) for own, control in pairs]
    errors = [[error_at(table, error, n) for table in pair] for pair, n in zip(pairs, budgets, strict=True)]
    ratios = np.array([own / control for own, control in errors])
    savings = []
    for pair, both in zip(pairs, errors, strict=True):
        own, control = (labels_to_reach(table, error, max(both)) for table in pair)
        assert own is not None and control is not None  # each comes to its own error
        savings.append(1 - own / control)
    spread = float(ratios.std(ddof=1)) if len(ratios) > 1 else None
    return {
        "of": ERRORS[error],
        "seeds": len(pairs),
        "labels_compared": budgets,
        "ratio": float(ratios.mean()),
        "ratio_std": spread,
        "label_saving": float(np.mean(savings)),
        "label_savings": savings,
        "verdict": _verdict(float(ratios.mean()), spread, len(ratios)),
    }


def _verdict(ratio: float, spread: float | None, seeds: int) -> str:
    """Whether the error is below the control's with as many labels, by Student's 95 % interval of the mean of seeds."""
    change = f"{abs(1 - ratio):.0%} {'below' if ratio < 1 else 'above'} the control"
    if spread is None:
        return f"error {change}: one seed proves nothing"
    doubt = float(t.ppf(0.975, seeds - 1)) * spread / seeds**0.5
    if ratio + doubt < 1:
        return f"error {change} (± {doubt:.0%}): choosing paid"
    if ratio - doubt > 1:
        return f"error {change} (± {doubt:.0%}): choosing did harm"
    return f"error {change} (± {doubt:.0%}): no difference from chance is shown"
