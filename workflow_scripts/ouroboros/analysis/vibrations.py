"""Vibrations of the committee beside those of the oracle: harmonic frequencies and spectra of MD."""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd

from ouroboros.analysis import spectrum
from ouroboros.analysis.comparison import curve_distance
from ouroboros.analysis.spectrum import HIGHEST_PER_CM, PER_CM_PER_THZ, Spectrum
from ouroboros.analysis.velocities import VelocitySeries
from ouroboros.analysis.verdict import Check, at_most
from ouroboros.reference.rmsd import Superposition

COLUMNS = ("mode", "oracle_per_cm", "model_per_cm", "difference_per_cm", "oracle_THz", "model_THz")
ONE_MINIMUM_A = 0.1  # RMSD beyond which the minima of oracle and committee may be two conformers


@dataclass(frozen=True)
class Deviation:
    """How far two lists of frequencies are apart, each in its own order: the n-th beside the n-th.

    Attributes:
        mean_absolute_per_cm: mean absolute deviation, cm⁻¹.
        mean_per_cm: mean deviation, model less oracle, cm⁻¹.
        largest_per_cm: largest absolute deviation, cm⁻¹.
    """

    mean_absolute_per_cm: float
    mean_per_cm: float
    largest_per_cm: float


def side_by_side(oracle: dict[str, Any], model: dict[str, Any]) -> pd.DataFrame:
    """The harmonic frequencies of both as a table.

    Returns:
        The COLUMNS, a row a mode.

    Raises:
        ValueError: they are not of one molecule.
    """
    theirs, ours = (np.array(found["frequencies_per_cm"], dtype=float) for found in (oracle, model))
    if len(theirs) != len(ours):
        raise ValueError(f"The oracle has {len(theirs)} modes and the committee {len(ours)}: not the same structure")
    columns = {"mode": np.arange(1, len(ours) + 1), "oracle_per_cm": theirs, "model_per_cm": ours}
    columns |= {"difference_per_cm": ours - theirs}
    columns |= {"oracle_THz": theirs / PER_CM_PER_THZ, "model_THz": ours / PER_CM_PER_THZ}
    return pd.DataFrame(columns, columns=COLUMNS)


def compare(
    oracle: dict[str, Any],
    model: dict[str, Any],
    oracle_run: VelocitySeries | None,
    model_run: VelocitySeries | None,
    limit_per_cm: float = 30.0,
) -> dict[str, Any]:
    """Set committee and oracle side by side.

    Args:
        oracle: `harmonic.Harmonic` of the oracle as a dictionary, or its `reason`.
        model: the same of the committee.
        oracle_run: velocities of the oracle's own MD from the starts of the production run; None without.
        model_run: velocities of the production run; where both are there, the walkers that both have are compared.
        limit_per_cm: largest mean absolute deviation of the harmonic frequencies, cm⁻¹.

    Returns:
        `harmonic`: `modes`, `deviation` (a `Deviation`), `n_imaginary_oracle`, `n_imaginary_model`, `minima_rmsd_A`
        (RMSD of the two minima after superposition) and, where that is large, `warning`; or `reason`.
        `spectra`: `oracle` and `model`, each with its curve; where both are there, their `distance` from 0 to 1,
        `distance_noise` (with two walkers or more) and `peaks`; `reason` where they cannot be had.
        `verdicts`: `harmonic`, a `Check`, where there are modes.

    Raises:
        ValueError: the frequencies are not of one molecule.
    """
    result: dict[str, Any] = {"harmonic": {"reason": oracle.get("reason") or model.get("reason")}}
    verdicts: dict[str, Check] = {}
    if not result["harmonic"]["reason"]:
        table = side_by_side(oracle, model)
        apart = table["difference_per_cm"].to_numpy()
        mean = float(np.abs(apart).mean())
        found = Deviation(mean, float(apart.mean()), float(np.abs(apart).max()))
        result["harmonic"] = {"modes": table.to_dict("records"), "deviation": asdict(found)}
        result["harmonic"] |= {"n_imaginary_oracle": int((table["oracle_per_cm"] < 0).sum())}
        result["harmonic"] |= {"n_imaginary_model": int((table["model_per_cm"] < 0).sum())}
        result["harmonic"] |= _minima(oracle["positions_A"], model["positions_A"])
        what = "mean absolute deviation of the harmonic frequencies from those of the oracle"
        check = at_most(mean, limit_per_cm, what, "cm⁻¹")
        verdicts["harmonic"] = Check(check.passed, f"{check.reason}; with its sign it is {found.mean_per_cm:+.1f}")
    result["spectra"] = _spectra(oracle_run, model_run)
    return result | {"verdicts": verdicts}


