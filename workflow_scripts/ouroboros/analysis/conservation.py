"""Conservation of the total energy in an NVE run: the drift, and the fluctuation about it."""

from dataclasses import dataclass

import numpy as np
from scipy.stats import linregress

from ouroboros.analysis.verdict import Check, at_most

DRIFT_LIMIT = 1e-3  # eV per MD step


@dataclass(frozen=True)
class Drift:
    """The line through the total energy of one walker.

    Attributes:
        drift_eV_per_step: slope for one MD step, whatever the interval at which the energy was saved.
        drift_meV_per_atom_per_ps: the same slope in the unit that compares systems and time steps.
        rms_fluctuation_eV: root mean square distance from the line.
        energy_at_step_0_eV: where the line crosses step 0.
        n_samples: saved energies.
        verdict: the absolute slope against its limit.
    """

    drift_eV_per_step: float
    drift_meV_per_atom_per_ps: float
    rms_fluctuation_eV: float
    energy_at_step_0_eV: float
    n_samples: int
    verdict: Check


def measure(
    step: np.ndarray,
    total_energy: np.ndarray,
    timestep_fs: float,
    n_atoms: int,
    limit_eV_per_step: float = DRIFT_LIMIT,
) -> Drift:
    """Fit a line to the total energy of an NVE run.

    A symplectic integrator such as velocity Verlet conserves a nearby Hamiltonian: the energy swings about a constant
    by O(dt²) and does not drift (Hairer, Lubich and Wanner, Acta Numerica 12, 399, 2003). A drift therefore means
    forces that are not the gradient of the energy, a time step that is too long, or rounding; the swing alone does not.

    Args:
        step: (n,) MD step of each sample, increasing; they need not be evenly spaced.
        total_energy: (n,) potential plus kinetic energy, eV.
        timestep_fs: length of one MD step, fs.
        n_atoms: atoms in the system.
        limit_eV_per_step: largest absolute drift that passes, eV per MD step.

    Returns:
        Drift, fluctuation and verdict. Where an energy is not finite or there are fewer than three samples the numbers
        are NaN and the verdict fails.

    Raises:
        ValueError: arrays of different length, or steps that do not increase.
    """
    step, total_energy = np.asarray(step, dtype=float), np.asarray(total_energy, dtype=float)
    if step.shape != total_energy.shape or step.ndim != 1:
        raise ValueError(f"Steps {step.shape} and total energies {total_energy.shape} have to be equally long")
    if not (np.diff(step) > 0).all():
        raise ValueError("The steps of the run do not increase")
    bad = np.flatnonzero(~np.isfinite(total_energy))
    if len(bad):
        return _unusable(len(step), f"the total energy is not a finite number from step {step[bad[0]]:.0f} on")
    if len(step) < 3:
        return _unusable(len(step), f"{len(step)} saved energies are too few to fit a drift")
    # A molecule's energy is some -1e6 eV: the fit keeps its digits when it sees only the change.
    change = total_energy - total_energy.mean()
    fit = linregress(step, change)
    residual = change - fit.intercept - fit.slope * step
    per_atom_ps = fit.slope / n_atoms * 1e3 / (timestep_fs * 1e-3)  # eV to meV; one step is timestep_fs / 1000 ps
    return Drift(
        drift_eV_per_step=float(fit.slope),
        drift_meV_per_atom_per_ps=float(per_atom_ps),
        rms_fluctuation_eV=float(np.sqrt(np.mean(residual**2))),
        energy_at_step_0_eV=float(fit.intercept + total_energy.mean()),
        n_samples=len(step),
        verdict=at_most(abs(float(fit.slope)), limit_eV_per_step, "drift of the total energy", "eV per step"),
    )


def _unusable(n_samples: int, reason: str) -> Drift:
    return Drift(np.nan, np.nan, np.nan, np.nan, n_samples, Check(False, reason))
