"""Figures of a finished MD run, drawn from what `trajectory.analyse` returned."""

from pathlib import Path
from textwrap import fill

import numpy as np
import pandas as pd
from ase import units
from matplotlib.axes import Axes

from ouroboros.analysis.distributions import ALL
from ouroboros.analysis.spectrum import PER_CM_PER_THZ, end
from ouroboros.analysis.temperature import densities, statistics
from ouroboros.analysis.walkers import Thermo, read_thermo
from ouroboros.figure import figure, sentence

POINTS = 4000  # of a time series that are drawn: more than a figure has pixels
WALKERS = 8  # drawn as lines of their own; more would cover each other
LABELLED_PEAKS = 12
LINE = 95  # characters of a sentence under the axes
REFERENCE_COLOUR = "0.55"


def energy(analysis: dict, thermo: Thermo, path: str | Path) -> None:
    """Change of the total energy against time, with the fitted line of the walker that drifts most.

    Args:
        analysis: the result of `analyse`.
        thermo: thermo.csv or its columns.
        path: where the figure goes, SVG or PNG.
    """
    section = analysis["conservation"]
    tables = _analysed(analysis, thermo)
    if not tables:
        return sentence(path, section["reason"], "Total energy")
    with figure(path) as axes:
        worst = section.get("worst_walker")
        names = sorted(tables, key=lambda name: name != worst)[:WALKERS]
        for name in names:
            time, change, _ = _energy_change(tables[name])
            faint = worst is not None and name != worst
            axes.plot(
                time,
                change,
                lw=0.8,
                alpha=0.35 if faint else 1.0,
                color="0.6" if faint else "C0",
                zorder=1 + (not faint),
            )
        if section.get("drift_eV_per_step") is not None:
            rows = tables[worst]
            ends = rows["step"].to_numpy()[[0, -1]]
            _, _, mean = _energy_change(rows)
            line = section["energy_at_step_0_eV"] - mean + section["drift_eV_per_step"] * ends
            label = (
                f"drift {section['drift_eV_per_step']:.1e} eV per step"
                f" = {section['drift_meV_per_atom_per_ps']:.2g} meV/(atom ps)"
            )
            axes.plot(
                rows["time_fs"].to_numpy()[[0, -1]] * 1e-3, 1e3 * line, color="C1", ls="--", label=label, zorder=3
            )
            low, high = axes.get_ylim()
            axes.set_ylim(low, high + 0.18 * (high - low))  # room for the legend above the data
            axes.legend(loc="upper left")
        title = f"Walker {worst}, the worst of {len(tables)}" if worst is not None and len(tables) > 1 else None
        axes.set(xlabel="time (ps)", ylabel="change of total energy (meV)", title=title)


def temperature(analysis: dict, thermo: Thermo, path: str | Path) -> None:
    """Temperature against time, and its fluctuation in each walker beside what theory gives.

    The band about the target is that of the means of many such runs (`temperature_mean_scatter_K`).

    Args:
        analysis: the result of `analyse`.
        thermo: thermo.csv or its columns.
        path: where the figure goes, SVG or PNG.
    """
    section = analysis["temperature"]
    if "degrees_of_freedom" not in section:
        return sentence(path, section["reason"], "Temperature")
    per_energy = 2 / (section["degrees_of_freedom"] * units.kB)
    with figure(path, columns=2, width=4.2) as (left, right):
        deviations = []
        for colour, rows in enumerate(_analysed(analysis, thermo).values()):
            kelvin = per_energy * rows["kinetic_energy_eV"].to_numpy(dtype=float)
            finite = kelvin[np.isfinite(kelvin)]
            deviations.append(finite - finite.mean() if len(finite) else finite)
            if colour < WALKERS:
                time = rows["time_fs"] * 1e-3
                left.plot(time[:: _stride(rows)], kelvin[:: _stride(rows)], lw=0.5, alpha=0.7, color=f"C{colour % 7}")
        target, mean = section["temperature_target_K"], section["temperature_mean_K"]
        if target is not None:
            left.axhline(target, color="black", ls="--", label=f"target {target:.0f} K")
        if mean is not None:
            left.axhline(mean, color="black", lw=1.0, label=f"mean {mean:.1f} K")
            if target is not None:
                scatter = section["temperature_mean_scatter_K"]
                label = f"means of such runs: ± {scatter:.1f} K"
                left.axhspan(target - scatter, target + scatter, color="black", alpha=0.15, lw=0, label=label)
        spread = np.concatenate(deviations)
        if len(spread):
            right.hist(spread, bins=min(60, 1 + int(np.sqrt(len(spread)))), density=True, alpha=0.45, lw=0)
        if section["temperature_std_K"] is not None:
            right.plot([], [], color="C0", lw=6, alpha=0.45, label=f"run: σ = {section['temperature_std_K']:.1f} K")
            _theory(right, analysis, spread)
        left.set(xlabel="time (ps)", ylabel="temperature (K)")
        right.set(xlabel="temperature less the mean of its walker (K)", ylabel="probability density (1/K)")
        for axes in (left, right):
            if axes.get_legend_handles_labels()[0]:
                axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=2)


