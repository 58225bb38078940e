"""The figure of a training."""

from pathlib import Path
from typing import Any

import pandas as pd

from .figure import figure, plain_log

GREY = "#888888"
LOSSES = {"mse": "mean squared errors", "l1": "mean absolute errors", "l2norm": "mean lengths of errors"}


def curves(history: pd.DataFrame, summary: dict[str, Any], path: str | Path) -> None:
    """Learning curves of one member: loss, force error and learning rate, with the kept epoch and why it ended.

    Args:
        history: metrics.csv, one row an epoch (counted from 0, drawn from 1).
        summary: training.json.
        path: of the figure.
    """
    epoch, best = history["epoch"] + 1, summary["best_epoch"] + 1
    seen = history.dropna(subset="val_loss")
    mae = "force_mae_meV_per_A"
    with figure(path, columns=3, width=3.7, height=3.4) as (loss, force, rate):
        for axes, values in ((loss, "loss"), (force, mae)):
            axes.semilogy(epoch, history[f"train_{values}"], label="training")
            axes.semilogy(seen["epoch"] + 1, seen[f"val_{values}"], "o-", markersize=3, label="validation")
            axes.axvline(best, color=GREY, linestyle=":", label=f"weights kept: epoch {best}")
            plain_log(axes.yaxis)
        loss.set(xlabel="epoch", ylabel=f"weighted loss ({LOSSES[summary['training']['loss']]})")
        force.set(xlabel="epoch", ylabel="force MAE (meV/Å)")
        force.set_title(f"validation {summary['validation'][mae]:.1f} meV/Å, {summary['stop_reason']}", fontsize=9)
        loss.legend(fontsize=8)
        rate.plot(epoch, history["learning_rate"], color=GREY)
        rate.set(xlabel="epoch", ylabel="learning rate", ylim=(0, None))
        if summary["overfitting"]:
            loss.set_title("overfitting, see training.json", color="C3", fontsize=9)
