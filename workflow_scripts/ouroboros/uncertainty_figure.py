"""The figure of the uncertainty: error against what was expected, and how often intervals hold."""

from collections.abc import Sequence
from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap

from .calibration import LEVELS, Calibration, gaussian
from .figure import figure, plain_log, sentence
from .uncertainty import Told, held

GREYS = ListedColormap(matplotlib.colormaps["Greys"](np.linspace(0.25, 1, 256)))  # one atom alone is not white


def uncertainty(sets: Sequence[Told], calibration: Calibration, path: str | Path, sparse: str = "") -> None:
    """Force error of each atom against the expected one, and the share of errors within intervals that promise it.

    The hexagons count the atoms of all sets; points and curves stand for each set alone, as a committee that is right
    about the frames it was calibrated for may be wrong about others.

    Args:
        sets: none where the committee has one member.
        calibration: of the committee.
        path: of the figure.
        sparse: what to say where there are no sets.
    """
    if not sets:
        sentence(path, sparse or "A committee of one member has no spread to tell its uncertainty by.")
        return
    with figure(path, columns=2, width=4.8, height=4.0) as (left, right):
        _errors(left, sets, calibration)
        _coverage(right, sets, calibration)


def _errors(axes: Axes, sets: Sequence[Told], calibration: Calibration) -> None:
    expected = np.concatenate([calibration.expected_error(each.spread) for each in sets])
    error = np.concatenate([each.error for each in sets])
    drawn = (error > 0) & (expected > 0)
    hexagons = axes.hexbin(
        expected[drawn], error[drawn], xscale="log", yscale="log", bins="log", gridsize=40, mincnt=1, cmap=GREYS,
        linewidths=0.1, rasterized=True,
    )  # fmt: skip
    plain_log(axes.figure.colorbar(hexagons, ax=axes, label="atoms in a hexagon", shrink=0.8).ax.yaxis)
    ends = np.array([expected[drawn].min(), expected[drawn].max()])
    axes.loglog(ends, ends, color="black", linewidth=0.8, linestyle="--", label="error as expected")
    bound = np.interp(0.9, LEVELS, calibration.quantiles) * ends
    axes.loglog(ends, bound, color="#888888", linewidth=0.9, label="90 % of errors below")
    for number, each in enumerate(sets):
        centre, rms = _twelfths(calibration.expected_error(each.spread), each.error)
        axes.loglog(centre, rms, "o-", color=f"C{number}", markersize=4, label=f"rms in twelfths, {_words(each)}")
    axes.set(xlabel="expected force error (eV/Å)", ylabel="force error (eV/Å)")
    axes.set_ylim(bottom=max(error.min(), np.median(error) / 100))
    plain_log(axes.xaxis)
    plain_log(axes.yaxis)
    axes.legend(loc="lower right", fontsize=8)
    ranks = ", ".join(f"{each.figures['spearman']:.2f}" for each in sets if each.figures["spearman"] is not None)
    axes.set_title(f"rank correlation {ranks or 'not known'}")


def _coverage(axes: Axes, sets: Sequence[Told], calibration: Calibration) -> None:
    axes.plot([0, 1], [0, 1], color="black", linewidth=0.8, linestyle="--", label="as promised")
    for number, each in enumerate(sets):
        for kind, name, style in ((calibration, "calibrated", "-"), (gaussian(), "bare", ":")):
            area = each.figures[name]["miscalibration_area"]
            label = f"{_words(each)}: area {area:.3f}" if name == "calibrated" else f"bare spread: {area:.3f}"
            axes.plot(LEVELS, held(each.spread, each.error, kind), style, color=f"C{number}", label=label)
    axes.set(xlabel="share of errors that an interval promises", ylabel="share within it", box_aspect=1)
    axes.legend(loc="upper left", fontsize=8)
    shares = ", ".join(f"{each.figures['calibrated']['coverage_90']:.0%}" for each in sets)
    axes.set_title(f"within the 90 % interval: {shares}")


def _words(each: Told) -> str:
    return each.name.replace("_", " ")


def _twelfths(expected: np.ndarray, error: np.ndarray) -> tuple[list[float], list[float]]:
    """Rms expected error and rms error of twelve groups of equal size, from the least to the most uncertain."""
    bins = [own for own in np.array_split(np.argsort(expected, kind="stable"), 12) if len(own)]
    centre, rms = ([float(np.sqrt((values[own] ** 2).mean())) for own in bins] for values in (expected, error))
    return centre, rms
