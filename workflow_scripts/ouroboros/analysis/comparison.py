"""Does the model's MD visit the distances that the reference data visit?"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.ndimage import gaussian_filter1d
from scipy.signal import find_peaks, peak_widths

from ouroboros.analysis.distributions import ALL, Distribution, pair_distances, radial_distribution
from ouroboros.analysis.verdict import Check, all_of, at_most
from ouroboros.frames import Frames

# About the thermal width of the stiffest bond: one that swings freely has two turning points, one peak.
SMOOTHING_A = 0.03
PROMINENCE = 0.1  # of the highest peak: what stands out less is noise, or the shoulder of another peak
CLEAR = 2 * PROMINENCE  # a peak is looked for in the other curve only if noise cannot have made it


@dataclass(frozen=True)
class Comparison:
    """Distance curves of the model's MD beside those of the reference frames.

    Attributes:
        model, reference: the curves on one grid; reference None if there is nothing to compare with.
        first_peak_model_A, first_peak_reference_A: for each curve, Å; NaN where it has no peak.
        first_peak_shift_A: for each kind of pair, as `peak_shift` has it, Å.
        curve_distance: for each curve that both have, 0 (equal) to 1 (no overlap).
        curve_distance_noise: what the finite number of reference frames alone gives for the curve over all pairs; NaN
            of a single one.
        verdict: distance of the curve over all pairs, and largest shift of the first peak; None without reference, and
            with one of a single frame, which does not tell its own noise.
    """

    model: Distribution
    reference: Distribution | None
    first_peak_model_A: dict[str, float]
    first_peak_reference_A: dict[str, float]
    first_peak_shift_A: dict[str, float]
    curve_distance: dict[str, float]
    curve_distance_noise: float
    verdict: Check | None


def compare(
    model: Frames,
    reference: Frames | None,
    distance_limit: float = 0.2,
    peak_shift_limit_A: float = 0.05,
    range_A: float = 6.0,
    bin_width_A: float = 0.02,
) -> Comparison:
    """Compare the distances in two sets of frames of one system.

    Periodic cells give g(r) to `range_A`; molecules give the density of all their pair distances, to a little beyond
    the largest of the reference. The reference is a sample too: half the distance between its first and its second half
    (each of half the size, so twice as noisy against each other as the whole against the truth) is allowed on top.
    Neighbouring frames of a trajectory are alike, so that its even and odd frames would tell of no noise at all. The
    same is allowed for the shift of a first peak.

    First peaks are compared for each kind of pair, not for all pairs together, where the weak peak of one bond (O-H of
    ethanol, one pair in 36) may or may not stand out from the next (C-H) by chance.

    Args:
        model: finite frames of the MD, at least one.
        reference: frames of the same system (`same_system`), or None.
        distance_limit: largest distance between the curves over all pairs.
        peak_shift_limit_A: largest shift of the first peak of any kind of pair, Å.
        range_A: range of g(r), Å.
        bin_width_A: bin width, Å.

    Returns:
        Curves, distances and verdict.

    Raises:
        ValueError: no model frame, a position that is not finite, or a periodic cell without volume.
    """
    if not len(model):
        raise ValueError("The run has no frame with finite positions")
    reference = reference if reference is not None and len(reference) else None
    curves_of: Callable[[Frames, np.ndarray], Distribution] = radial_distribution
    if not model.pbc.any():
        curves_of = pair_distances
        range_A = max(1.1 * _extent(model if reference is None else reference), 10 * bin_width_A)
    edges = np.arange(0, range_A + bin_width_A, bin_width_A)
    ours = curves_of(model, edges)
    our_peaks = {name: first_peak(ours.distance_A, curve) for name, curve in ours.curves.items()}
    if reference is None:
        return Comparison(ours, None, our_peaks, {}, {}, {}, float("nan"), None)

    theirs = curves_of(reference, edges)
    their_peaks = {name: first_peak(theirs.distance_A, curve) for name, curve in theirs.curves.items()}
    shared = [name for name in ours.curves if name in theirs.curves]
    nothing = 1.0 if ours.periodic else 0.0  # the value where atoms do not know of each other
    distance = {name: curve_distance(ours.curves[name], theirs.curves[name], nothing) for name in shared}
    kinds = [name for name in shared if name != ALL] or shared
    shifts = {name: peak_shift(ours.distance_A, ours.curves[name], theirs.curves[name]) for name in kinds}
    if len(reference) == 1:
        return Comparison(ours, theirs, our_peaks, their_peaks, shifts, distance, float("nan"), None)
    halves = [curves_of(reference.take(half), edges).curves for half in np.array_split(np.arange(len(reference)), 2)]
    noise = 0.5 * curve_distance(halves[0][ALL], halves[1][ALL], nothing)
    checks = [
        at_most(distance.get(ALL, np.nan), distance_limit + noise, "distance between the model and reference curves")
    ]
    for name in kinds:
        unsure = np.nan_to_num(peak_shift(ours.distance_A, halves[0][name], halves[1][name]), nan=np.inf)
        if np.isfinite(unsure) and not np.isnan(shifts[name]):  # else the reference itself has no clear peak
            limit = peak_shift_limit_A + 0.5 * float(unsure)
            checks.append(at_most(shifts[name], limit, f"shift of the first peak of {name}", "Å"))
    return Comparison(ours, theirs, our_peaks, their_peaks, shifts, distance, noise, _in_short(checks))


def _in_short(checks: list[Check]) -> Check:
    """All checks as one; where all passed, the peaks in one clause."""
    if not all(check.passed for check in checks) or len(checks) < 3:
        return all_of(checks)
    return Check(True, f"{checks[0].reason}; all {len(checks) - 1} first peaks are where those of the reference are")


def curve_distance(a: np.ndarray, b: np.ndarray, nothing: float = 0.0) -> float:
    """How far two curves on one grid differ: 0 if equal, 1 if they nowhere overlap.

    sum |a - b| / sum (|a - c| + |b - c|) over the bins where either is above zero, c the value of no structure. For two
    densities of area 1 (c = 0) it is the dissimilarity of Bray and Curtis (Ecol. Monogr. 27, 325, 1957) and their total
    variation distance, one minus the overlap. Every g(r) goes to 1, and from c = 0 any two would be alike if only the
    range were long; from c = 1 what lies beyond the structure counts on neither side of the fraction.

    Args:
        a: (n_bins,) a curve without negative values.
        b: (n_bins,) another.
        nothing: c.

    Returns:
        The distance in [0, 1]; NaN where both curves are zero or have no structure, or a value is not finite.
    """
    seen = ~((a == 0) & (b == 0))
    total = np.sum(np.abs(a - nothing)[seen] + np.abs(b - nothing)[seen])
    return float(np.sum(np.abs(a - b)) / total) if np.isfinite(total) and total > 0 else float("nan")


def first_peak(distance_A: np.ndarray, curve: np.ndarray) -> float:
    """Position of the first peak of the smoothed curve in Å; NaN if there is none."""
    places, _ = _peaks(distance_A, curve)
    return float(places[0]) if len(places) else float("nan")


def peak_shift(distance_A: np.ndarray, a: np.ndarray, b: np.ndarray) -> float:
    """How far the first peaks of two curves are apart.

    The first clear peak of each curve is set against the nearest peak of the other, clear or not, and the larger of
    the two distances counts. So a peak that noise lifts over the threshold in one curve alone shifts nothing, and one
    that is really missing does.

    Args:
        distance_A: (n_bins,) evenly spaced, Å.
        a: (n_bins,) a curve.
        b: (n_bins,) another.

    Returns:
        The shift in Å; NaN where neither curve has a clear peak, infinite where the other has none at all.
    """
    ours, theirs = _peaks(distance_A, a), _peaks(distance_A, b)
    shifts = []
    for (places, prominences), (others, _) in ((ours, theirs), (theirs, ours)):
        clear = places[prominences >= CLEAR]
        if len(clear):
            shifts.append(float(np.abs(others - clear[0]).min()) if len(others) else float("inf"))
    return max(shifts, default=float("nan"))


def _peaks(distance_A: np.ndarray, curve: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Places of the peaks in Å, and how far they stand out, of the highest.

    The place is the mean over the upper 70 % of the peak: of a hundred distances that scatter by 0.05 Å, the top of the
    histogram is off by as much, their mean by a tenth of it.
    """
    sigma = SMOOTHING_A / (distance_A[1] - distance_A[0])
    smooth = gaussian_filter1d(np.asarray(curve, dtype=float), sigma=sigma, mode="constant")
    highest = max(smooth.max(), 1e-300)
    tops, found = find_peaks(smooth, prominence=PROMINENCE * highest)
    _, _, left, right = peak_widths(smooth, tops, rel_height=0.7, prominence_data=tuple(found.values()))
    bins = np.arange(len(smooth))
    inside = (bins >= left[:, None]) & (bins <= right[:, None])
    weights = np.where(inside, smooth, 0.0)
    return weights @ distance_A / weights.sum(axis=1), found["prominences"] / highest


def _extent(frames: Frames) -> float:
    """Largest distance within any frame, Å."""
    blocks = np.split(frames.positions, frames.starts[1:])
    return max(float(np.linalg.norm(x[:, None] - x[None], axis=-1).max()) for x in blocks)
