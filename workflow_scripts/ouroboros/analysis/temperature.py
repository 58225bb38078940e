"""Mean and fluctuation of the kinetic temperature against what statistical mechanics allows."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
from scipy.stats import beta, gamma, norm
from scipy.stats import t as student

from ouroboros.analysis.blocks import BLOCKS, average
from ouroboros.analysis.verdict import Check, all_of

Ensemble = Literal["nve", "nvt"]
Name = Literal["nve", "nvt", "langevin", "nose_hoover", "v_rescale", "npt"]  # nvt: any thermostat at constant volume
SIGNIFICANCE = 0.003  # chance of failing a sound run, for each of the two tests: the usual three sigma


@dataclass(frozen=True)
class Temperature:
    """Temperature of all walkers together.

    Attributes:
        mean_K: average.
        mean_error_K: its standard error as the average of these very walkers: what the length of the run leaves open.
        mean_scatter_K: standard deviation of the averages of many such runs, the walkers of each begun anew; in NVE,
            where a walker keeps the energy that it began with, far more than `mean_error_K`.
        std_K, std_error_K: standard deviation within a run and its standard error.
        std_lowest_K, std_expected_K, std_highest_K: what theory gives for the standard deviation at the mean
            temperature; all equal in NVT.
        n_samples: temperatures used.
        verdict: mean (if a target is set) and standard deviation against theory.
    """

    mean_K: float
    mean_error_K: float
    mean_scatter_K: float
    std_K: float
    std_error_K: float
    std_lowest_K: float
    std_expected_K: float
    std_highest_K: float
    n_samples: int
    verdict: Check


def statistics(name: Name) -> Ensemble:
    """The statistics of the kinetic energy in the ensemble of a run: canonical with any thermostat, in npt too.

    Raises:
        ValueError: an ensemble of another name.
    """
    if name not in get_args(Name):
        raise ValueError(f"Ensemble {name!r} is none of {', '.join(get_args(Name))}")
    return "nve" if name == "nve" else "nvt"


def fluctuation(kinetic: int, vibrational: int, ensemble: Ensemble) -> tuple[float, float, float]:
    """Relative standard deviation of the kinetic temperature: lowest, expected and highest.

    NVT: the kinetic energy of f degrees of freedom is Gamma(f/2) distributed, sigma_T / T = sqrt(2 / f), exactly.

    NVE: less, since what the kinetic energy gains the potential energy loses. Lebowitz, Percus and Verlet
    (Phys. Rev. 153, 250, 1967) find (sigma_T / T)² = (2 / f) (1 - f k / 2C) with C the whole heat capacity. The value
    expected here assumes p harmonic degrees of freedom, C = (f + p) k / 2: the share of the kinetic energy is then
    Beta(f/2, p/2) distributed, (sigma_T / T)² = 2p / (f (f + p + 2)), or 1 / f for a large crystal with p = f.
    Two things move a real run. Anharmonicity changes C, but any positive C keeps the fluctuation below the NVT value:
    the highest. And a short run of a small molecule does not share energy between its modes: p modes that each hold
    kT for ever give (sigma_T / T)² = p / 2f² (each kinetic energy is kT sin², of variance (kT)²/8): the lowest.

    Args:
        kinetic: degrees of freedom f of the kinetic energy.
        vibrational: harmonic degrees of freedom p of the potential energy: 3N - 6 for a molecule, 3N - 3 for a crystal.
        ensemble: "nve" or "nvt".

    Returns:
        The three relative standard deviations.

    Raises:
        ValueError: no kinetic degree of freedom, or an ensemble of another name.
    """
    if kinetic < 1:
        raise ValueError(f"{kinetic} kinetic degrees of freedom have no temperature")
    f, p = kinetic, vibrational
    canonical = np.sqrt(2 / f)
    if ensemble == "nvt":
        return canonical, canonical, canonical
    if ensemble == "nve":
        return np.sqrt(p / 2) / f, np.sqrt(2 * p / (f * (f + p + 2))), canonical
    raise ValueError(f"Ensemble {ensemble!r} is neither nve nor nvt")


def densities(mean_K: float, kinetic: int, vibrational: int, ensemble: Ensemble) -> dict[str, Any]:
    """The distributions whose standard deviations `fluctuation` gives, as scipy has them, of temperatures in K.

    Canonical is Gamma(f/2), harmonic at constant energy Beta(f/2, p/2). The sum of modes that keep their energies has
    no closed form: Beta(a, a) of its variance about the same mean is exact for one mode and for many.

    Returns:
        "expected" in NVT; in NVE "lowest", "expected" and "highest", less those of no width.
    """
    f, p = kinetic, vibrational
    canonical = gamma(f / 2, scale=2 * mean_K / f)
    if ensemble == "nvt":
        return {"expected": canonical}
    if not p:
        return {"highest": canonical}
    a = f * f / p - 0.5
    return {
        "lowest": beta(a, a, scale=2 * mean_K),
        "expected": beta(f / 2, p / 2, scale=mean_K * (f + p) / f),
        "highest": canonical,
    }


def measure(
    series: Sequence[np.ndarray],
    kinetic: int,
    vibrational: int,
    ensemble: Ensemble,
    target_K: float | None = None,
    n_blocks: int = BLOCKS,
) -> Temperature:
    """Test temperature series against the ensemble they claim to sample.

    The error bars come from block averages, so correlated samples do not make the test too strict. In NVE each walker
    keeps the energy it began with; when the beginnings were drawn from a canonical ensemble at the target, their mean
    temperatures scatter by what the canonical variance has over the microcanonical one, and the test allows for it.

    Args:
        series: one (n_samples,) array a walker, 2K / (f k), in K.
        kinetic: degrees of freedom f of the kinetic energy.
        vibrational: harmonic degrees of freedom of the potential energy.
        ensemble: "nve" or "nvt".
        target_K: temperature of the thermostat or of the beginnings; None: the mean is not tested.
        n_blocks: blocks a walker.

    Returns:
        Numbers and verdict. A temperature that is not finite and a walker that is too short fail it; the numbers are of
        what is left: each walker up to its first bad temperature, if it is long enough. NaN where nothing is.

    Raises:
        ValueError: no walker, or as `fluctuation`.
    """
    low, expected, high = fluctuation(kinetic, vibrational, ensemble)
    series, faults = _usable(series, 2 * n_blocks)
    if not series:
        return _unusable("; ".join(faults))
    n_samples = sum(map(len, series))

    canonical = ensemble == "nvt"
    mean = average(series, n_blocks, share_mean=canonical)
    if mean.mean <= 0:
        return _unusable("the mean temperature is not above zero")
    squares = [(values / (mean.mean if canonical else values.mean()) - 1) ** 2 for values in series]
    variance = average(squares, n_blocks)
    # The run's own mean has followed its noise a little: the variance about it lacks the variance of that mean.
    lacking = 1 if canonical else len(series)
    relative = np.sqrt(variance.mean + lacking * (mean.error / mean.mean) ** 2)
    std, std_error = mean.mean * relative, mean.mean * variance.error / (2 * max(relative, 1e-12))
    between = 0.0 if canonical else max(2 / kinetic - expected**2, 0.0) / len(series)
    beginnings = np.sqrt(between) * (mean.mean if target_K is None else target_K)

    margin = student.ppf(1 - SIGNIFICANCE / 2, variance.freedom) * std_error
    checks = [_inside(std, low * mean.mean, high * mean.mean, margin, "standard deviation of the temperature")]
    if target_K is not None:
        sampling = student.ppf(1 - SIGNIFICANCE / 2, mean.freedom) * mean.error
        margin = np.hypot(sampling, norm.ppf(1 - SIGNIFICANCE / 2) * beginnings)
        checks.insert(0, _inside(mean.mean, target_K, target_K, margin, "mean temperature"))
    return Temperature(
        mean_K=mean.mean,
        mean_error_K=mean.error,
        mean_scatter_K=float(np.hypot(mean.error, beginnings)),
        std_K=float(std),
        std_error_K=float(std_error),
        std_lowest_K=float(mean.mean * low),
        std_expected_K=float(mean.mean * expected),
        std_highest_K=float(mean.mean * high),
        n_samples=n_samples,
        verdict=all_of([Check(False, fault) for fault in faults] + checks),
    )


def _usable(series: Sequence[np.ndarray], needed: int) -> tuple[list[np.ndarray], list[str]]:
    """Each walker up to its first bad temperature, where that leaves `needed` samples; and what was wrong."""
    finite = [np.isfinite(values) for values in series]
    sound = [
        values[: len(good) if good.all() else np.argmin(good)] for values, good in zip(series, finite, strict=True)
    ]
    n_samples, n_bad = sum(map(len, series)), sum(int((~good).sum()) for good in finite)
    faults = [f"{n_bad} of {n_samples} temperatures are not finite numbers"] if n_bad else []
    n_short = sum(len(values) < needed for values in sound)
    if n_short:
        which = f"{n_short} of {len(series)} walkers" if len(series) > 1 else "the run"
        verb = "is" if n_short == 1 else "are"
        faults.append(f"{which} {verb} too short to be judged: {needed} finite temperatures are needed")
    return [values for values in sound if len(values) >= needed], faults


def _inside(value: float, low: float, high: float, margin: float, what: str) -> Check:
    theory = f"{low:.1f} K" if low == high else f"{low:.1f} to {high:.1f} K"
    passed = bool(low - margin <= value <= high + margin)
    verb = "agrees with" if passed else "does not fit"
    return Check(passed, f"the {what} of {value:.1f} K {verb} {theory} (statistical margin {margin:.1f} K)")


def _unusable(reason: str) -> Temperature:
    nan = float("nan")
    return Temperature(nan, nan, nan, nan, nan, nan, nan, nan, 0, Check(False, reason))
