"""Reference trajectories: MD of one molecule with the oracle itself, at one temperature."""

import logging
from contextlib import chdir
from tempfile import TemporaryDirectory

import numpy as np
from ase import Atoms, units
from ase.md.langevin import Langevin

from ..domain import DYNAMICS
from ..frames import Frames
from ..molecules import resolve_molecule
from ..oracles import NotConverged, Oracle
from ..seeds import generator
from ..velocities import initial_momenta
from .conformers import draw_conformer

log = logging.getLogger(__name__)


def generate_trajectory(
    molecule: str | Atoms,
    oracle: Oracle,
    temperature_K: float,
    seed: int,
    timestep_fs: float = 0.5,
    equilibration_ps: float = 1.0,
    length_ps: float = 10.0,
    stride_fs: float = 10.0,
    friction_per_ps: float = 10.0,
    trajectory: int = 0,
) -> Frames:
    """Langevin MD from a geometry drawn for this seed; every kept frame labelled by the oracle.

    The thermostat acts on all 3N degrees of freedom (`fixcm=False`): ASE's `fixcm=True` is deprecated because it
    does not sample the canonical ensemble, visibly so for small molecules (ASE issues 1285 and 1871). So the
    molecule drifts and turns as it should; isolated frames are stored about their centre of mass.

    Each kept frame is labelled afresh by `oracle.label`, not with the forces that drove the MD: codes that restart
    from the previous step's density give forces that depend on the path (1e-4 eV/Å with xTB), and `label` tells
    whether the SCF converged.

    Args:
        molecule: see `molecules.resolve_molecule`, or the structure itself.
        oracle: drives the MD and labels.
        temperature_K: K.
        seed: of this trajectory alone; start, velocities and thermostat follow from it.
        timestep_fs: fs.
        equilibration_ps: run before the first frame, ps.
        length_ps: length of the stored part, ps; `length_ps / stride_fs` frames.
        stride_fs: time between frames, a multiple of `timestep_fs`.
        friction_per_ps: Langevin friction, 1/ps.
        trajectory: number for the column `trajectory`.

    Returns:
        Frames with energy (eV), forces (eV/Å) and the columns `temperature_K`, `trajectory`, `time_fs` (float, 0 at
        the end of the equilibration) and `made`. If the oracle fails on the way, the frames up to there, with a
        warning.

    Raises:
        ValueError: impossible settings, an unknown molecule, or an oracle that cannot label its start.
        RuntimeError: no frame could be had.
    """
    stride, n_frames = _steps(timestep_fs, stride_fs, length_ps)
    start = resolve_molecule(molecule) if isinstance(molecule, str) else molecule
    first = oracle.label(start)
    if not first.converged:
        raise (NotConverged if first.reusable else ValueError)(
            f"the oracle {oracle.level_of_theory} cannot label {start.get_chemical_formula()}: {first.message}"
        )
    positions, energies, forces, stress, problem = [], [], [], [], ""
    equilibration = round(1000 * equilibration_ps / timestep_fs)
    with TemporaryDirectory() as folder, chdir(folder):  # codes that write files: trajectories run side by side
        dynamics = _dynamics(start, oracle, temperature_K, seed, timestep_fs, friction_per_ps)
        atoms = dynamics.atoms
        for frame in range(n_frames):
            try:
                dynamics.run(stride if frame else equilibration)
            except Exception as error:  # the calculator failed in the MD: what was paid for until then is kept
                problem = str(error) or type(error).__name__
                break
            snapshot = Atoms(atoms.numbers, atoms.positions, cell=atoms.cell, pbc=atoms.pbc)
            if not atoms.pbc.any():
                snapshot.positions -= snapshot.get_center_of_mass()
            label = oracle.label(snapshot)
            if not (label.converged and np.isfinite(label.energy) and np.isfinite(label.forces).all()):
                problem = label.message or "energy or forces are not finite"
                break
            positions.append(snapshot.positions)
            energies.append(label.energy)
            forces.append(label.forces)
            stress.append(np.full((3, 3), np.nan) if label.stress is None else label.stress)
    if not energies:
        raise RuntimeError(
            f"MD of {start.get_chemical_formula()} at {temperature_K:g} K gave no frame ({problem}): "
            "lower the temperature or the timestep"
        )
    if problem:
        log.warning(
            "trajectory %d at %g K ends after %d of %d frames: %s",
            trajectory, temperature_K, len(energies), n_frames, problem,
        )  # fmt: skip
    n = len(energies)
    return Frames(
        numbers=np.tile(atoms.numbers, n).astype(np.int64),
        positions=np.concatenate(positions),
        n_atoms=np.full(n, len(atoms), dtype=np.int64),
        energy=np.array(energies),
        forces=np.concatenate(forces),
        cell=np.tile(atoms.cell.array, (n, 1, 1)),
        pbc=np.tile(atoms.pbc, (n, 1)),
        stress=np.array(stress),
    ).with_columns(
        temperature_K=float(temperature_K), trajectory=int(trajectory), time_fs=stride_fs * np.arange(n), made=DYNAMICS
    )


def _dynamics(
    start: Atoms, oracle: Oracle, temperature_K: float, seed: int, timestep_fs: float, friction_per_ps: float
) -> Langevin:
    """Langevin dynamics from a geometry drawn for this seed."""
    atoms = draw_conformer(start, oracle, generator(seed, "start"))
    atoms.calc = oracle.calculator()
    atoms.set_momenta(initial_momenta(atoms, temperature_K, generator(seed, "velocities")))
    return Langevin(
        atoms,
        timestep_fs * units.fs,
        temperature_K=temperature_K,
        friction=friction_per_ps / (1000 * units.fs),
        fixcm=False,
        rng=generator(seed, "thermostat"),
    )


def _steps(timestep_fs: float, stride_fs: float, length_ps: float) -> tuple[int, int]:
    stride, n_frames = round(stride_fs / timestep_fs), round(1000 * length_ps / stride_fs)
    if stride < 1 or abs(stride * timestep_fs - stride_fs) > 1e-9:
        raise ValueError(f"stride_fs is {stride_fs:g}, but it has to be a multiple of timestep_fs ({timestep_fs:g})")
    if n_frames < 1:
        raise ValueError(f"length_ps is {length_ps:g}, shorter than one stride of {stride_fs:g} fs: make it longer")
    return stride, n_frames
