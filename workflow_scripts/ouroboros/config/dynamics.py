"""The config's sections on molecular dynamics: exploration and the production run."""

from typing import Literal

from .section import Section, Temperature, key

EnsembleName = Literal["nve", "langevin", "nose_hoover", "v_rescale", "npt"]


class Dynamics(Section):
    """What exploration and the production run have in common."""

    walkers: int = key(16, "independent walkers, run as one batch", ge=1, le=10000)
    ensemble: EnsembleName = key(
        "langevin",
        "nve (constant energy), langevin, nose_hoover, v_rescale (constant temperature) or npt (constant pressure too; "
        "periodic cells)",
    )
    timestep_fs: float = key(0.5, "time step", "fs", gt=0, le=5)
    friction_per_ps: float = key(10.0, "friction of langevin", "1/ps", gt=0, le=1000)
    thermostat_time_fs: float = key(
        100.0, "relaxation time of the thermostats of nose_hoover, v_rescale and npt", "fs", gt=0, le=100000
    )
    pressure_GPa: float = key(0.0, "pressure of npt; an atmosphere is 0.0001", "GPa", ge=-1000, le=1000)
    barostat_time_fs: float = key(1000.0, "relaxation time of the cell in npt", "fs", gt=0, le=1000000)
    compressibility_per_GPa: float = key(
        0.01, "estimate by which npt scales the cell: water 0.45, copper 0.007; it changes the speed alone", "1/GPa",
        gt=0, le=100,
    )  # fmt: skip
    closest_contact: float = key(
        0.5, "a walker stops when two atoms come closer than this share of their summed covalent radii", gt=0, lt=1
    )
    max_temperature_factor: float = key(
        6.0,
        "a walker stops when its kinetic temperature passes this many times the one it should have; a small molecule, "
        "when it passes what chance brings once in 1e9 times (15 for water)",
        gt=1,
        le=1000,
    )
    max_energy_jump_eV: float = key(
        0.2, "a walker stops when a step brings more energy than the forces account for", "eV", gt=0, le=1000
    )
    stop_at_bond_change: bool = key(
        True, "a walker stops when a bond breaks or forms; false for reactions. walkers.csv tells of it anyway"
    )


class Exploration(Dynamics):
    """Dynamics with the committee that looks for structures it does not know: many walkers, with a thermostat."""

    temperatures_K: list[Temperature] = key(
        [600.0], "temperatures, dealt out to the walkers in turn", "K", min_length=1, max_length=100
    )
    ramp_to_K: Temperature | None = key(
        None, "temperature that all thermostats reach at the end, each linearly from its walker's; null: constant", "K"
    )
    length_ps: float = key(0.5, "length of each walker", "ps", gt=0, le=100000)
    stride_fs: float = key(10.0, "time between kept frames", "fs", gt=0, le=10000)
    hard_limit_eV_per_A: float = key(
        2.0, "a walker stops when its calibrated force uncertainty passes this", "eV/Å", gt=0, le=1000
    )
    grace_steps: int = key(0, "steps at a walker's start in which its uncertainty may pass the limit", ge=0)
    replace: int = key(
        16,
        "fresh walkers at most that take the place of stopped ones, each for the steps left",
        ge=0,
        le=10000,
    )
    bias: float = key(
        0.0,
        "length of a bias along the gradient of the energy's uncertainty over that of the mean force (hyperactive "
        "learning; 0.05 to 0.25 is usual); 0: none. It climbs the spread of the energies to its next maximum; that of "
        "the forces may fall",
        ge=0,
        le=10,
    )


class Simulation(Dynamics):
    """The production run that is analysed, with forces of the committee's mean; by default at constant energy."""

    walkers: int = key(
        8, "independent runs, as one batch; their mean temperature scatters by T/sqrt(3N walkers)", ge=1, le=10000
    )
    ensemble: EnsembleName = key(
        "nve",
        "nve (constant energy), langevin, nose_hoover, v_rescale (constant temperature) or npt (constant pressure too; "
        "periodic cells)",
    )
    stop_at_bond_change: bool = key(
        False, "a walker stops when a bond breaks or forms; the analysis tells of it anyway"
    )
    temperature_K: Temperature = key(300.0, "temperature of the initial velocities and of a thermostat", "K")
    equilibration_ps: float = key(
        0.2,
        "strongly thermostatted lead-in, not kept: a labelled structure does not have the temperature of the "
        "velocities that it is given",
        "ps",
        ge=0,
        le=10000,
    )
    steps: int = key(10000, "steps", ge=10)
    stride: int = key(10, "steps between kept frames", ge=1)
    velocities_every_fs: float = key(
        2.0, "time between kept velocities, rounded down to whole steps; half its inverse bounds the spectrum", "fs",
        gt=0, le=100,
    )  # fmt: skip
