"""Figures of the test: predicted against label, histograms of the errors, errors by temperature."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from ase.data import chemical_symbols
from ase.stress import full_3x3_to_voigt_6_stress
from matplotlib.axes import Axes
from scipy.stats import norm

from .error_groups import groups_of
from .error_statistics import composition_energy
from .figure import figure, plain_log, sentence
from .units import GPA_IN_EV_PER_A3

GREY = "#888888"
DENSE = 4000  # points, above which a cloud is drawn as counts in hexagons
MOST_CURVES = 6
POINT: dict[str, Any] = {"markersize": 5, "markeredgewidth": 0, "alpha": 0.7, "rasterized": True}
KINDS = {"MAE": "mae", "RMSE": "rmse", "largest": "max"}


def parity(prediction: Any, frames: Any, errors: dict[str, Any], path: str | Path) -> None:
    """Committee mean against label, for energies, force components and stress components, with the errors.

    Args:
        prediction: of the committee, a `committee.Prediction`.
        frames: with labels.
        errors: of the committee's mean, as in metrics.json.
        path: of the figure.

    Energies are drawn less `composition_energy`, as R² is taken. Points are coloured by temperature where the test set
    has a few, and counted in hexagons where they are many. Stress has a panel where it was predicted and labelled.
    """
    baseline, temperatures = composition_energy(frames), _temperatures(frames)
    several = len({tuple(np.bincount(part)) for part in np.split(frames.numbers, frames.starts[1:])}) > 1
    energy = "energy above that of its elements (eV)" if several else "energy from the mean label (eV)"
    with_stress = prediction.stress is not None and frames.has_stress.any()
    with figure(path, columns=3 if with_stress else 2, width=4.4, height=3.9) as panels:
        _against(panels[0], frames.energy - baseline, prediction.energy - baseline, temperatures, energy)
        _note(panels[0], "frames", len(frames), "energy", errors, "meV")
        of_forces = {name: np.repeat(own[frames.frame_of_atom], 3) for name, own in temperatures.items()}
        _against(panels[1], frames.forces.ravel(), prediction.forces.ravel(), of_forces, "force component (eV/Å)")
        _note(panels[1], "components", frames.forces.size, "force", errors, "meV_per_A")
        if with_stress:
            given = frames.has_stress
            label, predicted = (_six_in_GPa(stress[given]) for stress in (frames.stress, prediction.stress))
            of_stress = {name: np.repeat(own[given], 6) for name, own in temperatures.items()}
            _against(panels[2], label, predicted, of_stress, "stress component (GPa)")
            _note(panels[2], "components", label.size, "stress", errors, "GPa")


def histograms(prediction: Any, frames: Any, path: str | Path) -> None:
    """How the errors are spread: energies an atom, by temperature, and force components, by element.

    Where there are more than `MOST_CURVES` elements, the rarest ones share a curve, *others*.

    The dashed curve is a Gaussian around zero with the rms of all errors: what lies above it far out are errors that
    a mean hides.
    """
    energy = 1000 * (prediction.energy - frames.energy) / frames.n_atoms
    forces = 1000 * (prediction.forces - frames.forces).ravel()
    temperatures = {f"{name} K": own for name, own in _temperatures(frames).items()}
    elements = _elements(frames.numbers)
    with figure(path, columns=2, width=4.4) as (left, right):
        highest = _histogram(left, energy, temperatures, _shades(len(temperatures)))
        left.set(xlabel="energy error: committee − oracle (meV/atom)", ylabel="frames", ylim=(0, 1.6 * highest))
        highest = _histogram(right, forces, elements, [f"C{number}" for number in range(len(elements))])
        right.set(xlabel="error of a force component (meV/Å)", ylabel="components", yscale="log")
        right.set_ylim(0.5, 12 * highest)


def by_temperature(rounds: Sequence[dict[str, Any]], path: str | Path) -> None:
    """Test force error of each round for each temperature of the test set, or each quarter of many temperatures."""
    names = list(rounds[-1]["by_temperature_K"])
    if not names:
        sentence(path, "The test frames carry no temperature: name its key in reference.files.columns.")
        return
    numbers = all(_is_number(name) for name in names)
    places = [float(name) for name in names] if numbers else list(range(len(names)))
    with figure(path) as axes:
        for number, metrics in enumerate(rounds):
            values = [metrics["by_temperature_K"][name]["force_mae_meV_per_A"] for name in names]
            axes.plot(places, values, "o-", label=f"round {number}")
        if not numbers:
            axes.set_xticks(places, [name.replace(" to ", "\nto ") for name in names])
        axes.set(xlabel="temperature of the test frames (K)", ylabel="force MAE (meV/Å)", ylim=(0, None))
        axes.legend()


def _against(axes: Axes, label: np.ndarray, predicted: np.ndarray, groups: dict[str, np.ndarray], name: str) -> None:
    low, high = min(label.min(), predicted.min()), max(label.max(), predicted.max())
    margin = 0.04 * (high - low) or 1e-3
    ends = low - margin, high + margin
    axes.plot(ends, ends, color=GREY, linewidth=0.8, zorder=1)
    if len(label) > DENSE:
        hexagons = axes.hexbin(
            label, predicted, extent=(*ends, *ends), gridsize=80, bins="log", mincnt=1, linewidths=0.1, rasterized=True
        )
        _count_bar(axes, hexagons, f"{'components' if 'component' in name else 'frames'} in a hexagon")
    else:
        shades = _shades(len(groups))
        for (value, own), colour in zip(groups.items(), shades, strict=True):
            axes.plot(label[own], predicted[own], ".", color=colour, label=f"{value} K", **POINT)
        if groups:
            axes.legend(loc="lower right", markerscale=2, handletextpad=0.1)
        else:
            axes.plot(label, predicted, ".", **POINT)
    axes.set(xlabel=f"oracle: {name}", ylabel=f"committee: {name}", xlim=ends, ylim=ends, box_aspect=1)


def _six_in_GPa(stress: np.ndarray) -> np.ndarray:
    """The independent components of (n, 3, 3) eV/Å³ one after another, GPa."""
    return full_3x3_to_voigt_6_stress(stress).ravel() / GPA_IN_EV_PER_A3


def _note(axes: Axes, what: str, count: int, name: str, errors: dict[str, Any], unit: str) -> None:
    """The number of points and the errors, in the upper left corner, which a parity plot leaves free."""
    shown = unit.replace("_per_A", "/Å")
    lines = [f"{count:,} {what}".replace(",", "\u202f")]
    lines += [f"{title} {_short(errors[f'{name}_{kind}_{unit}'])} {shown}" for title, kind in KINDS.items()]
    r2 = errors[f"{name}_r2"]
    if r2 is not None:
        lines.append(f"R² {r2:.5f}" if r2 > 0.99 else f"R² {r2:.2f}")
    behind = {"facecolor": "white", "alpha": 0.7, "linewidth": 0}
    axes.text(0.04, 0.97, "\n".join(lines), transform=axes.transAxes, va="top", fontsize=8.5, bbox=behind)


def _histogram(axes: Axes, error: np.ndarray, groups: dict[str, np.ndarray], colours: Sequence[Any]) -> float:
    """All errors filled, each group a line, and the Gaussian of the same rms; returns the height of the highest."""
    reach = np.abs(error).max() or 1.0
    bins = int(np.clip(3 * len(error) ** (1 / 3), 15, 80)) | 1  # odd, so that one is centred on zero
    edges = np.linspace(-reach, reach, bins + 1)
    counts = np.histogram(error, edges)[0]
    axes.stairs(counts, edges, fill=True, color="#DDDDDD", label="all")
    for (name, own), colour in zip(groups.items(), colours, strict=True):
        axes.stairs(np.histogram(error[own], edges)[0], edges, color=colour, linewidth=1.2, label=name)
    rms = np.sqrt((error**2).mean())
    if rms > 0:
        x = np.linspace(-reach, reach, 400)
        gaussian = len(error) * (edges[1] - edges[0]) * norm.pdf(x, scale=rms)
        axes.plot(x, gaussian, color="black", linestyle="--", linewidth=1, label=f"Gaussian, rms {_short(rms)}")
    axes.legend(fontsize=8, loc="upper right", ncols=2, handlelength=1.4)
    return float(counts.max())


def _count_bar(axes: Axes, hexagons: Any, label: str) -> None:
    bar = axes.figure.colorbar(hexagons, ax=axes, label=label, shrink=0.8)
    plain_log(bar.ax.yaxis)


def _short(value: float) -> str:
    """Three digits, and never a power of ten."""
    return np.format_float_positional(float(f"{value:.3g}"), trim="-")


def _temperatures(frames: Any) -> dict[str, np.ndarray]:
    """The frames of each temperature, where there are two of them to six; else nothing."""
    groups = groups_of(frames.columns["temperature_K"]) if "temperature_K" in frames.columns else {}
    return groups if 1 < len(groups) <= MOST_CURVES else {}


def _elements(numbers: np.ndarray) -> dict[str, np.ndarray]:
    """The force components of each element, in the order of the atomic numbers; the rarest of many together."""
    found, counts = np.unique(numbers, return_counts=True)
    own = np.sort(found[np.argsort(-counts, kind="stable")[: MOST_CURVES - 1]]) if len(found) > MOST_CURVES else found
    groups = {chemical_symbols[z]: np.repeat(numbers == z, 3) for z in own}
    rest = ~np.isin(numbers, own)
    return groups | {"others": np.repeat(rest, 3)} if rest.any() else groups


def _shades(count: int) -> list[Any]:
    """Colours from cold to hot."""
    return list(matplotlib.colormaps["plasma"](np.linspace(0.05, 0.8, count)))


def _is_number(name: str) -> bool:
    try:
        float(name)
    except ValueError:
        return False
    return True
