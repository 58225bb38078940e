"""Settings compared: the table of a sweep, its spread over seeds, and error against training time.

On the terminal: `python -m ouroboros.sweeps my.yaml`.
"""

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

TEST, VALIDATION, TIME = "test_force_mae_meV_per_A", "validation_force_mae_meV_per_A", "training_s"
SUMMARISED = [VALIDATION, TEST, "test_energy_mae_meV", TIME]


def tabulate(rows: list[dict[str, Any]], trainings: list[dict[str, Any]], tests: list[dict[str, Any]]) -> pd.DataFrame:
    """One row a training: its settings, its errors, what it cost and why it ended.

    Args:
        rows: `run`, `seed` and the swept keys of each training.
        trainings: its training.json.
        tests: its test/metrics.json.
    """
    table = []
    for row, training, test in zip(rows, trainings, tests, strict=True):
        validation, errors = training["validation"], test["committee"]
        table.append(
            {
                **row,
                VALIDATION: validation["force_mae_meV_per_A"],
                "validation_energy_mae_meV": validation["energy_mae_meV"],
                TEST: errors["force_mae_meV_per_A"],
                "test_energy_mae_meV": errors["energy_mae_meV"],
                TIME: training["seconds"],
                "compile_s": training.get("compile_s"),
                **{name: training[name] for name in ("epochs", "steps", "best_epoch", "stop_reason", "parameters")},
                "train_frames": training["frames"]["train"],
                "device": training["device"],
                "interventions": "; ".join(
                    f"{event['what']}: {event['action']}" for event in training["interventions"]
                ),
            }
        )
    return pd.DataFrame(table)


def over_seeds(table: pd.DataFrame) -> pd.DataFrame:
    """One row a run: the swept keys, seeds, and mean, smallest and largest (`_min`, `_max`) value over the seeds.

    `chosen` is the run with the smallest validation error, which the test set has no say in; `overlaps` are runs whose
    validation errors overlap with those of the chosen one; `front` are the runs that no other beats in both test error
    and time.
    """
    groups = table.groupby("run", sort=False)
    summary = groups[swept_keys(table)].first()
    summary["seeds"] = groups.size()
    for name in SUMMARISED:
        for how, ending in (("mean", ""), ("min", "_min"), ("max", "_max")):
            summary[f"{name}{ending}"] = groups[name].agg(how)
    summary["parameters"] = groups["parameters"].first()
    best = summary[VALIDATION].idxmin()
    summary["chosen"] = summary.index == best
    summary["overlaps"] = summary[f"{VALIDATION}_min"] <= summary.loc[best, f"{VALIDATION}_max"]
    summary["front"] = pareto_front(summary[TIME].to_numpy(), summary[TEST].to_numpy())
    return summary.reset_index()


def swept_keys(table: pd.DataFrame) -> list[str]:
    """The columns that hold the swept keys; they alone have a dot."""
    return [name for name in table.columns if "." in name]


def pareto_front(cost: np.ndarray, error: np.ndarray) -> np.ndarray:
    """(n,) which points no other point beats: as good in both and better in one."""
    as_good = (cost[:, None] <= cost) & (error[:, None] <= error)
    better = (cost[:, None] < cost) | (error[:, None] < error)
    return ~(as_good & better).any(axis=0)


def verdict(summary: pd.DataFrame) -> str:
    """What the sweep says, in one sentence, and how far it can be trusted."""
    chosen = summary[summary["chosen"]].iloc[0]
    text = (
        f"{chosen['run']} has the smallest validation force MAE, {chosen[VALIDATION]:.1f} meV/Å "
        f"(test {chosen[TEST]:.1f} meV/Å, {chosen[TIME]:.0f} s)"
    )
    if len(summary) == 1:
        return text
    if chosen["seeds"] == 1:
        return f"{text}; with one seed, a difference may be chance (sweep.seeds)"
    others = summary[summary["overlaps"] & ~summary["chosen"]]["run"]
    if others.empty:
        return f"{text}; no other run comes as low with any of the {chosen['seeds']} seeds"
    return f"{text}; the {chosen['seeds']} seeds do not tell it from {', '.join(others)}"


def terminal_table(table: pd.DataFrame) -> str:
    """The runs, means over the seeds with the range, and the verdict."""
    summary = over_seeds(table)

    def spread(name: str) -> list[str]:
        return [
            f"{mean:.1f} ({low:.1f}–{high:.1f})" if low < high else f"{mean:.1f}"
            for mean, low, high in zip(summary[name], summary[f"{name}_min"], summary[f"{name}_max"], strict=True)
        ]

    shown = pd.DataFrame(
        {
            "run": summary["run"],
            "seeds": summary["seeds"],
            "validation force MAE (meV/Å)": spread(VALIDATION),
            "test force MAE (meV/Å)": spread(TEST),
            "training (s)": spread(TIME),
            "parameters": summary["parameters"],
        }
    )
    return f"{shown.to_string(index=False)}\nSweep: {verdict(summary)}."


if __name__ == "__main__":
    from .rounds import results_of

    path = results_of(Path(sys.argv[1]))[0] / "sweep/table.csv"
    print(terminal_table(pd.read_csv(path)) if path.exists() else f"{path} is not there yet; run the sweep first.")
