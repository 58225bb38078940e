"""The config's sections on molecular dynamics: exploration and the production run."""

from .section import Section, Temperature, key


class Exploration(Section):
    """Dynamics with the committee that looks for structures it does not know: many walkers, Langevin thermostat."""

    walkers: int = key(16, "independent walkers, run as one batch", ge=1, le=10000)
    temperatures_K: list[Temperature] = key(
        [600.0], "temperatures, dealt out to the walkers in turn", "K", min_length=1, max_length=100
    )
    timestep_fs: float = key(0.5, "time step", "fs", gt=0, le=5)
    length_ps: float = key(0.5, "length of each walker", "ps", gt=0, le=100000)
    stride_fs: float = key(10.0, "time between kept frames", "fs", gt=0, le=10000)
    friction_per_ps: float = key(10.0, "Langevin friction", "1/ps", gt=0, le=1000)
    hard_limit_eV_per_A: float = key(
        2.0, "a walker stops when its calibrated force uncertainty passes this", "eV/Å", gt=0, le=1000
    )
    closest_contact: float = key(
        0.5, "a walker stops when two atoms come closer than this share of their summed covalent radii", gt=0, lt=1
    )
    max_temperature_factor: float = key(
        6.0, "a walker stops when its kinetic temperature passes this many times its thermostat's", gt=1, le=1000
    )


class Simulation(Section):
    """The production run that is analysed: constant energy, velocity Verlet, forces of the committee's mean."""

    walkers: int = key(
        8, "independent runs, as one batch; their mean temperature scatters by T/sqrt(3N walkers)", ge=1, le=10000
    )
    temperature_K: Temperature = key(300.0, "temperature of the initial velocities", "K")
    timestep_fs: float = key(0.5, "time step", "fs", gt=0, le=5)
    steps: int = key(10000, "steps", ge=10)
    stride: int = key(10, "steps between kept frames", ge=1)
