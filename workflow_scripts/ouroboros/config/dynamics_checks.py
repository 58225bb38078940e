"""Combinations of keys of molecular dynamics that cannot work together."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .dynamics import Dynamics
    from .sections import Experiment

SCAN_STEPS = 20  # at least, for a line through the total energy and the scatter about it
MOLECULES = ("generate", "download")  # sources of isolated molecules alone


def dynamics_problems(experiment: "Experiment") -> Iterator[str]:
    """One sentence for each combination that cannot be run."""
    yield from _walkers("simulation", experiment.simulation, experiment)
    yield from _simulation(experiment)
    yield from _timestep_scan(experiment)
    if experiment.oracle.kind == "pool":
        return  # nothing explores
    yield from _walkers("exploration", experiment.exploration, experiment)
    yield from _exploration(experiment)
    yield from _temperature_and_bias(experiment)


def whole_strides(name: str, timestep_fs: float, stride_fs: float, length_ps: float) -> Iterator[str]:
    """Frames are kept at whole time steps, and at least one of them."""
    steps = stride_fs / timestep_fs
    if steps < 1 or abs(steps - round(steps)) > 1e-6:
        yield (
            f"Config key '{name}.stride_fs' is {stride_fs:g}; it has to be a whole number of time steps "
            f"of {timestep_fs:g} fs ({name}.timestep_fs)."
        )
    if length_ps * 1000 < stride_fs:
        yield (
            f"Config key '{name}.length_ps' is {length_ps:g}, shorter than {name}.stride_fs "
            f"({stride_fs:g} fs), so that no frame would be kept."
        )


def _walkers(name: str, section: "Dynamics", experiment: "Experiment") -> Iterator[str]:
    if section.ensemble == "npt" and experiment.reference.source in MOLECULES:
        yield (
            f"Config key '{name}.ensemble' is npt, but the reference data are isolated molecules "
            f"(reference.source is {experiment.reference.source}), which have no cell; use langevin or v_rescale."
        )
    if (
        section.ensemble in ("nose_hoover", "v_rescale", "npt")
        and section.thermostat_time_fs < 10 * section.timestep_fs
    ):
        yield (
            f"Config key '{name}.thermostat_time_fs' is {section.thermostat_time_fs:g}; it has to be at least ten time "
            f"steps of {section.timestep_fs:g} fs ({name}.timestep_fs)."
        )


def _exploration(experiment: "Experiment") -> Iterator[str]:
    exploration, wanted = experiment.exploration, experiment.selection.per_round
    yield from whole_strides("exploration", exploration.timestep_fs, exploration.stride_fs, exploration.length_ps)
    frames = exploration.walkers * int(exploration.length_ps * 1000 / exploration.stride_fs + 1e-6)
    if wanted > frames:
        yield (
            f"Config key 'selection.per_round' is {wanted}, but exploration keeps {frames} frames a round "
            "(walkers × length / stride); lower it, or explore longer."
        )
    steps = round(exploration.length_ps * 1000 / exploration.timestep_fs)
    if exploration.grace_steps >= steps:
        yield (
            f"Config key 'exploration.grace_steps' is {exploration.grace_steps}, but a walker makes {steps} steps "
            "(exploration.length_ps / timestep_fs), so that none would ever be stopped by its uncertainty; lower it."
        )
    if len(exploration.temperatures_K) > exploration.walkers:
        yield (
            f"Config key 'exploration.temperatures_K' holds {len(exploration.temperatures_K)} temperatures for "
            f"{exploration.walkers} walkers (exploration.walkers), so that some would not be used."
        )
    selection = experiment.selection
    if selection.low_eV_per_A >= exploration.hard_limit_eV_per_A:
        yield (
            f"Config key 'selection.low_eV_per_A' is {selection.low_eV_per_A:g}; it has to be below "
            f"exploration.hard_limit_eV_per_A ({exploration.hard_limit_eV_per_A:g})."
        )


def _temperature_and_bias(experiment: "Experiment") -> Iterator[str]:
    exploration = experiment.exploration
    if exploration.ensemble == "nve" and exploration.ramp_to_K is not None:
        yield (
            f"Config key 'exploration.ramp_to_K' is {exploration.ramp_to_K:g}, but exploration.ensemble nve has no "
            "thermostat to follow it; use langevin, nose_hoover or v_rescale."
        )
    if exploration.bias and exploration.ensemble in ("nve", "npt"):
        yield (
            f"Config key 'exploration.bias' is {exploration.bias:g}, which goes with a thermostat at constant volume; "
            f"exploration.ensemble is {exploration.ensemble}: use langevin, nose_hoover or v_rescale."
        )
    if exploration.bias and experiment.committee.size < 2:
        yield (
            f"Config key 'exploration.bias' is {exploration.bias:g}, but a committee of one (committee.size) has no "
            "uncertainty to be drawn to; set committee.size to 2 or more, or the bias to 0."
        )


def _timestep_scan(experiment: "Experiment") -> Iterator[str]:
    scan = experiment.analysis.timestep_scan
    repeated = sorted({step for step in scan.timesteps_fs if scan.timesteps_fs.count(step) > 1})
    if repeated:
        yield (
            f"Config key 'analysis.timestep_scan.timesteps_fs' holds {', '.join(f'{step:g}' for step in repeated)} "
            "more than once; give each time step once."
        )
    longest = max(scan.timesteps_fs)
    if scan.length_ps * 1000 < SCAN_STEPS * longest:
        yield (
            f"Config key 'analysis.timestep_scan.length_ps' is {scan.length_ps:g}, fewer than {SCAN_STEPS} of the "
            f"longest time step ({longest:g} fs in analysis.timestep_scan.timesteps_fs); make it at least "
            f"{SCAN_STEPS * longest / 1000:g}, or leave that step out."
        )


def _simulation(experiment: "Experiment") -> Iterator[str]:
    simulation = experiment.simulation
    if simulation.steps < 20 * simulation.stride:
        yield (
            f"Config key 'simulation.steps' is {simulation.steps}, which keeps fewer than 20 frames at "
            f"simulation.stride {simulation.stride}; the analysis needs at least 20."
        )
    if simulation.velocities_every_fs < simulation.timestep_fs:
        yield (
            f"Config key 'simulation.velocities_every_fs' is {simulation.velocities_every_fs:g}, shorter than the time "
            f"step of {simulation.timestep_fs:g} fs (simulation.timestep_fs)."
        )
