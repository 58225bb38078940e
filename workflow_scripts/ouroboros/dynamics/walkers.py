"""Many walkers in one batch: each one is watched at every step, stopped alone, and replaced where there are spares."""

from collections.abc import Sequence

import numpy as np
from ase import Atoms

from ..committee import Committee
from ..torchsim_model import CommitteeModel
from ..walk import Walk
from .bias import BiasedModel
from .ensembles import NVE, Ensemble
from .limits import Limits
from .progress import Progress
from .saved import SavedRun
from .walker_batch import WalkerBatch
from .watching import Watch


def run_walkers(
    starts: Sequence[Atoms],
    committee: Committee,
    *,
    temperatures_K: Sequence[float] | float,
    timestep_fs: float,
    steps: int,
    stride: int,
    rng: np.random.Generator,
    ensemble: Ensemble = NVE,
    ramp_to_K: float | None = None,
    limits: Limits | None = None,
    spares: Sequence[Atoms] = (),
    momenta: Sequence[np.ndarray] | None = None,
    bias: float = 0.0,
    velocity_stride: int = 0,
    saved: SavedRun | None = None,
    report: bool = False,
) -> list[Walk]:
    """Move all walkers together.

    A walker that trips a limit leaves the batch with the frames it had; the others go on. While there are spares a
    fresh walker takes its place for the steps that are left, so that walkers times steps is never passed.

    Args:
        starts: one structure a walker.
        committee: gives forces (the mean) and uncertainty (the spread).
        temperatures_K: one for all or one a walker: of the thermostat, or of the initial velocities without one.
        timestep_fs: time step, fs.
        steps: steps of each walker.
        stride: steps between kept frames; step 0 is kept.
        rng: source of the velocities and of the thermostat's noise.
        ensemble: what is held constant; by default the energy (velocity Verlet).
        ramp_to_K: temperature that the thermostats reach at the end, each linearly from its walker's.
        limits: what stops a walker; None watches for values that are not finite alone.
        spares: structures that fresh walkers start from, in this order.
        momenta: (n_atoms, 3) a walker, ASE's units, in place of random ones.
        bias: strength of the bias towards uncertain structures (`bias.BiasedModel`); 0 is none.
        velocity_stride: steps between kept velocities; 0 keeps none but the frames' momenta.
        saved: where the run is saved now and then; what it holds is taken up.
        report: print lines of progress.

    Returns:
        One `Walk` a walker, in the order of `starts`; then those that took the place of others.

    Raises:
        ValueError: the structures do not fit the ensemble (`Ensemble.check`), there is no thermostat to follow the
            ramp, the bias meets an ensemble other than constant temperature and volume, temperatures or momenta are not
            one a walker, a stride is too small, or the committee was not trained on an element.
    """
    for atoms in [*starts, *spares]:
        committee.refuse_unknown(atoms.numbers)
    temperatures = _of_each(temperatures_K, len(starts))
    if stride < 1 or velocity_stride < 0 or steps < 0:
        raise ValueError(
            f"stride is {stride}, velocity_stride {velocity_stride} and steps {steps}; frames are kept every 1 step or "
            "more, velocities too or never (0), and no fewer than 0 steps are made"
        )
    if momenta is not None and [np.shape(each) for each in momenta] != [(len(atoms), 3) for atoms in starts]:
        raise ValueError(f"momenta have to be one (n_atoms, 3) array for each of the {len(starts)} walkers")
    ensemble.check([*starts, *spares], committee.stress)
    if ramp_to_K is not None and ensemble.name == "nve":
        raise ValueError("ensemble nve has no thermostat to follow a ramp; use langevin, nose_hoover or v_rescale")
    if bias and ensemble.name in ("nve", "npt"):
        raise ValueError(
            "the bias goes with a thermostat at constant volume: it is work that nve would keep as heat, and npt's "
            f"stress leaves it out; ensemble is {ensemble.name}: use langevin, nose_hoover or v_rescale"
        )
    unbiased = CommitteeModel(committee)
    model = BiasedModel(unbiased, bias, timestep_fs) if bias else unbiased
    run = WalkerBatch(
        model, unbiased, ensemble, Watch(limits or Limits()), [*starts, *spares],
        temperatures, ramp_to_K, timestep_fs, steps, stride, velocity_stride, rng,
    )  # fmt: skip
    kept = saved.read() if saved else None
    if kept:
        run.restore(kept)
        print(f"going on from step {run.step}", flush=True)
    else:
        run.begin(momenta)
    progress = Progress(steps, run.step, run.walker_steps)
    while run.step < steps and run.alive:
        run.advance()
        if report:
            progress.tell(run.step, len(run.alive), len(run.walks), run.walker_steps)
        if saved and saved.due and run.alive:
            saved.write(run.dump())
    return run.walks


def _of_each(temperatures_K: Sequence[float] | float, walkers: int) -> np.ndarray:
    """(walkers,) K."""
    given = np.asarray(temperatures_K, float)
    if given.shape not in ((), (walkers,)):
        raise ValueError(
            f"temperatures_K has shape {given.shape}; give one for all, or one for each of {walkers} walkers"
        )
    if not (given >= 0).all():
        raise ValueError(f"temperatures_K holds {given.min():g}; no temperature is below zero")
    return np.broadcast_to(given, walkers)
