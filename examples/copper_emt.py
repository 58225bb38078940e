"""Reference frames of liquid copper with ASE's EMT potential, for examples/copper_emt.yaml.

python examples/copper_emt.py downloads/copper_emt.extxyz
"""

import sys
from pathlib import Path

import ase.io
import numpy as np
from ase import Atoms, units
from ase.build import bulk
from ase.calculators.emt import EMT
from ase.calculators.singlepoint import SinglePointCalculator
from ase.md.langevin import Langevin
from ase.md.velocitydistribution import thermalize_momenta

LATTICE_A = 3.84  # of the fcc crystal that has the density of the melt at 2000 K, 7.45 g/cm³
MELTING_K = 4000  # well above the limit of superheating of so small a cell
TEMPERATURES_K = (1600, 2000, 2400)
TRAJECTORIES = 2  # at each temperature
TIMESTEP_FS = 2.0


def trajectory(number: int, temperature_K: float, steps: int = 1000, n_frames: int = 60) -> list:
    """Melt a crystal of 32 atoms, cool it to the temperature, and keep frames, one every 50 fs, with labels.

    Args:
        number: of the trajectory; its seed.
        temperature_K: K.
        steps: of 2 fs, to melt and again to cool.
        n_frames: that are kept.
    """
    rng = np.random.default_rng(number)
    atoms = bulk("Cu", cubic=True, a=LATTICE_A) * 2
    atoms.calc = EMT()
    thermalize_momenta(atoms, temperature_K=MELTING_K, rng=rng)
    dynamics = Langevin(
        atoms, TIMESTEP_FS * units.fs, temperature_K=MELTING_K, friction=0.02 / units.fs, fixcm=False, rng=rng
    )
    dynamics.run(steps)
    dynamics.set_temperature(temperature_K=temperature_K)
    dynamics.run(steps)
    frames = []
    for step in range(n_frames):
        dynamics.run(25)
        frame = Atoms(atoms.numbers, atoms.positions, cell=atoms.cell, pbc=True)
        frame.wrap()
        labels = {"energy": atoms.get_potential_energy(), "forces": atoms.get_forces(), "stress": atoms.get_stress()}
        frame.calc = SinglePointCalculator(frame, **labels)
        frame.info = {"trajectory": number, "temperature_K": float(temperature_K), "time_fs": 50.0 * step}
        frames.append(frame)
    return frames


if __name__ == "__main__":
    path = Path(sys.argv[1])
    path.parent.mkdir(parents=True, exist_ok=True)
    temperatures = [t for t in TEMPERATURES_K for _ in range(TRAJECTORIES)]
    frames = [frame for number, t in enumerate(temperatures) for frame in trajectory(number, t)]
    partial = path.with_name(f"partial_{path.name}")
    ase.io.write(partial, frames, format="extxyz")
    partial.rename(path)
    print(f"{path}: {len(frames)} frames of 32 copper atoms")
