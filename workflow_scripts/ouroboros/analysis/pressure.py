"""Mean pressure and density of a run at constant pressure."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.constants import atomic_mass  # kg
from scipy.stats import t as student

from ouroboros.analysis.blocks import BLOCKS, average
from ouroboros.analysis.temperature import SIGNIFICANCE
from ouroboros.analysis.verdict import Check

SETTLING = 0.5  # share of each walker that is left out: its cell began at the volume of a labelled structure
G_PER_CM3 = atomic_mass * 1e3 / 1e-24  # of one amu/Å³


@dataclass(frozen=True)
class Pressure:
    """Pressure and volume of all walkers together, in the second half of the run.

    Attributes:
        pressure_mean_GPa, pressure_error_GPa: average and its standard error from blocks.
        volume_mean_A3, volume_error_A3: of the cell.
        density_mean_g_per_cm3: mass over the mean volume.
        n_samples: frames used.
        verdict: the mean pressure against the barostat's.
    """

    pressure_mean_GPa: float
    pressure_error_GPa: float
    volume_mean_A3: float
    volume_error_A3: float
    density_mean_g_per_cm3: float
    n_samples: int
    verdict: Check


def measure(tables: Mapping[int, pd.DataFrame], mass_amu: float, target_GPa: float) -> Pressure:
    """Test the pressure of walkers against that of their barostat.

    With p(V) ~ V^(N-1) exp(-(U + PV)/kT), the centre of mass at rest, the mean of the instantaneous pressure is P.

    Args:
        tables: rows of each walker, with `pressure_GPa` and `volume_A3`.
        mass_amu: of the cell's atoms.
        target_GPa: of the barostat.

    Returns:
        Numbers and verdict; a walker that is too short, or not finite, fails it, and NaN stands where none is left.
    """
    late = [rows.iloc[int(SETTLING * len(rows)) :] for rows in tables.values()]
    columns = [rows[["pressure_GPa", "volume_A3"]].to_numpy(dtype=float) for rows in late]
    used = [values for values in columns if len(values) >= 2 * BLOCKS and np.isfinite(values).all()]
    if not used:
        nan = float("nan")
        reason = f"the run is too short to judge its pressure: {4 * BLOCKS} finite frames a walker are needed"
        return Pressure(nan, nan, nan, nan, nan, 0, Check(False, reason))
    pressure, volume = (average([values[:, k] for values in used]) for k in (0, 1))
    margin = student.ppf(1 - SIGNIFICANCE / 2, pressure.freedom) * pressure.error
    passed = bool(abs(pressure.mean - target_GPa) <= margin)
    reason = (
        f"the mean pressure of {pressure.mean:.3g} GPa {'agrees with' if passed else 'does not fit'} "
        f"{target_GPa:g} GPa (statistical margin {margin:.2g} GPa)"
    )
    if len(used) < len(columns):
        reason += f"; {len(columns) - len(used)} of {len(columns)} walkers are too short to be judged"
    return Pressure(
        pressure_mean_GPa=pressure.mean,
        pressure_error_GPa=pressure.error,
        volume_mean_A3=volume.mean,
        volume_error_A3=volume.error,
        density_mean_g_per_cm3=float(mass_amu / volume.mean * G_PER_CM3),
        n_samples=sum(map(len, used)),
        verdict=Check(passed and len(used) == len(columns), reason),
    )
