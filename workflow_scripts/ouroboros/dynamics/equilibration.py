"""The lead-in of a production run: until the walkers have the temperature that they are meant to have."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from ase import Atoms

from ..committee import Committee
from ..velocities import without_overall_motion
from ..walk import Walk
from .ensembles import langevin
from .limits import Limits
from .saved import SavedRun
from .walkers import run_walkers

FRICTION_PER_PS = 20.0  # energy beyond the thermostat's falls by exp(-20 t/ps): to 2 % in 0.2 ps


def equilibrate(
    starts: Sequence[Atoms],
    committee: Committee,
    *,
    temperatures_K: Sequence[float] | float,
    timestep_fs: float,
    steps: int,
    rng: np.random.Generator,
    limits: Limits | None = None,
    keep_overall_motion: bool = False,
    saved: SavedRun | None = None,
    report: bool = False,
) -> tuple[list[Atoms], dict[int, Walk]]:
    """Langevin dynamics with strong friction, after which overall motion is taken out.

    It begins without overall motion, which the noise then brings to temperature. A Langevin production run goes on
    driving it and is judged with 3N degrees of freedom: it keeps what it has, or those modes would begin cold.

    A labelled structure with Maxwell-Boltzmann velocities does not have their temperature: half of its energy is that
    of the positions, which come from a run at another temperature or from a relaxed geometry.

    Args:
        starts: one structure a walker.
        committee: drives them.
        temperatures_K: one for all, or one a walker.
        timestep_fs: time step, fs.
        steps: steps at that time step.
        rng: source of velocities and noise.
        limits: what stops a walker.
        keep_overall_motion: leave translation and rotation as they are at the end.
        saved: where the run is saved now and then.
        report: print lines of progress.

    Returns:
        The walkers that came through, with momenta and their index in `starts` as `info["start"]`; and by that index
        those that did not, without frames, whose `ended` says why.

    Raises:
        ValueError: none came through.
    """
    walks = run_walkers(
        starts,
        committee,
        temperatures_K=temperatures_K,
        timestep_fs=timestep_fs,
        steps=steps,
        stride=max(steps, 1),
        rng=rng,
        ensemble=langevin(FRICTION_PER_PS),
        limits=limits,
        saved=saved,
        report=report,
    )
    ready, lost = list[Atoms](), dict[int, Walk]()
    for number, (walk, start) in enumerate(zip(walks, starts, strict=True)):
        if not walk.survived:
            ended = f"{walk.ended} of the lead-in"
            lost[number] = replace(walk, ended=ended, last_step=0, step=[], temperature_K=[], uncertainty=[])
            continue
        atoms = start.copy()
        atoms.positions = walk.positions[-1]
        atoms.set_momenta(walk.momenta[-1])
        if not keep_overall_motion:
            atoms.set_momenta(without_overall_motion(atoms))
        atoms.info["start"] = number
        ready.append(atoms)
    if not ready:
        raise ValueError(f"no walker came through the lead-in of {steps * timestep_fs:g} fs: walker 0, {lost[0].ended}")
    return ready, lost
