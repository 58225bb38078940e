"""Figures of training, testing, exploration and the whole run."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

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


def parity(predicted: Any, frames: Any, errors: dict[str, float], path: str | Path) -> None:
    """Committee mean against label, for energies (relative to the mean label) and force components."""
    shift = frames.energy.mean()
    with figure(path, columns=2, width=4.0, height=3.8) as (left, right):
        _against(left, frames.energy - shift, predicted.energy - shift, "energy (eV)")
        _note(left, f"MAE {errors['energy_mae_meV']:.1f} meV\nRMSE {errors['energy_rmse_meV']:.1f} meV")
        _against(right, frames.forces.ravel(), predicted.forces.ravel(), "force component (eV/Å)")
        _note(right, f"MAE {errors['force_mae_meV_per_A']:.1f} meV/Å\nRMSE {errors['force_rmse_meV_per_A']:.1f} meV/Å")


def _against(axes: Axes, label: np.ndarray, predicted: np.ndarray, name: str) -> None:
    low, high = min(label.min(), predicted.min()), max(label.max(), predicted.max())
    ends = low - 0.04 * (high - low), high + 0.04 * (high - low)
    axes.plot(ends, ends, color=GREY, linewidth=0.8)
    axes.plot(label, predicted, ".", markersize=2.5, alpha=0.5, rasterized=True)
    axes.set(xlabel=f"oracle {name}", ylabel=f"committee {name}", xlim=ends, ylim=ends, box_aspect=1)


def _note(axes: Axes, text: str) -> None:
    axes.text(0.04, 0.96, text, transform=axes.transAxes, va="top", fontsize=9)


def uncertainty(error: np.ndarray, sigma: np.ndarray, figures: dict[str, Any], path: str | Path) -> None:
    """Force error of each test atom against its calibrated uncertainty, with the rms error of groups of atoms."""
    if not sigma.any():
        sentence(path, "A committee of one member has no spread to tell its uncertainty by.")
        return
    with figure(path, width=4.6, height=4.0) as axes:
        axes.loglog(sigma, error, ".", markersize=2.5, alpha=0.35, color=GREY, rasterized=True, label="atoms")
        bins = np.array_split(np.argsort(sigma), 12)
        centre = [sigma[b].mean() for b in bins if len(b)]
        rms = [np.sqrt((error[b] ** 2).mean()) for b in bins if len(b)]
        axes.loglog(centre, rms, "o-", color="C1", label="rms error in twelfths")
        ends = [min(centre) / 2, max(centre) * 2]
        axes.loglog(ends, ends, color="black", linewidth=0.8, linestyle="--", label="perfect calibration")
        axes.set(xlabel="calibrated force uncertainty (eV/Å)", ylabel="force error (eV/Å)")
        axes.set_ylim(bottom=max(error.min(), np.median(error) / 100))
        plain_log(axes.xaxis)
        axes.legend(loc="upper left")
        axes.set_title(f"rank correlation {figures['spearman']:.2f}, {figures['coverage_1_sigma']:.0%} within one σ")


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


def by_temperature(rounds: Sequence[dict[str, Any]], path: str | Path) -> None:
    """Test force error of each round for each temperature of the test set."""
    if not rounds[-1]["by_temperature_K"]:
        sentence(path, "The test frames carry no temperature: name its key in reference.files.columns.")
        return
    with figure(path) as axes:
        for number, metrics in enumerate(rounds):
            groups = metrics["by_temperature_K"]
            values = [groups[t]["force_mae_meV_per_A"] for t in groups]
            axes.plot([float(t) for t in groups], values, "o-", label=f"round {number}")
        axes.set(xlabel="temperature of the test frames (K)", ylabel="force MAE (meV/Å)", ylim=(0, None))
        axes.legend()
