"""The figure of the uncertainty: error against what was expected, and how often intervals hold."""

from collections.abc import Sequence
from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap

from .calibration import LEVELS, Calibration, gaussian
from .figure import figure, plain_log, sentence
from .uncertainty import Told, grouped_rms, held

GREYS = ListedColormap(matplotlib.colormaps["Greys"](np.linspace(0.25, 1, 256)))  # one atom alone is not white


def uncertainty(sets: Sequence[Told], calibration: Calibration, path: str | Path, sparse: str = "") -> None:
    """Force error of each atom against the expected one, and the share of errors within intervals that promise it.

    Each set has a panel of its own, as a committee that is right about the frames it was calibrated for may be wrong
    about others; the last panel has the intervals of all.

    Args:
        sets: none where the committee has one member.
        calibration: of the committee.
        path: of the figure.
        sparse: what to say where there are no sets.
    """
    if not sets:
        sentence(path, sparse or "A committee of one member has no spread to tell its uncertainty by.")
        return
    rows = 1 if len(sets) == 1 else 2
    columns = (len(sets) + 2) // 2 if rows == 2 else 2
    with figure(path, columns=columns, rows=rows, width=4.4, height=4.0) as panels:
        for number, each in enumerate(sets):
            _errors(panels[number], each, calibration, f"C{number}")
        _share_axes(panels[: len(sets)])
        _coverage(panels[len(sets)], sets, calibration)
        for empty in panels[len(sets) + 1 :]:
            empty.axis("off")


def _share_axes(panels: Sequence[Axes]) -> None:
    """The same section of the plane for all, so that they can be compared."""
    for which in ("xlim", "ylim"):
        ends = np.array([getattr(axes, f"get_{which}")() for axes in panels])
        for axes in panels:
            axes.set(**{which: (ends[:, 0].min(), ends[:, 1].max())})


def _errors(axes: Axes, each: Told, calibration: Calibration, colour: str) -> None:
    expected, error = each.expected, each.error
    drawn = (error > 0) & (expected > 0)
    hexagons = axes.hexbin(
        expected[drawn], error[drawn], xscale="log", yscale="log", bins="log", gridsize=40, mincnt=1, cmap=GREYS,
        linewidths=0.1, rasterized=True,
    )  # fmt: skip
    plain_log(axes.figure.colorbar(hexagons, ax=axes, label="atoms in a hexagon", shrink=0.8).ax.yaxis)
    ends = np.array([expected[drawn].min(), expected[drawn].max()])
    axes.loglog(ends, ends, color="black", linewidth=0.8, linestyle="--", label="error as expected")
    bound = calibration.bound(0.9) * ends
    axes.loglog(ends, bound, color="#888888", linewidth=0.9, label="90 % of errors below")
    centre, rms = grouped_rms(12, expected, error)
    axes.loglog(centre, rms, "o-", color=colour, markersize=4, label="rms in twelfths")
    axes.set(xlabel="expected force error (eV/Å)", ylabel="force error (eV/Å)")
    axes.set_ylim(bottom=max(error.min(), np.median(error) / 100))
    plain_log(axes.xaxis)
    plain_log(axes.yaxis)
    axes.legend(loc="lower right", fontsize=8)
    rank = each.figures["spearman"]
    told = "not known" if rank is None else f"{rank:.2f}"
    held_90 = f"{each.figures['calibrated']['coverage_90']:.0%} within the 90 % interval"
    axes.set_title(f"{_words(each)}: rank correlation {told},\n{held_90}")


def _coverage(axes: Axes, sets: Sequence[Told], calibration: Calibration) -> None:
    axes.plot([0, 1], [0, 1], color="black", linewidth=0.8, linestyle="--", label="as promised")
    for number, each in enumerate(sets):
        kinds = ((calibration, each.expected, "calibrated", "-"), (gaussian(), each.spread, "bare", ":"))
        for kind, expected, name, style in kinds:
            area = each.figures[name]["miscalibration_area"]
            label = f"{_words(each)}: area {area:.3f}" if name == "calibrated" else f"bare spread: {area:.3f}"
            axes.plot(LEVELS, held(expected, each.error, kind), style, color=f"C{number}", label=label)
    axes.set(xlabel="share of errors that an interval promises", ylabel="share within it", box_aspect=1)
    axes.legend(loc="upper left", fontsize=8)
    axes.set_title("share of errors within intervals")


def _words(each: Told) -> str:
    return each.name.replace("_", " ")
