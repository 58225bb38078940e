"""The config's section on the analysis of the production run."""

from .section import Section, key


class Analysis(Section):
    """What the production run is judged by."""

    drift_limit_eV_per_step: float = key(0.001, "largest drift of the total energy", "eV/step", gt=0)
    curve_distance_limit: float = key(
        0.2, "largest distance (0 to 1) of the pair-distance curve from that of the reference", ge=0, le=1
    )
    peak_shift_limit_A: float = key(0.05, "largest shift of that curve's first peak", "Å", gt=0)
    range_A: float = key(6.0, "range of the radial distribution of a periodic cell", "Å", gt=0.5, le=50)
    bin_width_A: float = key(0.02, "bin width of the distance curves", "Å", gt=0, le=1)
