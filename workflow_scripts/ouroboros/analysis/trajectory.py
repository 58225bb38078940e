"""All that is asked of a finished MD run, in one dictionary."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from ase import Atoms

from ouroboros.analysis import sections
from ouroboros.analysis.completion import Planned, judge
from ouroboros.analysis.conservation import DRIFT_LIMIT
from ouroboros.analysis.freedom import degrees_of_freedom
from ouroboros.analysis.plain import plain
from ouroboros.analysis.systems import of_one_system
from ouroboros.analysis.temperature import Name, statistics
from ouroboros.analysis.velocities import of_file, of_frames
from ouroboros.analysis.walkers import Thermo, read_thermo, read_walkers, timestep_fs
from ouroboros.frames import Frames

SECTIONS = (
    "system",
    "completion",
    "conservation",
    "temperature",
    "pressure",
    "bonds",
    "distances",
    "spectrum",
    "diffusion",
)


def analyse(
    trajectory: str | Path | Sequence[Atoms],
    thermo: Thermo,
    reference: Frames | None,
    *,
    velocities: str | Path | None = None,
    planned: Planned | None = None,
    ended: Mapping[int, str] | None = None,
    ensemble: Name = "nve",
    friction_per_ps: float | None = None,
    target_temperature_K: float | None = None,
    target_pressure_GPa: float = 0.0,
    drift_limit_eV_per_step: float = DRIFT_LIMIT,
    curve_distance_limit: float = 0.2,
    peak_shift_limit_A: float = 0.05,
    range_A: float = 6.0,
    bin_width_A: float = 0.02,
    max_frames: int = 1000,
) -> dict:
    """Analyse one run by one or several walkers, of one system (of several, that of most walkers is analysed).

    A run that failed is analysed as far as it came: its verdicts fail, with the reason.

    Args:
        trajectory: ASE .traj or its frames with positions and momenta, walkers one after another; `info` has `walker`
            and `step`.
        thermo: thermo.csv or its columns (`walkers.THERMO_COLUMNS`).
        reference: frames to compare distances with, of which those of the same system are used, and of these, where
            they have a column `temperature_K`, those nearest to the target (`systems.near_temperature`); None: no
            comparison.
        velocities: velocities.h5, velocities for the spectrum more often than frames; None: those of the frames.
        planned: what the run was meant to be; None: whether walkers stopped early is told by the longest.
        ended: why walkers were stopped, by number (`completion.reasons_to_stop`); None: nothing is known of it.
        ensemble: its name in the config, or "nvt"; energy conservation is judged in nve only.
        friction_per_ps: of langevin, 1/ps.
        target_temperature_K: temperature of the thermostat or at which the walkers began; None: the mean is not judged.
        target_pressure_GPa: of the barostat, in npt.
        drift_limit_eV_per_step: largest drift of the total energy, eV per MD step, of the worst walker.
        curve_distance_limit: largest distance between the curves over all pairs, 0 to 1, beyond sampling noise.
        peak_shift_limit_A: largest shift of the first peak of any kind of pair, Å.
        range_A: range of g(r) of periodic cells, Å; molecules are covered whole.
        bin_width_A: bin width of the distance curves, Å.
        max_frames: frames used for the distance curves, taken evenly from each set.

    Returns:
        Plain numbers, strings, lists and dictionaries, with None for a number that is not finite: the SECTIONS, and
        `verdicts`: name to `passed` and `reason`. What cannot be given is left out and the section holds a `reason`; a
        check that does not apply to the run has no verdict.

    Raises:
        ValueError: the files do not fit together; the message says how.
    """
    everyone, tables = read_walkers(trajectory), read_thermo(thermo)
    whole, completed = judge({name: int(rows["step"].iloc[-1]) for name, rows in tables.items()}, planned, ended)
    walkers = of_one_system(everyone)
    names = [walker.name for walker in walkers]
    tables = {name: tables[name] for name in names if name in tables}
    if not tables:
        nothing = {name: {"reason": "No walker kept a frame."} for name in SECTIONS}
        return plain(nothing | {"completion": whole, "verdicts": {"completion": completed}})
    step_fs = timestep_fs(tables, planned.timestep_fs if planned else None)
    free, numbers = degrees_of_freedom(walkers), walkers[0].numbers
    friction = friction_per_ps if ensemble == "langevin" else None
    compared = sections.Compared(curve_distance_limit, peak_shift_limit_A, range_A, bin_width_A, max_frames)
    content = {"system": sections.system(walkers, tables, step_fs, free, ensemble)}
    if len(walkers) < len(everyone):
        content["system"]["warning"] = (
            f"The walkers are of several systems: {len(everyone) - len(walkers)} of {len(everyone)}, which are not "
            f"{content['system']['formula']}, are left out of everything but `completion`."
        )
    often = of_file(velocities, walkers) if velocities is not None else None
    verdicts = {}
    for name, (section, verdict) in {
        "completion": (whole, completed),
        "conservation": sections.energy(tables, step_fs, len(numbers), ensemble, drift_limit_eV_per_step),
        "temperature": sections.temperatures(tables, free, statistics(ensemble), target_temperature_K),
        "pressure": sections.constant_pressure(tables, walkers[0].masses, ensemble, target_pressure_GPa),
        "bonds": sections.connectivity(walkers),
        "distances": sections.distances(walkers, reference, target_temperature_K, compared),
        "spectrum": (sections.vibrations(often or of_frames(walkers, step_fs), numbers, friction), None),
        "diffusion": (sections.displacement(walkers, step_fs, friction), None),
    }.items():
        content[name] = section
        if verdict is not None:
            verdicts[name] = verdict
    return plain(content | {"verdicts": verdicts})