def pairs(oracle: Spectrum, model: Spectrum, farthest_per_cm: float = 100.0) -> list[dict[str, float]]:
    """Peaks of the two spectra that are each other's nearest, and how far they are apart in cm⁻¹."""
    theirs, ours = (np.array([p.frequency_per_cm for p in spectrum.peaks(each)]) for each in (oracle, model))
    found: list[dict[str, float]] = []
    if not len(theirs) or not len(ours):
        return found
    apart = np.abs(theirs[:, None] - ours)
    for i, j in enumerate(apart.argmin(axis=1)):
        if apart[:, j].argmin() == i and apart[i, j] <= farthest_per_cm:
            found.append(
                {"oracle_per_cm": theirs[i], "model_per_cm": ours[j], "difference_per_cm": ours[j] - theirs[i]}
            )
    return found


def _minima(oracle: Any, model: Any) -> dict[str, Any]:
    """Whether the committee's minimum is that of the oracle, or another conformer."""
    both = Superposition(np.array([oracle], dtype=float), np.array([model], dtype=float))
    rmsd = float(both.exact(np.array([0]), np.array([0]))[0])
    if rmsd <= ONE_MINIMUM_A:
        return {"minima_rmsd_A": rmsd}
    warning = (
        f"The minima of oracle and committee are {rmsd:.2g} Å apart (RMSD), more than {ONE_MINIMUM_A:g} Å: they may be "
        "two conformers, whose frequencies differ whatever the potential."
    )
    return {"minima_rmsd_A": rmsd, "warning": warning}


def _spectra(oracle_run: VelocitySeries | None, model_run: VelocitySeries | None) -> dict[str, Any]:
    if oracle_run is not None and model_run is not None:
        shared = set(oracle_run.names) & set(model_run.names)
        if not shared:
            return {"reason": "No walker of the production run that the oracle repeated came far enough."}
        oracle_run, model_run = oracle_run.only(shared), model_run.only(shared)
    found = {}
    for name, run in (("oracle", oracle_run), ("model", model_run)):
        if run is None:
            continue
        try:
            found[name] = [spectrum.vibrational_density(v, run.masses, run.interval_fs) for v in run.runs]
        except ValueError as error:
            return {"reason": f"{error}."}
    means = {name: spectrum.average(each) for name, each in found.items()}
    section: dict[str, Any] = {name: _shown(mean, len(found[name])) for name, mean in means.items()}
    if len(means) == 2:
        axis = means["oracle"].frequency_per_cm
        section["distance"] = _distance(means["oracle"], means["model"], axis)
        if len(found["oracle"]) > 1:  # what the choice of walkers alone makes of one potential
            even, odd = (spectrum.average(found["oracle"][k::2]) for k in (0, 1))
            section["distance_noise"] = 0.5 * _distance(even, odd, axis)
        section["peaks"] = pairs(means["oracle"], means["model"])
    return section


def _shown(mean: Spectrum, n_walkers: int) -> dict[str, Any]:
    shown = mean.frequency_per_cm <= HIGHEST_PER_CM
    names = ("frequency_per_cm", "frequency_THz", "density_cm")
    return {name: getattr(mean, name)[shown] for name in names} | {
        "resolution_per_cm": mean.resolution_per_cm,
        "n_walkers": n_walkers,
    }


def _distance(a: Spectrum, b: Spectrum, axis: np.ndarray) -> float:
    return curve_distance(*(np.maximum(np.interp(axis, s.frequency_per_cm, s.density_cm), 0) for s in (a, b)))
