"""The sections of the analysis: each asks one module its question and words the answer for analysis.json."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass

import numpy as np
import pandas as pd
from ase import Atoms, units

from ouroboros.analysis import bonds, comparison, conservation, diffusion, pressure, spectrum, temperature
from ouroboros.analysis.freedom import Freedom
from ouroboros.analysis.spectrum import HIGHEST_PER_CM
from ouroboros.analysis.systems import near_temperature, same_system
from ouroboros.analysis.velocities import VelocitySeries, even_runs
from ouroboros.analysis.verdict import Check, all_of
from ouroboros.analysis.walkers import Walker
from ouroboros.frames import Frames

Section = tuple[dict, Check | None]
Tables = Mapping[int, pd.DataFrame]
CURVE_POINTS = 400  # of the mean square displacement that are kept
COARSE_PER_CM = 30.0  # resolution of a spectrum that bands of different vibrations are lost in


@dataclass(frozen=True)
class Compared:
    """How distances are compared; the meaning of each is told in `comparison.compare`."""

    distance_limit: float
    peak_shift_limit_A: float
    range_A: float
    bin_width_A: float
    max_frames: int


def system(walkers: list[Walker], tables: Tables, step_fs: float, free: Freedom, ensemble: str) -> dict:
    """What was run, and for how long."""
    return {
        "formula": Atoms(walkers[0].numbers).get_chemical_formula(),
        "n_atoms": len(walkers[0].numbers),
        "periodic": bool(walkers[0].pbc.any()),
        "ensemble": ensemble,
        "n_walkers": len(walkers),
        "walkers": list(tables),
        "n_frames": sum(len(walker.step) for walker in walkers),
        "n_frames_not_finite": sum(int((~walker.finite).sum()) for walker in walkers),
        "timestep_fs": step_fs,
        "simulated_ps": sum(float(np.ptp(rows["step"])) * step_fs * 1e-3 for rows in tables.values()),
        "degrees_of_freedom": free,
    }


def energy(tables: Tables, step_fs: float, n_atoms: int, ensemble: str, limit: float) -> Section:
    """Energy conservation of each walker; the worst one decides."""
    if ensemble != "nve":
        return {"reason": "A thermostat exchanges energy with the system, so its total energy is not conserved."}, None
    drifts = {
        name: conservation.measure(rows["step"], rows["total_energy_eV"], step_fs, n_atoms, limit)
        for name, rows in tables.items()
    }
    measured = [name for name, drift in drifts.items() if np.isfinite(drift.drift_eV_per_step)]
    worst = max(measured, key=lambda name: abs(drifts[name].drift_eV_per_step), default=next(iter(drifts)))
    checks = [_of_walker(drift.verdict, name, drifts) for name, drift in drifts.items() if name not in measured]
    if measured:
        where = f", the worst of {len(measured)}" if len(measured) > 1 else ""
        checks.append(_of_walker(drifts[worst].verdict, worst, drifts, where))
    numbers = {name: {k: v for k, v in asdict(drift).items() if k != "verdict"} for name, drift in drifts.items()}
    return numbers[worst] | {"worst_walker": worst, "walkers": numbers}, all_of(checks)


def _of_walker(verdict: Check, name: int, among: Mapping, more: str = "") -> Check:
    where = f" (walker {name}{more})" if len(among) > 1 else ""
    return Check(verdict.passed, verdict.reason + where)


def temperatures(tables: Tables, free: Freedom, ensemble: temperature.Ensemble, target_K: float | None) -> Section:
    """Temperature of all walkers together, from the kinetic energy and the degrees of freedom of this run."""
    per_energy = 2 / (free.kinetic * units.kB)
    series = {name: per_energy * rows["kinetic_energy_eV"].to_numpy(dtype=float) for name, rows in tables.items()}
    result = temperature.measure(list(series.values()), free.kinetic, free.vibrational, ensemble, target_K)
    # The program that ran the MD may have divided by another number of degrees of freedom: here is which.
    theirs = np.concatenate([rows["temperature_K"].to_numpy(dtype=float) for rows in tables.values()])
    ours = np.concatenate(list(series.values()))
    usable = (theirs > 0) & np.isfinite(ours)
    section = {f"temperature_{key}": value for key, value in asdict(result).items() if key.endswith("_K")} | {
        "temperature_target_K": target_K,
        "n_samples": result.n_samples,
        "degrees_of_freedom": free.kinetic,
        "degrees_of_freedom_of_thermo_csv": (
            free.kinetic * float(np.median(ours[usable] / theirs[usable])) if usable.any() else None
        ),
        "walkers": {name: {"mean_K": values.mean(), "std_K": values.std()} for name, values in series.items()},
    }
    return section, result.verdict


def constant_pressure(tables: Tables, masses: np.ndarray, ensemble: str, target_GPa: float) -> Section:
    """Pressure and density of all walkers together where a barostat moves the cell."""
    if ensemble != "npt":
        return {"reason": "The cell is at rest, so no pressure is held."}, None
    if any(name not in rows for rows in tables.values() for name in ("pressure_GPa", "volume_A3")):
        return {"reason": "The thermodynamic table has no columns pressure_GPa and volume_A3."}, None
    result = pressure.measure(tables, float(masses.sum()), target_GPa)
    numbers = {key: value for key, value in asdict(result).items() if key != "verdict"}
    return numbers | {"pressure_target_GPa": target_GPa}, result.verdict


def connectivity(walkers: list[Walker]) -> Section:
    """Bonds that broke or formed in any walker; frames that are not finite fail here."""
    found, checks = [], []
    for walker in walkers:
        keep = walker.finite
        if not keep.all():
            step = walker.step[np.argmin(keep)]
            checks.append(Check(False, f"walker {walker.name} has no finite positions and velocities at step {step}"))
        seen = bonds.changes(walker.positions[keep], walker.numbers, walker.step[keep], walker.cell[keep], walker.pbc)
        found += [asdict(change) | {"walker": walker.name} for change in seen]
    if found:
        first = min(found, key=lambda change: change["step"])
        (a, b), more = first["atoms"], f", the first of {len(found)} changes" if len(found) > 1 else ""
        what = f"the {first['pair']} bond of atoms {a} and {b} is {first['kind']} at step {first['step']}"
        checks.append(Check(False, f"{what} of walker {first['walker']}{more}"))
    kinds = [change["kind"] for change in found]
    section = {"n_broken": kinds.count("broken"), "n_formed": kinds.count("formed"), "changes": found}
    return section, all_of(checks or [Check(True, "no bond broke or formed")])


def distances(walkers: list[Walker], reference: Frames | None, target_K: float | None, settings: Compared) -> Section:
    """Distance curves of the run beside those of the reference frames of its system nearest to its temperature."""
    if _open(walkers):
        return {"reason": "g(r) is over the density of a cell that is filled: one that is periodic throughout."}, None
    model = _evenly(Frames.concatenate([walker.frames() for walker in walkers]), settings.max_frames)
    if not len(model):
        reason = "no frame of the run has finite positions"
        return {"reason": f"N{reason[1:]}."}, Check(False, reason)
    why, temperatures = "No reference frames were given.", None
    if reference is not None:
        why = "No reference frame is of the same system."
        same = same_system(reference, walkers[0].numbers, walkers[0].pbc)
        near, temperatures = near_temperature(same, target_K)
        reference = _evenly(near, settings.max_frames)
    limits = settings.distance_limit, settings.peak_shift_limit_A
    result = comparison.compare(model, reference, *limits, settings.range_A, settings.bin_width_A)
    unit = "g" if result.model.periodic else "per_A"
    section = {
        "quantity": "g(r)" if result.model.periodic else "probability density, 1/Å",
        "distance_A": result.model.distance_A,
        f"model_{unit}": result.model.curves,
        "n_frames_model": len(model),
        "first_peak_model_A": result.first_peak_model_A,
    }
    if result.reference is None or reference is None:
        return section | {"reason": why}, None
    compared = {
        f"reference_{unit}": result.reference.curves,
        "n_frames_reference": len(reference),
        "reference_temperatures_K": temperatures,
        "first_peak_reference_A": result.first_peak_reference_A,
        "first_peak_shift_A": result.first_peak_shift_A,
        "curve_distance": result.curve_distance,
        "curve_distance_noise": result.curve_distance_noise,
    }
    if result.verdict is None:
        compared["reason"] = "A single reference frame does not tell how far its curve may be from that of many."
    return section | compared, result.verdict


def vibrations(series: VelocitySeries, numbers: np.ndarray, friction_per_ps: float | None = None) -> dict:
    """Vibrational density of states, averaged over the walkers that ran long enough.

    Args:
        series: velocities at even intervals.
        numbers: (n_atoms,) atomic numbers.
        friction_per_ps: of Langevin dynamics, 1/ps, which broadens the lines; None: another ensemble.
    """
    try:
        mean = spectrum.average(
            [spectrum.vibrational_density(v, series.masses, series.interval_fs) for v in series.runs]
        )
    except ValueError as error:
        return {"reason": f"{error}."}
    shown = mean.frequency_per_cm <= HIGHEST_PER_CM
    highest = float(mean.frequency_per_cm[-1])
    broadened = spectrum.broadening(friction_per_ps) if friction_per_ps else 0.0
    section = {
        "frequency_per_cm": mean.frequency_per_cm[shown],
        "density_cm": mean.density_cm[shown],
        "resolution_per_cm": max(mean.resolution_per_cm, broadened),
        "nyquist_per_cm": highest,
        "n_walkers": len(series.runs),
        "n_samples_per_walker": series.n_samples,
        "interval_fs": series.interval_fs,
        "peaks": spectrum.peaks(mean),
    }
    warnings = []
    if mean.resolution_per_cm > COARSE_PER_CM:
        warnings.append(
            f"The run is too short for lines finer than {mean.resolution_per_cm:.0f} cm⁻¹: raise simulation.steps."
        )
    if broadened:
        warnings.append(
            f"Langevin friction of {friction_per_ps:g}/ps broadens each line by some {broadened:.0f} cm⁻¹: "
            "take simulation.ensemble nve for a spectrum."
        )
    if highest < HIGHEST_PER_CM and (numbers == 1).any():
        warnings.append(
            f"Samples {series.interval_fs:g} fs apart show frequencies up to {highest:.0f} cm⁻¹ only, and the "
            "stretches of hydrogen fold back to lower ones: save velocities at least every 3.9 fs."
        )
    return section | ({"warning": " ".join(warnings)} if warnings else {})


def displacement(walkers: list[Walker], step_fs: float, friction_per_ps: float | None = None) -> dict:
    """Mean square displacement and diffusion of periodic systems, of all atoms and of each element.

    Where the cell moves, positions are taken to the mean cell, so that its breathing is no displacement.

    Args:
        walkers: of one system.
        step_fs: MD time step, fs.
        friction_per_ps: of Langevin dynamics, 1/ps, which lowers D; None: another ensemble.
    """
    first = walkers[0]
    if not first.pbc.any():
        return {
            "reason": "An isolated molecule has nothing to diffuse through, so a diffusion coefficient has no meaning."
        }
    if _open(walkers):
        return {"reason": "Displacement in three dimensions is asked for: the cell has to be periodic throughout."}
    used, length, interval_fs = even_runs(walkers, step_fs)
    if length < 2:
        return {"reason": "Two evenly spaced finite frames of a walker are needed for a displacement."}
    symbols = np.array(Atoms(first.numbers).get_chemical_symbols())
    groups = {"all": np.ones(len(symbols), dtype=bool)} | {s: symbols == s for s in sorted(set(symbols))}
    lags = np.unique(np.linspace(0, length // 2, CURVE_POINTS).astype(int))
    section: dict = {"lag_ps": lags * interval_fs * 1e-3, "msd_A2": {}, "coefficients": {}}
    if friction_per_ps:
        section["warning"] = (
            f"Langevin friction of {friction_per_ps:g}/ps slows diffusion down, so that D is too low: take "
            "simulation.ensemble nve, or v_rescale with a long thermostat_time_fs."
        )
    elif any(np.ptp(walker.cell, axis=0).any() for walker in used):
        section["warning"] = "The cell moved: displacements are those of scaled coordinates, in the mean cell."
    try:
        unwrapped = [
            diffusion.in_mean_cell(diffusion.unwrap(w.positions[:length], w.cell[:length], w.pbc), w.cell[:length])
            for w in used
        ]
        runs = [diffusion.without_centre_of_mass(x, first.masses) for x in unwrapped]
        for name, group in groups.items():
            curves = [diffusion.mean_square_displacement(run[:, group])[lags] for run in runs]
            section["msd_A2"][name] = np.mean(curves, axis=0)
        for name, group in groups.items():
            section["coefficients"][name] = diffusion.self_diffusion([x[:, group] for x in runs], interval_fs * 1e-3)
    except ValueError as error:
        return section | {"reason": f"{error}."}
    found = section["coefficients"]
    if any(group.diffusive for group in found.values()):
        return section
    return section | {"reason": found["all"].reason}


def _open(walkers: list[Walker]) -> bool:
    """Whether the system is periodic without filling a volume, as a slab is."""
    pbc, cell = walkers[0].pbc, walkers[0].cell
    return bool(pbc.any() and not (pbc.all() and (np.abs(np.linalg.det(cell)) > 0).all()))


def _evenly(frames: Frames, at_most: int) -> Frames:
    if len(frames) <= at_most:
        return frames
    return frames.take(np.linspace(0, len(frames) - 1, at_most).astype(int))
