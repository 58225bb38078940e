"""The config's section on the analysis of the production run, and on the targets that look closer at one round."""

from typing import Annotated

from pydantic import Field

from .section import Section, key

TimeStep = Annotated[float, Field(gt=0, le=20)]


class TimestepScan(Section):
    """`make timestep_scan`: does the energy error fall with the square of the time step?"""

    timesteps_fs: list[TimeStep] = key(
        [0.1, 0.25, 0.5, 1.0], "time steps, each from the same start", "fs", min_length=2, max_length=20
    )
    length_ps: float = key(0.5, "length of the run at each of them", "ps", gt=0, le=1000)
    walkers: int = key(4, "walkers of the production run whose starts are used", ge=1, le=10000)


class Vibrations(Section):
    """`make vibrations`: harmonic frequencies and spectrum of the committee beside those of the oracle."""

    displacement_A: float = key(0.01, "displacement of the finite differences", "Å", gt=0, le=0.1)
    force_tolerance_eV_per_A: float = key(
        0.001, "structures are relaxed until no atom has a larger force", "eV/Å", gt=0, le=0.1
    )
    deviation_limit_per_cm: float = key(
        30.0, "largest mean absolute deviation of the harmonic frequencies from the oracle's", "1/cm", gt=0, le=1000
    )
    oracle_walkers: int = key(
        8, "walkers of the production run that the oracle repeats for its own spectrum; 0: none", ge=0, le=10000
    )
    oracle_hours: float = key(
        1.0, "if the oracle would take longer for that, its spectrum is left out", "h", ge=0, le=10000
    )


class Analysis(Section):
    """What the production run is judged by."""

    drift_limit_eV_per_step: float = key(0.001, "largest drift of the total energy", "eV/step", gt=0)
    curve_distance_limit: float = key(
        0.2, "largest distance (0 to 1) of the pair-distance curve from that of the reference", ge=0, le=1
    )
    peak_shift_limit_A: float = key(0.05, "largest shift of the first peak of any kind of pair", "Å", gt=0)
    range_A: float = key(6.0, "range of the radial distribution of a periodic cell", "Å", gt=0.5, le=50)
    bin_width_A: float = key(0.02, "bin width of the distance curves", "Å", gt=0, le=1)
    timestep_scan: TimestepScan = Field(default_factory=TimestepScan)
    vibrations: Vibrations = Field(default_factory=Vibrations)
