"""Whether the energy error of a run is that of its integrator: its size against the time step.

Velocity Verlet conserves a Hamiltonian near the true one exactly; for an oscillator of angular frequency w it is
p²/2m + (1 - (w dt/2)²) k x²/2 (Hairer, Lubich and Wanner, Acta Numerica 12, 399, 2003). So the energy that is measured
swings by (w dt)²/4 times what the kinetic energy swings: it falls with the square of the time step, as long as the
forces are the derivative of a smooth energy.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise, takewhile

import numpy as np
import pandas as pd

from ouroboros.analysis import conservation
from ouroboros.analysis.verdict import Check
from ouroboros.analysis.walkers import read_thermo

SLOPE, TOLERANCE = 2.0, 0.3  # of log fluctuation against log time step
SMALL = 0.05  # of the swing of the kinetic energy: some 14 steps in each period, (2 pi / 14)² / 4
THERMOSTAT = "or a thermostat (simulation.ensemble: langevin), which takes away the heat that the error brings"


@dataclass(frozen=True)
class Step:
    """Energy conservation at one time step, over all walkers.

    Attributes:
        timestep_fs: fs.
        rms_fluctuation_meV: root mean square distance of the total energy from its line, meV.
        rms_fluctuation_meV_per_atom: the same an atom.
        fluctuation_over_kinetic: that distance over the standard deviation of the kinetic energy.
        drift_eV_per_step: slope of the line of the walker that drifts most.
        drift_meV_per_atom_per_ps: the same in the unit that compares time steps.
        n_walkers: those that were measured.
        n_stopped: those that did not come to the end.
    """

    timestep_fs: float
    rms_fluctuation_meV: float
    rms_fluctuation_meV_per_atom: float
    fluctuation_over_kinetic: float
    drift_eV_per_step: float
    drift_meV_per_atom_per_ps: float
    n_walkers: int
    n_stopped: int

    @property
    def sound(self) -> bool:
        """Whether all walkers came to the end and the error is a number above zero."""
        return not self.n_stopped and bool(np.isfinite(self.rms_fluctuation_meV)) and self.rms_fluctuation_meV > 0

    @property
    def drift_eV_per_fs(self) -> float:
        """Size of the drift in the time that passes, whatever the step."""
        return abs(self.drift_eV_per_step) / self.timestep_fs


def measure(thermo: pd.DataFrame, timestep_fs: float, n_atoms: int, n_walkers: int, length_fs: float) -> Step:
    """Energy conservation in the runs at one time step.

    Args:
        thermo: rows of all walkers, columns as in thermo.csv.
        timestep_fs: fs.
        n_atoms: in the system.
        n_walkers: that were started.
        length_fs: that each was to run.

    Returns:
        Means (of the squares) over the walkers that came to the end; NaN where there is none.
    """
    ended = [rows for rows in read_thermo(thermo).values() if rows["time_fs"].iloc[-1] > length_fs - 2 * _gap(rows)]
    lines = [conservation.measure(rows["step"], rows["total_energy_eV"], timestep_fs, n_atoms) for rows in ended]
    kept = [(line, rows) for line, rows in zip(lines, ended, strict=True) if np.isfinite(line.rms_fluctuation_eV)]
    if not kept:
        nan = float("nan")
        return Step(timestep_fs, nan, nan, nan, nan, nan, 0, n_walkers)
    fluctuation = float(np.sqrt(np.mean([line.rms_fluctuation_eV**2 for line, _ in kept])))
    kinetic = float(np.sqrt(np.mean([rows["kinetic_energy_eV"].var() for _, rows in kept])))
    worst = max((line for line, _ in kept), key=lambda line: abs(line.drift_eV_per_step))
    return Step(
        timestep_fs=timestep_fs,
        rms_fluctuation_meV=1e3 * fluctuation,
        rms_fluctuation_meV_per_atom=1e3 * fluctuation / n_atoms,
        fluctuation_over_kinetic=fluctuation / kinetic if kinetic > 0 else float("nan"),
        drift_eV_per_step=worst.drift_eV_per_step,
        drift_meV_per_atom_per_ps=worst.drift_meV_per_atom_per_ps,
        n_walkers=len(kept),
        n_stopped=n_walkers - len(kept),
    )


def judge(
    steps: Sequence[Step], production_fs: float, drift_limit_eV_per_step: float = conservation.DRIFT_LIMIT
) -> dict:
    """What a scan says of the potential and of the time step.

    Args:
        steps: one entry a time step, at least two.
        production_fs: the time step of the production run.
        drift_limit_eV_per_step: largest drift of a step that is recommended. It is that of the production run, so that
            a smaller step, of which there are more in the same time, may drift by less.

    Returns:
        `steps`, `slope` of log fluctuation against log time step, `slopes_between` neighbouring time steps,
        `largest_sound_timestep_fs` (up to which all steps conserve the energy; None: the smallest does not), `verdict`
        and `advice`, a list of sentences.
    """
    steps = sorted(steps, key=lambda step: step.timestep_fs)
    used = [step for step in steps if step.sound]
    size, error = (np.log([getattr(s, name) for s in used]) for name in ("timestep_fs", "rms_fluctuation_meV"))
    slope = float(np.polyfit(size, error, 1)[0]) if len(used) > 1 else float("nan")
    slopes = np.diff(error) / np.diff(size)
    limit_eV_per_fs = drift_limit_eV_per_step / production_fs

    def conserves(step: Step) -> bool:
        drifts = step.drift_eV_per_fs > limit_eV_per_fs or abs(step.drift_eV_per_step) > drift_limit_eV_per_step
        return step.sound and step.fluctuation_over_kinetic <= SMALL and not drifts

    good = list(takewhile(conserves, steps))
    of_production = _of_production(good[-1], production_fs) if good else _of_none(steps, used, slope, limit_eV_per_fs)
    return {
        "steps": [asdict(step) for step in steps],
        "slope": slope,
        "slope_expected": SLOPE,
        "slopes_between": [
            {"from_fs": a.timestep_fs, "to_fs": b.timestep_fs, "slope": float(between)}
            for (a, b), between in zip(pairwise(used), slopes, strict=True)
        ],
        "production_timestep_fs": production_fs,
        "largest_sound_timestep_fs": good[-1].timestep_fs if good else None,
        "verdict": _verdict(slope, steps, used),
        "advice": [*_of_slopes(used, slopes, slope), *_of_stopped(steps), of_production],
    }


def _verdict(slope: float, steps: Sequence[Step], used: Sequence[Step]) -> Check:
    if len(used) < 2:
        return Check(False, f"only {len(used)} of {len(steps)} time steps could be measured: walkers stopped early")
    passed = abs(slope - SLOPE) <= TOLERANCE
    verb = "as" if passed else "not as"
    return Check(
        passed,
        f"the fluctuation of the total energy goes with the time step to the power {slope:.2f}, {verb} velocity Verlet "
        f"has it ({SLOPE:g} ± {TOLERANCE:g})",
    )


def _of_slopes(used: Sequence[Step], slopes: np.ndarray, slope: float) -> list[str]:
    """What the slopes tell: a floor at small time steps, a steep rise at large ones."""
    advice = []
    if slope < SLOPE - TOLERANCE or (len(slopes) and slopes[0] < SLOPE - 2 * TOLERANCE):
        advice.append(
            f"Better forces: towards {used[0].timestep_fs:g} fs the fluctuation does not fall as the integrator's "
            f"error does. What is left, {used[0].rms_fluctuation_meV:.2g} meV, is that of forces which are not the "
            "exact derivative of a smooth energy (too few digits, a jump at the cutoff, an uneven network); a smaller "
            "step does not help."
        )
    if slope > SLOPE + TOLERANCE or (len(slopes) and slopes[-1] > SLOPE + 2 * TOLERANCE):
        advice.append(
            f"Smaller step: towards {used[-1].timestep_fs:g} fs the fluctuation rises faster than with the square, as "
            "the step comes close to the period of the fastest vibration."
        )
    return advice


def _of_stopped(steps: Sequence[Step]) -> list[str]:
    return [
        f"Smaller step or better forces: at {s.timestep_fs:g} fs {s.n_stopped} of {s.n_stopped + s.n_walkers} walkers "
        "stopped early."
        for s in steps
        if s.n_stopped
    ]


def _of_production(best: Step, production_fs: float) -> str:
    """What follows for the time step of the production run from the largest that conserves the energy."""
    figures = (
        f"a fluctuation of {best.rms_fluctuation_meV_per_atom:.2g} meV an atom, {best.fluctuation_over_kinetic:.1%} of "
        f"that of the kinetic energy, and a drift of {best.drift_meV_per_atom_per_ps:.2g} meV an atom and ps"
    )
    if production_fs > best.timestep_fs:
        return (
            f"Smaller step: simulation.timestep_fs is {production_fs:g}; {best.timestep_fs:g} fs has {figures}. Take "
            f"it, {THERMOSTAT}."
        )
    return f"Time steps up to {best.timestep_fs:g} fs conserve the energy well enough ({figures} at that step)."


def _of_none(steps: Sequence[Step], used: Sequence[Step], slope: float, limit_eV_per_fs: float) -> str:
    """What follows where the smallest time step does not conserve the energy: is it the integrator, or the forces?

    The integrator's drift falls with the time step faster than in proportion; that of the forces, for the same time,
    does not depend on it.
    """
    if len(used) < 2 or not steps[0].sound:
        return f"Smaller step or better forces: too few time steps could be measured to tell which, {THERMOSTAT}."
    first, last = used[0], used[-1]
    figures = f"at {first.timestep_fs:g} fs the drift is {first.drift_meV_per_atom_per_ps:.2g} meV an atom and ps"
    if first.drift_eV_per_fs > limit_eV_per_fs:
        if first.drift_eV_per_fs * last.timestep_fs > last.drift_eV_per_fs * first.timestep_fs:
            return (
                f"Better forces: no time step of the scan conserves the energy; {figures}, and it hardly falls with "
                f"the step. Train longer or on more data, {THERMOSTAT}."
            )
        return f"Smaller step: {figures}, above the limit, but it falls with the step, {THERMOSTAT}."
    if abs(slope - SLOPE) > TOLERANCE:
        return (
            f"Better forces: no time step of the scan conserves the energy. Train longer or on more data, {THERMOSTAT}."
        )
    enough = first.timestep_fs * np.sqrt(SMALL / first.fluctuation_over_kinetic)
    return (
        f"Smaller step: at {first.timestep_fs:g} fs the fluctuation is {first.fluctuation_over_kinetic:.0%} of that of "
        f"the kinetic energy, and it falls as it should: some {enough:.2g} fs come to {SMALL:.0%}. Add it to "
        f"analysis.timestep_scan.timesteps_fs, {THERMOSTAT}."
    )


def _gap(rows: pd.DataFrame) -> float:
    return float(np.diff(rows["time_fs"]).min()) if len(rows) > 1 else 0.0


def scan(thermos: Mapping[float, pd.DataFrame], n_atoms: int, n_walkers: int, length_fs: float) -> list[Step]:
    """`measure` of each time step."""
    return [measure(thermo, timestep, n_atoms, n_walkers, length_fs) for timestep, thermo in thermos.items()]
