"""Molecular dynamics of many walkers at once, each one watched at every step and stopped alone."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch_sim as ts
from ase import Atoms, units
from torch_sim.integrators import nve_init, nve_step, nvt_langevin_init, nvt_langevin_step

from .committee import Committee
from .frames import SPIN_STATE
from .torchsim_model import CommitteeModel
from .velocities import degrees_of_freedom, initial_momenta
from .walk import Walk


@dataclass(frozen=True)
class Limits:
    """What stops a walker.

    Attributes:
        hard_limit: calibrated force uncertainty, eV/Å.
        calibration: factor from the committee's spread to the calibrated uncertainty.
        closest_contact: share of the summed covalent radii that two atoms may not undercut.
        max_temperature_factor: kinetic temperature over the walker's own.
    """

    hard_limit: float = float("inf")
    calibration: float = 1.0
    closest_contact: float = 0.0
    max_temperature_factor: float = float("inf")


def run_walkers(
    starts: Sequence[Atoms],
    committee: Committee,
    *,
    temperatures_K: Sequence[float],
    timestep_fs: float,
    steps: int,
    stride: int,
    rng: np.random.Generator,
    friction_per_ps: float | None = None,
    limits: Limits | None = None,
    report_every: int = 0,
) -> list[Walk]:
    """Move all walkers together: Langevin dynamics (BAOAB), or constant energy (velocity Verlet) without friction.

    A walker that trips a limit leaves the batch with the frames it had; the others go on.

    Args:
        starts: one structure a walker.
        committee: gives forces (the mean) and uncertainty (the spread).
        temperatures_K: one a walker: of the thermostat, or of the initial velocities where there is none.
        timestep_fs: time step, fs.
        steps: steps of each walker.
        stride: steps between kept frames; step 0 is kept.
        rng: source of the velocities and of the thermostat's noise.
        friction_per_ps: Langevin friction, 1/ps; None integrates at constant energy.
        limits: what stops a walker; None watches for NaN alone.
        report_every: steps between lines of progress; 0 prints none.

    Returns:
        One `Walk` a walker, in the order of `starts`.
    """
    limits, thermostatted = limits or Limits(), friction_per_ps is not None
    model = CommitteeModel(committee)
    walks = [
        Walk(
            a.numbers,
            a.cell.array,
            a.pbc,
            float(t),
            3 * len(a) if thermostatted else degrees_of_freedom(a),
            committee.energy_offset(a.numbers),
            spin_state={name: int(a.info[name]) for name in SPIN_STATE if name in a.info},
        )
        for a, t in zip(starts, temperatures_K, strict=True)
    ]
    state = ts.initialize_state(list(starts), model.device, model.dtype)
    momenta = [initial_momenta(a, t, rng) for a, t in zip(starts, temperatures_K, strict=True)]
    state.momenta = torch.tensor(np.concatenate(momenta), device=model.device)
    state.rng = int(rng.integers(2**31))
    kT = torch.tensor(np.asarray(temperatures_K) * units.kB, device=model.device)
    dt, gamma = timestep_fs * units.fs, (friction_per_ps or 0.0) / (1000 * units.fs)
    state = nvt_langevin_init(state, model, kT=kT) if thermostatted else nve_init(state, model, kT=kT)
    alive = list(range(len(walks)))
    for step in range(steps + 1):
        if step > 0 and thermostatted:
            state = nvt_langevin_step(state, model, dt=dt, kT=kT[alive], gamma=gamma)
        elif step > 0:
            state = nve_step(state, model, dt=dt)
        watched = _watch(state, [walks[w] for w in alive], limits)
        for w, reason in zip(alive, watched.reasons, strict=True):
            if reason is None:
                walks[w].last_step = step
            else:
                walks[w].ended = f"{reason} at step {step}"
        if step % stride == 0:
            _keep(state, watched, [walks[w] for w in alive], step)
        good = [i for i, reason in enumerate(watched.reasons) if reason is None]
        if len(good) < len(alive):
            if not good:
                break
            rng_state, alive = state.rng, [alive[i] for i in good]
            state = state[good]
            state.rng = rng_state
        if report_every and step % report_every == 0:
            print(f"step {step}/{steps}: {len(alive)} of {len(walks)} walkers going", flush=True)
    return walks


@dataclass(frozen=True)
class _Watched:
    """The living walkers at one step, each array one entry a walker."""

    potential: np.ndarray
    kinetic: np.ndarray
    temperature: np.ndarray
    uncertainty: np.ndarray
    reasons: list[str | None]


def _watch(state: ts.integrators.MDState, walks: list[Walk], limits: Limits) -> _Watched:
    """Measure the living walkers and find those that have to stop; NaN fails every comparison on purpose."""
    masses, momenta, system = state.masses, state.momenta, state.system_idx
    kinetic = ts.calc_kinetic_energy(masses=masses, momenta=momenta, system_idx=system).cpu().numpy()
    temperature = 2 * kinetic / (units.kB * np.array([walk.degrees_of_freedom for walk in walks]))
    potential = state.energy.cpu().numpy()
    uncertainty = state.max_force_std.cpu().numpy() * limits.calibration
    closest = state.closest_contact.cpu().numpy()
    norms = state.forces.norm(dim=1)
    largest = norms.new_zeros(len(walks)).scatter_reduce(0, system, norms, "amax").cpu().numpy()
    reasons: list[str | None] = []
    for i, walk in enumerate(walks):
        if not np.isfinite([potential[i], kinetic[i], uncertainty[i], largest[i]]).all():
            reasons.append("NaN in energy, velocity or uncertainty")
        elif closest[i] < limits.closest_contact:
            reasons.append(f"two atoms at {closest[i]:.2f} of their covalent distance")
        elif uncertainty[i] > limits.hard_limit:
            reasons.append(f"uncertainty {uncertainty[i]:.2f} eV/Å")
        elif temperature[i] > limits.max_temperature_factor * walk.target_K:
            reasons.append(f"temperature {temperature[i]:.0f} K")
        else:
            reasons.append(None)
    return _Watched(potential, kinetic, temperature, uncertainty, reasons)


def _keep(state: ts.integrators.MDState, watched: _Watched, walks: list[Walk], step: int) -> None:
    """Append the frame of this step to every walker that is still good."""
    ends = torch.cumsum(state.n_atoms_per_system, 0).tolist()
    positions, momenta = state.positions.cpu().numpy(), state.momenta.cpu().numpy()
    forces = state.forces.cpu()
    for i, (walk, end) in enumerate(zip(walks, ends, strict=True)):
        if watched.reasons[i] is not None:
            continue
        atoms = slice(end - len(walk.numbers), end)
        walk.step.append(step)
        walk.potential_eV.append(float(watched.potential[i]) + walk.energy_offset_eV)
        walk.kinetic_eV.append(float(watched.kinetic[i]))
        walk.temperature_K.append(float(watched.temperature[i]))
        walk.uncertainty.append(float(watched.uncertainty[i]))
        walk.max_force.append(float(forces[atoms].norm(dim=1).max()))
        walk.positions.append(positions[atoms].copy())
        walk.momenta.append(momenta[atoms].copy())
