"""Where the selected structures lie: along the walkers, and on a map of the model's own features."""

from pathlib import Path

import numpy as np
import pandas as pd

from .figure import figure, plain_log, sentence
from .selection import SELECTED

GREY = "#888888"


def along_the_walkers(fates: pd.DataFrame, low: float | None, timestep_fs: float | None, path: str | Path) -> None:
    """Uncertainty of every explored frame along its walker's time, the chosen ones marked.

    Without a time step the frames are those of a pool, drawn along their number in the reference set.
    """
    if fates.empty:
        sentence(path, _nothing(timestep_fs))
        return
    pooled = timestep_fs is None
    place = fates["step"] if pooled else fates["step"] * timestep_fs / 1000
    line = {"linestyle": "none", "marker": ".", "markersize": 2} if pooled else {"linewidth": 0.6}
    with figure(path, width=6.0) as axes:
        for _, walk in fates.groupby("walker"):
            axes.semilogy(place[walk.index], walk["uncertainty_eV_per_A"], color=GREY, alpha=0.6, **line)
        chosen = fates[fates["fate"].str.startswith(SELECTED)]
        axes.semilogy(place[chosen.index], chosen["uncertainty_eV_per_A"], ".", color="C1", label="selected")
        plain_log(axes.yaxis)
        if low:
            axes.axhline(low, color="C0", linestyle="--", linewidth=1, label=f"known well enough below {low:.3g} eV/Å")
        axes.set_xlabel("frame of the reference set" if pooled else "time (ps)")
        axes.set_ylabel("largest expected force\nerror of the frame (eV/Å)")
        source = "pool" if pooled else f"{fates['walker'].nunique()} walkers"
        axes.set_title(f"{source}, {len(fates)} frames, {len(chosen)} selected")
        axes.legend(loc="lower right")


def on_the_map(fates: pd.DataFrame, features: tuple[np.ndarray, np.ndarray], path: str | Path) -> None:
    """Explored, trained and selected frames by the two principal components of their features.

    Args:
        fates: one row an explored frame.
        features: of the explored and of the trained frames, (n, d) and (m, d).
        path: of the figure.
    """
    if fates.empty:
        sentence(path, "Nothing was explored, so there is nothing to map.")
        return
    explored, trained = features
    together = np.concatenate([explored, trained])
    centre = together.mean(axis=0)
    _, widths, axes_ = np.linalg.svd(together - centre, full_matrices=False)
    shares = widths**2 / max((widths**2).sum(), np.finfo(float).tiny)
    (x, y), known = ((explored - centre) @ axes_[:2].T).T, (trained - centre) @ axes_[:2].T
    with figure(path, width=5.6, height=4.4) as axes:
        uncertain = fates["uncertainty_eV_per_A"].to_numpy()
        points = axes.scatter(x, y, c=uncertain, s=6, cmap="viridis", label="explored", linewidths=0, rasterized=True)
        axes.figure.colorbar(points, ax=axes, label="largest expected force error (eV/Å)", shrink=0.8)
        axes.plot(*known.T, "x", color="black", markersize=4, markeredgewidth=0.7, label="trained on")
        chosen = fates["fate"].str.startswith(SELECTED).to_numpy()
        axes.plot(x[chosen], y[chosen], "o", color="C1", markersize=6, fillstyle="none", label="selected")
        axes.set(xlabel=f"first principal component ({shares[0]:.0%})", ylabel=f"second ({shares[1]:.0%})")
        axes.legend(fontsize=8)


def _nothing(timestep_fs: float | None) -> str:
    what = "The pool is used up" if timestep_fs is None else "No walker kept a frame"
    return f"{what}: see explore/walkers.csv and decision.json."
