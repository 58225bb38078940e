"""Figures of training, exploration and the whole run."""

from pathlib import Path

import pandas as pd

from .figure import COLOURS, figure, plain_log, sentence
from .units import CHEMICAL_ACCURACY_MEV

GREY = "#888888"


def curves(history: pd.DataFrame, best_epoch: int, path: str | Path) -> None:
    """Learning curve of one member: loss and validation force error by epoch, the kept epoch marked."""
    seen = history.dropna(subset="val_loss")
    with figure(path, columns=2, width=4.2) as (left, right):
        left.semilogy(history["epoch"], history["train_loss"], label="training")
        left.semilogy(seen["epoch"], seen["val_loss"], "o-", markersize=3, label="validation")
        left.set(xlabel="epoch", ylabel="loss (weighted, eV and eV/Å)")
        right.semilogy(seen["epoch"], seen["val_force_mae_meV_per_A"], "o-", markersize=3, color="C1")
        right.set(xlabel="epoch", ylabel="validation force MAE (meV/Å)")
        plain_log(left.yaxis)
        plain_log(right.yaxis)
        for axes in (left, right):
            axes.axvline(best_epoch, color=GREY, linestyle=":", label="weights kept")
        left.legend()


def exploration(fates: pd.DataFrame, low: float, timestep_fs: float | None, path: str | Path) -> None:
    """Uncertainty of every explored frame along its walker's time, the chosen ones marked.

    Without a time step the frames are those of a pool, drawn along their number in the reference set.
    """
    if fates.empty:
        what = "The pool is used up" if timestep_fs is None else "No walker kept a frame"
        sentence(path, f"{what}: see explore/walkers.csv and decision.json.")
        return
    pooled = timestep_fs is None
    place = fates["step"] if pooled else fates["step"] * timestep_fs / 1000
    line = {"linestyle": "none", "marker": ".", "markersize": 2} if pooled else {"linewidth": 0.6}
    with figure(path, width=6.0) as axes:
        for _, walk in fates.groupby("walker"):
            axes.semilogy(place[walk.index], walk["uncertainty"], color=GREY, alpha=0.6, **line)
        chosen = fates[fates["fate"] == "selected"]
        axes.semilogy(place[chosen.index], chosen["uncertainty"], ".", color="C1", label="selected")
        plain_log(axes.yaxis)
        if low > 0:
            axes.axhline(low, color="C0", linestyle="--", linewidth=1, label=f"known well enough below {low:g} eV/Å")
        axes.set_xlabel("frame of the reference set" if pooled else "time (ps)")
        axes.set_ylabel("largest calibrated force\nuncertainty of the frame (eV/Å)")
        source = "pool" if pooled else f"{fates['walker'].nunique()} walkers"
        axes.set_title(f"{source}, {len(fates)} frames, {len(chosen)} selected")
        axes.legend(loc="lower right")


def learning_curve(tables: dict[str, pd.DataFrame], path: str | Path) -> None:
    """Test errors against labels, one line an arm.

    Args:
        tables: round table of each arm, columns `labels` and `force_mae_meV_per_A`.
        path: of the figure.
    """
    with figure(path, columns=2, width=4.2) as (forces, energy):
        for arm, table in tables.items():
            style = {"color": COLOURS.get(arm.rsplit("-", 1)[0]), "marker": "o", "label": arm}
            forces.plot(table["labels"], table["force_mae_meV_per_A"], **style)
            energy.plot(table["labels"], table["energy_mae_meV"], **style)
        forces.axhline(CHEMICAL_ACCURACY_MEV, color=GREY, linestyle=":", label="1 kcal/mol/Å")
        energy.axhline(CHEMICAL_ACCURACY_MEV, color=GREY, linestyle=":", label="1 kcal/mol")
        forces.set(xlabel="labels", ylabel="force MAE on the test set (meV/Å)", ylim=(0, None))
        energy.set(xlabel="labels", ylabel="energy MAE on the test set (meV)", ylim=(0, None))
        forces.legend()
        energy.legend()
