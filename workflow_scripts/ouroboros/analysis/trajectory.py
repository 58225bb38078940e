"""All that is asked of a finished MD run, in one dictionary."""

from collections.abc import Sequence
from pathlib import Path

from ase import Atoms

from ouroboros.analysis import sections
from ouroboros.analysis.conservation import DRIFT_LIMIT
from ouroboros.analysis.freedom import degrees_of_freedom
from ouroboros.analysis.plain import plain
from ouroboros.analysis.temperature import Ensemble
from ouroboros.analysis.walkers import Thermo, read_thermo, read_walkers, timestep_fs
from ouroboros.frames import Frames


def analyse(
    trajectory: str | Path | Sequence[Atoms],
    thermo: Thermo,
    reference: Frames | None,
    *,
    ensemble: Ensemble = "nve",
    target_temperature_K: float | None = None,
    drift_limit_eV_per_step: float = DRIFT_LIMIT,
    curve_distance_limit: float = 0.2,
    peak_shift_limit_A: float = 0.05,
    range_A: float = 6.0,
    bin_width_A: float = 0.02,
    max_frames: int = 1000,
) -> dict:
    """Analyse one run of one system by one or several walkers.

    Args:
        trajectory: ASE .traj or its frames with positions and momenta, walkers one after another; `info` has `walker`
            and `step`.
        thermo: thermo.csv or its columns (`walkers.THERMO_COLUMNS`).
        reference: frames to compare distances with, of which those of the same system are used; None: no comparison.
        ensemble: "nve" or "nvt"; energy conservation is judged in NVE only.
        target_temperature_K: temperature of the thermostat or at which the walkers began; None: the mean is not judged.
        drift_limit_eV_per_step: largest drift of the total energy, eV per MD step, of the worst walker.
        curve_distance_limit: largest distance between the curves over all pairs, 0 to 1, beyond sampling noise.
        peak_shift_limit_A: largest shift of the first peak of that curve, Å.
        range_A: range of g(r) of periodic cells, Å; molecules are covered whole.
        bin_width_A: bin width of the distance curves, Å.
        max_frames: frames used for the distance curves, taken evenly from each set.

    Returns:
        Plain numbers, strings, lists and dictionaries, with None for a number that is not finite. Sections `system`,
        `conservation`, `temperature`, `bonds`, `distances`, `spectrum`, `diffusion`, and `verdicts`: name to `passed`
        and `reason`. What cannot be given is left out and the section holds a `reason`; a check that does not apply to
        the run has no verdict.

    Raises:
        ValueError: the files do not fit together; the message says how.
    """
    walkers, tables = read_walkers(trajectory), read_thermo(thermo)
    step_fs, free = timestep_fs(tables), degrees_of_freedom(walkers)
    compared = sections.Compared(curve_distance_limit, peak_shift_limit_A, range_A, bin_width_A, max_frames)
    content = {"system": sections.system(walkers, tables, step_fs, free, ensemble)}
    verdicts = {}
    for name, (section, verdict) in {
        "conservation": sections.energy(tables, step_fs, len(walkers[0].numbers), ensemble, drift_limit_eV_per_step),
        "temperature": sections.temperatures(tables, free, ensemble, target_temperature_K),
        "bonds": sections.connectivity(walkers),
        "distances": sections.distances(walkers, reference, compared),
        "spectrum": (sections.vibrations(walkers, step_fs), None),
        "diffusion": (sections.displacement(walkers, step_fs), None),
    }.items():
        content[name] = section
        if verdict is not None:
            verdicts[name] = verdict
    return plain(content | {"verdicts": verdicts})
