"""The figure of a sweep: test error against training time, every training a point, every run with its spread."""

from itertools import cycle
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.transforms import Bbox

from .figure import figure, plain_log
from .sweeps import TEST, TIME

GREY = "#888888"
COLOURS = ["C0", "C2", "C3", "C4", "C5", "C6"]  # of the keys; C1 is the ring's
WIDE = 6.0  # an axis whose largest value is this many times its smallest is logarithmic
PLACES = [  # of a label, in points from its run: the first that covers nothing is taken
    (7, 5, "left"), (7, -12, "left"), (-7, 5, "right"), (-7, -12, "right"), (0, 11, "center"), (0, -19, "center"),
    (9, -3, "left"), (-9, -3, "right"), (7, 17, "left"), (-7, 17, "right"), (7, -24, "left"), (-7, -24, "right"),
]  # fmt: skip


def error_against_time(summary: pd.DataFrame, table: pd.DataFrame, path: str | Path) -> None:
    """Test force MAE against training time, mean and range over the seeds of each run, and the Pareto front.

    Each run is labelled with its values; where keys are varied one at a time, the colour tells the key.

    Args:
        summary: of `sweeps.over_seeds`.
        table: of `sweeps.tabulate`.
        path: of the figure.
    """
    seeds = int(summary["seeds"].max())
    names = pd.DataFrame([_keys_and_values(run) for run in summary["run"]], columns=["keys", "values"])
    colours = dict(zip(names["keys"].unique(), cycle(COLOURS), strict=False))
    with figure(path, width=5.4, height=4.6) as axes:
        front = summary[summary["front"]].sort_values(TIME)
        if len(front) > 1:
            axes.plot(front[TIME], front[TEST], color=GREY, linestyle="--", linewidth=1, label="Pareto front")
        if seeds > 1:
            axes.plot([], [], "o", color=GREY, markersize=3, label="each seed")
        for key, colour in colours.items():
            part = summary[names["keys"] == key]
            bars = {"xerr": _range(part, TIME), "yerr": _range(part, TEST)} if seeds > 1 else {}
            axes.errorbar(part[TIME], part[TEST], **bars, fmt="o", color=colour, elinewidth=1, label=f"by {key}")
            each = table[table["run"].isin(part["run"])]
            axes.plot(each[TIME], each[TEST], "o", color=colour, markersize=3, alpha=0.6)
        chosen = summary[summary["chosen"]]
        ring = {"marker": "o", "linestyle": "none", "markersize": 12, "markerfacecolor": "none", "color": "C1"}
        axes.plot(chosen[TIME], chosen[TEST], **ring, label="lowest validation error")
        axes.set(xlabel="training time (s)", ylabel="force MAE on the test set (meV/Å)")
        _scale(axes, "x", table[TIME])
        _scale(axes, "y", table[TEST])
        axes.set_title("\n".join(_remarks(seeds, table)))
        axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.16), ncols=2)
        _label(axes, summary, table, names["values"], names["keys"].map(colours))


def _keys_and_values(run: str) -> tuple[str, str]:
    """Of the name of a run: `n_interactions, loss` and `6, mse`."""
    pairs = [part.split(".", 1)[1].split("-", 1) for part in run.split("__")]
    keys, values = zip(*pairs, strict=True)
    return ", ".join(keys), ", ".join(values)


def _range(summary: pd.DataFrame, name: str) -> np.ndarray:
    """(2, n) distances of the smallest and the largest value from the mean."""
    return np.array([summary[name] - summary[f"{name}_min"], summary[f"{name}_max"] - summary[name]])


def _scale(axes: Axes, name: str, values: pd.Series) -> None:
    """From zero, or logarithmic where the values are far apart."""
    low, high = values.min(), values.max()
    if low > 0 and high / low > WIDE:
        axes.set(**{f"{name}scale": "log", f"{name}lim": (low / 1.5, high * 1.5)})
        plain_log(axes.xaxis if name == "x" else axes.yaxis)
    else:
        axes.set(**{f"{name}lim": (0, 1.15 * high)})


def _remarks(seeds: int, table: pd.DataFrame) -> list[str]:
    """What has to be known to read the figure."""
    remarks = [f"mean and range of {seeds} seeds" if seeds > 1 else "one seed: a difference may be chance"]
    if table["device"].nunique() > 1:
        remarks.append("times of different devices, not to be compared")
    if changed := int((table["interventions"] != "").sum()):
        remarks.append(f"{changed} of {len(table)} trainings had to be changed on the way, see table.csv")
    return remarks


def _label(axes: Axes, summary: pd.DataFrame, table: pd.DataFrame, values: pd.Series, colours: pd.Series) -> None:
    """Write each run's values beside its point, at the place where they cover the fewest other labels and points."""
    axes.figure.canvas.draw()  # the scales are known from here on
    points = summary[[TIME, TEST]].to_numpy()
    dots = axes.transData.transform(np.concatenate([points, table[[TIME, TEST]].to_numpy()]))
    taken: list[Bbox] = []
    for text, colour, point in zip(values, colours, points, strict=True):
        style = {"textcoords": "offset points", "fontsize": 9, "color": colour, "in_layout": False}
        tries = [axes.annotate(text, point, (x, y), ha=side, **style) for x, y, side in PLACES]
        boxes = [label.get_window_extent() for label in tries]
        best = int(np.argmin([_covered(box, taken, dots) for box in boxes]))
        taken.append(boxes[best])
        for label in tries[:best] + tries[best + 1 :]:
            label.remove()


def _covered(box: Bbox, labels: list[Bbox], dots: np.ndarray) -> int:
    """How many labels and points a label at `box` would cover."""
    return sum(box.overlaps(label) for label in labels) + sum(box.contains(*dot) for dot in dots)