def distances(analysis: dict, path: str | Path) -> None:
    """Distance curves of the model's MD beside those of the reference, over all pairs and for each pair of elements.

    Args:
        analysis: the result of `analyse`.
        path: where the figure goes, SVG or PNG.
    """
    section = analysis["distances"]
    if "distance_A" not in section:
        return sentence(path, section["reason"], "Distances")
    unit = "g" if section["quantity"] == "g(r)" else "per_A"
    r, curves, reference = (
        np.array(section["distance_A"]),
        section[f"model_{unit}"],
        section.get(f"reference_{unit}", {}),
    )
    names = sorted(curves, key=lambda name: (name != ALL, name))
    names = names[:1] if len(names) == 2 else names  # the only pair of elements is all pairs
    with figure(path, height=max(2.6, 1.1 + 0.62 * len(names))) as axes:
        for row, name in enumerate(names):
            model = np.array(curves[name])
            other = np.array(reference[name]) if name in reference else None
            highest = max(model.max(), other.max() if other is not None else 0.0)
            base = -row * 1.15
            if other is not None:
                axes.fill_between(r, base, base + other / highest, color=REFERENCE_COLOUR, alpha=0.45, lw=0)
            axes.plot(r, base + model / highest, color="C0", lw=1.2)
            differ = section.get("curve_distance", {}).get(name)
            label = f"{'all pairs' if name == ALL else name.replace('-', '–')}"
            label += f"\ndiffer by {differ:.2f}" if differ is not None else ""
            axes.annotate(label, (1.01, base + 0.35), xycoords=("axes fraction", "data"), va="center", fontsize=9)
        axes.plot([], [], color="C0", lw=1.2, label=f"MD with the model, {section['n_frames_model']} frames")
        if reference:
            label = f"reference, {section['n_frames_reference']} frames"
            axes.fill_between([], [], color=REFERENCE_COLOUR, alpha=0.45, lw=0, label=label)
        axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=2)
        what = "g(r) / its maximum" if unit == "g" else "probability density / its maximum"
        nearest = r[np.argmax(np.array(curves[ALL]) > 0)]
        left = max(0.0, nearest - 0.3)
        axes.set(xlabel="distance (Å)", ylabel=what, yticks=[], xlim=(left, r[-1]), ylim=(base - 0.05, 1.1))
        axes.grid(axis="y", visible=False)


def spectrum(analysis: dict, path: str | Path) -> None:
    """Vibrational density of states against wavenumber, with frequency in THz along the top.

    Args:
        analysis: the result of `analyse`.
        path: where the figure goes, SVG or PNG.
    """
    section = analysis["spectrum"]
    if "frequency_per_cm" not in section:
        return sentence(path, section["reason"], "Vibrational spectrum")
    frequency = np.array(section["frequency_per_cm"])
    density = 1e3 * np.array(section["density_cm"])
    with figure(path, width=6.0) as axes:
        axes.plot(frequency, density, lw=1.1)
        axes.fill_between(frequency, density, alpha=0.2, lw=0)
        for peak in _readable(section["peaks"]):
            place = peak["frequency_per_cm"], peak["relative_height"] * density.max()
            text = f"{peak['frequency_per_cm']:.0f}"
            axes.annotate(
                text, place, (0, 3), textcoords="offset points", rotation=90, ha="center", va="bottom", fontsize=8
            )
        axes.set(
            xlabel="wavenumber (cm⁻¹)",
            ylabel="vibrational density of states (10⁻³ cm)",
            xlim=(0, min(1.1 * end(frequency, density) + 20, frequency[-1])),
            ylim=(0, 1.2 * density.max()),
        )
        top = axes.secondary_xaxis("top", functions=(lambda x: x / PER_CM_PER_THZ, lambda x: x * PER_CM_PER_THZ))
        top.set_xlabel("frequency (THz)")
        axes.set_title(f"resolution {section['resolution_per_cm']:.0f} cm⁻¹")
        if "warning" in section:
            _below(axes, section["warning"])


