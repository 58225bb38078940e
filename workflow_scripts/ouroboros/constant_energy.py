"""Dynamics at constant energy with any ASE calculator, one walker at a time: the oracle's side of a comparison."""

import time
from collections.abc import Iterator, Sequence
from typing import Any

from ase import Atoms, units
from ase.calculators.calculator import BaseCalculator
from ase.calculators.singlepoint import SinglePointCalculator
from ase.md.verlet import VelocityVerlet

from .frames import SPIN_STATE


def trajectory(
    start: Atoms, calculator: BaseCalculator, timestep_fs: float, steps: int, stride: int, walker: int = 0
) -> Iterator[Atoms]:
    """Velocity Verlet from the positions and momenta of `start`.

    Args:
        start: structure with momenta; the calculator has to know of its charge and multiplicity, if it has its own.
        calculator: drives the dynamics.
        timestep_fs: fs.
        steps: MD steps.
        stride: steps between frames; step 0 is one.
        walker: number for `info`.

    Yields:
        Frames with momenta, energy, and in `info` `walker`, `step`, and the spin state that `start` has.
    """
    atoms = Atoms(start.numbers, start.positions, cell=start.cell, pbc=start.pbc, momenta=start.get_momenta())
    atoms.calc = calculator
    dynamics = VelocityVerlet(atoms, timestep_fs * units.fs)
    spin_state = {name: start.info[name] for name in SPIN_STATE if name in start.info}
    for step in range(0, steps + 1, stride):
        if step:
            dynamics.run(stride)
        frame = Atoms(atoms.numbers, atoms.positions, cell=atoms.cell, pbc=atoms.pbc, momenta=atoms.get_momenta())
        frame.info = {"walker": walker, "step": step, **spin_state}
        frame.calc = SinglePointCalculator(frame, energy=atoms.get_potential_energy())
        yield frame


def estimate(
    starts: Sequence[Atoms], calculator: BaseCalculator, timestep_fs: float, steps: int, hours: float
) -> dict[str, Any]:
    """What `trajectory` will take for all of `starts`, measured on the first steps of the first.

    Args:
        starts: structures with momenta, one at least.
        calculator: of the first.
        timestep_fs: fs.
        steps: of each.
        hours: that all may take together.

    Returns:
        `seconds_per_step`, `estimate_hours` and, where that is too long, `reason`, a sentence.
    """
    pace = seconds_a_step(starts[0], calculator, timestep_fs)
    needed = pace * steps * len(starts) / 3600
    found = {"seconds_per_step": pace, "estimate_hours": needed}
    if needed <= hours:
        return found
    reason = (
        f"The oracle takes {pace:.2g} s a step, {needed:.2g} h for {len(starts)} walkers of {steps} steps, more than "
        f"analysis.vibrations.oracle_hours ({hours:g})."
    )
    return found | {"reason": reason}


def seconds_a_step(start: Atoms, calculator: BaseCalculator, timestep_fs: float, steps: int = 5) -> float:
    """Wall time of an MD step, from the first few after one that warms up."""
    frames = trajectory(start, calculator, timestep_fs, steps, 1)
    next(frames)
    began = time.perf_counter()
    for _ in frames:
        pass
    return (time.perf_counter() - began) / steps
