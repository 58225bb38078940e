"""The figure of a time-step scan: energy error against time step, beside what velocity Verlet promises."""

from pathlib import Path
from textwrap import fill

import numpy as np
from matplotlib.ticker import NullLocator

from ouroboros.analysis.timestep_scan import SLOPE
from ouroboros.figure import figure, plain_log


def draw(result: dict, path: str | Path) -> None:
    """Fluctuation of the total energy and drift against the time step, with the advice below in words.

    Time steps at which walkers stopped are hollow: their figures are of the walkers that are left.

    Args:
        result: what `timestep_scan.judge` returned, in plain values.
        path: where the figure goes, SVG or PNG.
    """
    steps = [step for step in result["steps"] if step["rms_fluctuation_meV"]]
    size = np.array([step["timestep_fs"] for step in steps])
    error = np.array([step["rms_fluctuation_meV"] for step in steps])
    whole = np.array([not step["n_stopped"] for step in steps], dtype=bool)
    with figure(path, columns=2, width=4.4, height=3.8) as (left, right):
        if result["slope"] is not None:
            line = np.exp(np.mean(np.log(error[whole]) - SLOPE * np.log(size[whole])))
            ends = np.array([size.min() / 1.2, size.max() * 1.2])
            left.loglog(ends, line * ends**SLOPE, color="0.5", ls="--", label="velocity Verlet: slope 2")
            left.loglog(size[whole], error[whole], "o", color="C0", label=f"measured: slope {result['slope']:.2f}")
        elif len(steps):
            left.loglog(size[whole], error[whole], "o", color="C0")
        if not whole.all():
            left.loglog(size[~whole], error[~whole], "o", color="C0", mfc="none", label="of the walkers that are left")
        left.set(xlabel="time step (fs)", ylabel="rms fluctuation of total energy (meV)")
        drift = np.array([abs(step["drift_meV_per_atom_per_ps"]) for step in steps])
        right.semilogx(size[whole], drift[whole], "o-", color="C1")
        right.semilogx(size[~whole], drift[~whole], "o", color="C1", mfc="none")
        right.set(xlabel="time step (fs)", ylabel="size of the largest drift\n(meV per atom and ps)", ylim=(0, None))
        for axes in (left, right):
            axes.axvline(result["production_timestep_fs"], color="0.6", lw=1, ls=":", zorder=0, label="production run")
            axes.set_xticks(size, [f"{step:g}" for step in size])
            axes.xaxis.set_minor_locator(NullLocator())
            axes.legend(loc="upper left")
        if len(steps):
            plain_log(left.yaxis)
        text = "\n".join(fill(sentence, 112) for sentence in result["advice"])
        left.figure.supxlabel(text, x=0.02, ha="left", fontsize=9, linespacing=1.4)
