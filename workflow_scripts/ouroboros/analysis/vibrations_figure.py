"""The figure of the vibrations: spectra of MD and harmonic lines of committee and oracle on one axis."""

from pathlib import Path
from textwrap import fill

import numpy as np

from ouroboros.analysis.spectrum import HIGHEST_PER_CM, PER_CM_PER_THZ, end
from ouroboros.figure import figure

MODEL, ORACLE = "C0", "0.45"


def draw(result: dict, path: str | Path, oracle: str = "oracle") -> None:
    """Spectra above, harmonic frequencies as sticks below; a second panel with the difference of each mode.

    Args:
        result: what `vibrations.compare` returned, in plain values.
        path: where the figure goes, SVG or PNG.
        oracle: its level of theory.
    """
    modes, spectra = result["harmonic"].get("modes", []), result["spectra"]
    with figure(path, columns=2, width=5.2, height=4.0) as (left, right):
        edges = [0.0]  # of what there is to be seen, cm⁻¹
        top = max([max(spectra[name]["density_cm"]) for name in ("oracle", "model") if name in spectra], default=1e-3)
        for name, colour, label in (("oracle", ORACLE, oracle), ("model", MODEL, "committee")):
            if name in spectra:
                axis, density = np.array(spectra[name]["frequency_per_cm"]), 1e3 * np.array(spectra[name]["density_cm"])
                left.plot(axis, density, color=colour, lw=1.2, label=f"{label}, MD")
                edges.append(end(axis, density))
                if name == "oracle":
                    left.fill_between(axis, density, color=colour, alpha=0.3, lw=0)
        unit = 1e3 * top
        for name, colour, height in (("oracle", ORACLE, -0.06), ("model", MODEL, -0.17)):
            lines = [mode[f"{name}_per_cm"] for mode in modes]
            edges += lines  # an imaginary frequency is negative
            left.vlines(lines, (height - 0.04) * unit, (height + 0.04) * unit, color=colour, lw=1.2)
        if modes:
            left.annotate("harmonic", (1.0, -0.115 * unit), xycoords=("axes fraction", "data"), fontsize=8, va="center")
        if "reason" in spectra:
            place = {"ha": "right", "va": "top", "fontsize": 8, "transform": left.transAxes}
            left.text(0.98, 0.98, fill(spectra["reason"], 46), **place)
        highest = max(edges) if max(edges) > 0 else HIGHEST_PER_CM
        left.set(xlabel="wavenumber (cm⁻¹)", xlim=(1.08 * min(edges), 1.08 * highest), ylim=(-0.24 * unit, 1.2 * unit))
        left.set_yticks([tick for tick in left.get_yticks() if 0 <= tick <= 1.2 * unit])
        left.set_ylabel("vibrational density of states (10⁻³ cm)")
        above = left.secondary_xaxis("top", functions=(lambda x: x / PER_CM_PER_THZ, lambda x: x * PER_CM_PER_THZ))
        above.set_xlabel("frequency (THz)")
        if left.get_legend_handles_labels()[0]:
            left.legend(loc="upper left")
        _differences(result, modes, right)


def _differences(result: dict, modes: list[dict], axes) -> None:
    """Difference of each harmonic frequency against the oracle's."""
    if not modes:
        axes.axis("off")
        axes.text(0, 0.6, fill(result["harmonic"]["reason"], 46), va="center", transform=axes.transAxes)
        return
    deviation = result["harmonic"]["deviation"]
    place = np.array([mode["oracle_per_cm"] for mode in modes])
    apart = np.array([mode["difference_per_cm"] for mode in modes])
    axes.axhline(0, color="0.5", lw=1)
    axes.vlines(place, np.minimum(apart, 0), np.maximum(apart, 0), color=MODEL, lw=1)
    axes.plot(place, apart, "o", color=MODEL)
    axes.set(xlabel="harmonic wavenumber of the oracle (cm⁻¹)", ylabel="committee less oracle (cm⁻¹)")
    largest = 1.15 * max(np.abs(apart).max(), 1e-9)
    axes.set_ylim(-largest, largest)
    axes.set_title(
        f"mean absolute deviation {deviation['mean_absolute_per_cm']:.1f} cm⁻¹, "
        f"largest {deviation['largest_per_cm']:.1f} cm⁻¹"
    )
