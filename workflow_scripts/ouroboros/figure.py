"""The one way a figure is made here: the project's style, no screen, the same bytes for the same data.

A figure is an SVG, which rules declare, and beside it a PNG of the same name, which they do not: for slides and for
programs that read no SVG. The PNG is written first, so that beside an SVG stands its own PNG.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from textwrap import fill

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
from matplotlib.axis import Axis
from matplotlib.ticker import LogLocator, StrMethodFormatter

STYLE = Path(__file__).with_name("plots.mplstyle")
COLOURS = {  # one colour a strategy, in every figure
    "committee": "#0072B2", "random": "#D55E00", "percentile": "#009E73", "diversity": "#CC79A7",
}  # fmt: skip


@contextmanager
def figure(path: str | Path, columns: int = 1, width: float = 5.0, height: float = 3.6, rows: int = 1) -> Iterator:
    """Open axes in the project's style and write them when the block ends.

    Args:
        path: of the SVG; a PNG goes beside it. A path with another ending is the only file.
        columns: panels side by side.
        width: inches a panel.
        height: inches a panel.
        rows: of panels.

    Yields:
        One matplotlib Axes, or a flat array of them when there are several, row by row.
    """
    with plt.style.context(STYLE):
        drawing, axes = plt.subplots(rows, columns, figsize=(width * columns, height * rows))
        try:
            yield axes.ravel() if rows * columns > 1 else axes
            if Path(path).suffix == ".svg":
                drawing.savefig(Path(path).with_suffix(".png"))
                drawing.savefig(path, metadata={"Date": None})
            else:
                drawing.savefig(path)
        finally:
            plt.close(drawing)


def sentence(path: str | Path, reason: str, title: str = "") -> None:
    """A figure that only says why there is none, so that the set of files is the same for every run."""
    with figure(path, width=6.0, height=1.6) as axes:
        axes.axis("off")
        axes.text(0.5, 0.9, title, ha="center", va="center", fontweight="bold", transform=axes.transAxes)
        axes.text(0.5, 0.5, fill(reason, 84), ha="center", va="center", linespacing=1.4, transform=axes.transAxes)


def plain_log(axis: Axis) -> None:
    """Write the ticks of a logarithmic axis as plain numbers (0.2, not 2 × 10⁻¹), at 1, 2 and 5 of each decade."""
    axis.set_minor_locator(LogLocator(subs=(2, 5)))
    axis.set_major_formatter(StrMethodFormatter("{x:g}"))
    axis.set_minor_formatter(StrMethodFormatter("{x:g}"))