def msd(analysis: dict, path: str | Path) -> None:
    """Mean square displacement against time with the diffusion coefficients, or the sentence that says why not.

    Args:
        analysis: the result of `analyse`.
        path: where the figure goes, SVG or PNG.
    """
    section = analysis["diffusion"]
    if not section.get("msd_A2"):
        return sentence(path, section["reason"], "Mean square displacement")
    lag, coefficients = np.array(section["lag_ps"]), section["coefficients"]
    names = [name for name in section["msd_A2"] if name != ALL or len(section["msd_A2"]) != 2]  # one element is all
    with figure(path) as axes:
        for colour, name in enumerate(names):
            label = "all atoms" if name == ALL else name
            if name in coefficients:
                found = coefficients[name]
                value, error = found["D_A2_per_ps"], found["D_error_A2_per_ps"]
                label += f": D = {value:.3g} ± {error:.1g} Å²/ps" if found["diffusive"] else ": not diffusive"
                inside = (lag >= found["fit_from_ps"]) & (lag <= found["fit_to_ps"])
                axes.plot(lag[inside], np.array(section["msd_A2"][name])[inside], color=f"C{colour}", lw=5, alpha=0.25)
            axes.plot(lag, section["msd_A2"][name], color=f"C{colour}", label=label)
        axes.set(xlabel="time lag (ps)", ylabel="mean square displacement (Å²)", xlim=(0, None), ylim=(0, None))
        axes.legend(loc="upper left", title="broad: window of the fit" if coefficients else None, title_fontsize=8)
        remarks = [section[name] for name in ("reason", "warning") if name in section]
        if remarks:
            _below(axes, " ".join(remarks))


def draw(analysis: dict, thermo: Thermo, folder: str | Path) -> list[Path]:
    """Draw energy, temperature, distances, spectrum and msd (each .svg) into a folder, and return their paths."""
    folder = Path(folder)
    energy(analysis, thermo, folder / "energy.svg")
    temperature(analysis, thermo, folder / "temperature.svg")
    distances(analysis, folder / "distances.svg")
    spectrum(analysis, folder / "spectrum.svg")
    msd(analysis, folder / "msd.svg")
    return [folder / f"{name}.svg" for name in ("energy", "temperature", "distances", "spectrum", "msd")]


def _theory(axes: Axes, analysis: dict, spread: np.ndarray) -> None:
    """The distributions of the temperature that theory gives, about their mean."""
    section, free = analysis["temperature"], analysis["system"]["degrees_of_freedom"]
    mean, ensemble = section["temperature_mean_K"], statistics(analysis["system"]["ensemble"])
    x = np.linspace(spread.min(), spread.max(), 300)
    styles = {"lowest": ":", "highest": "--", "expected": "-"}
    for key, of in sorted(densities(mean, free["kinetic"], free["vibrational"], ensemble).items()):
        what = {"nve": "harmonic", "nvt": "theory"}[ensemble] if key == "expected" else key
        height = of.pdf(x + mean)
        label = f"{what}: {section[f'temperature_std_{key}_K']:.1f} K"
        axes.plot(x, np.where(np.isfinite(height), height, np.nan), "k", ls=styles[key], lw=1, label=label)


def _analysed(analysis: dict, thermo: Thermo) -> dict[int, pd.DataFrame]:
    """The rows of the walkers that were analysed; those of other systems are left out here too."""
    names = analysis["system"].get("walkers", [])
    return {name: rows for name, rows in read_thermo(thermo).items() if name in names}


def _below(axes: Axes, text: str) -> None:
    """A sentence under the axes."""
    axes.annotate(fill(text, LINE), (0.5, -0.25), xycoords="axes fraction", ha="center", va="top", fontsize=8)


def _energy_change(rows: pd.DataFrame) -> tuple[np.ndarray, np.ndarray, float]:
    """Time in ps, total energy less its mean in meV, and that mean in eV."""
    mean = float(rows["total_energy_eV"].mean())
    thin = _thin(rows)
    return thin["time_fs"].to_numpy() * 1e-3, 1e3 * (thin["total_energy_eV"].to_numpy() - mean), mean


def _thin(rows: pd.DataFrame) -> pd.DataFrame:
    return rows.iloc[:: _stride(rows)]


def _stride(rows: pd.DataFrame) -> int:
    return max(1, len(rows) // POINTS)


def _readable(peaks: list[dict]) -> list[dict]:
    """The highest peaks whose labels do not run into that of a higher one."""
    room = 0.03 * max((peak["frequency_per_cm"] for peak in peaks), default=0.0)
    chosen: list[dict] = []
    for peak in sorted(peaks, key=lambda peak: -peak["relative_height"]):
        if all(abs(peak["frequency_per_cm"] - other["frequency_per_cm"]) > room for other in chosen):
            chosen.append(peak)
    return chosen[:LABELLED_PEAKS]
