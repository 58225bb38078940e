"""Does the model's MD visit the distances that the reference data visit?"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.ndimage import gaussian_filter1d
from scipy.signal import find_peaks

from ouroboros.analysis.distributions import ALL, Distribution, pair_distances, radial_distribution
from ouroboros.analysis.verdict import Verdict, all_of, at_most
from ouroboros.frames import Frames

SMOOTHING_A = (
    0.03  # about the thermal width of the stiffest bond: one that swings freely has two turning points, one peak
)
PROMINENCE = 0.05  # of the highest peak: what stands out less is noise, or the shoulder of another peak


@dataclass(frozen=True)
class Comparison:
    """Distance curves of the model's MD beside those of the reference frames.

    Attributes:
        model, reference: the curves on one grid; reference None if there is nothing to compare with.
        first_peak_model_A, first_peak_reference_A: for each curve, Å; NaN where it has no peak.
        curve_distance: for each curve that both have, 0 (equal) to 1 (no overlap).
        curve_distance_noise: what the finite number of reference frames alone gives for the curve over all pairs.
        verdict: distance and shift of the first peak of the curve over all pairs; None without reference.
    """

    model: Distribution
    reference: Distribution | None
    first_peak_model_A: dict[str, float]
    first_peak_reference_A: dict[str, float]
    curve_distance: dict[str, float]
    curve_distance_noise: float
    verdict: Verdict | None


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
    the largest of the reference. The reference is a sample too: half the distance between its even and its odd frames
    (halves of half the size, so twice as noisy against each other as the whole against the truth) is allowed on top.

    Args:
        model: finite frames of the MD, at least one.
        reference: frames of the same system (`same_system`), or None.
        distance_limit: largest distance between the curves over all pairs.
        peak_shift_limit_A: largest shift of the first peak of that curve, Å.
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
        return Comparison(ours, None, our_peaks, {}, {}, float("nan"), None)

    theirs = curves_of(reference, edges)
    their_peaks = {name: first_peak(theirs.distance_A, curve) for name, curve in theirs.curves.items()}
    shared = [name for name in ours.curves if name in theirs.curves]
    distance = {name: curve_distance(ours.curves[name], theirs.curves[name]) for name in shared}
    noise = 0.0
    if len(reference) > 1:
        halves = [curves_of(reference.take(np.arange(k, len(reference), 2)), edges).curves[ALL] for k in (0, 1)]
        noise = 0.5 * curve_distance(*halves)
    shift = abs(our_peaks[ALL] - their_peaks[ALL])
    checks = [
        at_most(distance.get(ALL, np.nan), distance_limit + noise, "distance between the model and reference curves"),
        at_most(shift, peak_shift_limit_A, "shift of the first peak", "Å"),
    ]
    return Comparison(ours, theirs, our_peaks, their_peaks, distance, noise, all_of(checks))


def same_system(frames: Frames, numbers: np.ndarray, periodic: bool) -> Frames:
    """The frames that can be compared with a system, whatever the order of their atoms.

    Args:
        frames: any.
        numbers: (n_atoms,) atomic numbers of the system.
        periodic: whether it is periodic. Then cells of the same composition and any size fit; of molecules, only those
            with the same atoms.

    Returns:
        Some, all or none of them.
    """
    amounts = np.zeros((len(frames), 128))
    np.add.at(amounts, (frames.frame_of_atom, frames.numbers), 1)
    wanted = np.bincount(numbers, minlength=128)
    if periodic:
        fits = np.isclose(amounts / frames.n_atoms[:, None], wanted / len(numbers)).all(axis=1)
    else:
        fits = (amounts == wanted).all(axis=1)
    return frames.take(fits & (frames.pbc.any(axis=1) == periodic))


def curve_distance(a: np.ndarray, b: np.ndarray) -> float:
    """How far two curves on one grid differ: 0 if equal, 1 if they nowhere overlap.

    sum |a - b| / sum (a + b), the dissimilarity of Bray and Curtis (Ecol. Monogr. 27, 325, 1957). For two densities of
    area 1 it is their total variation distance, one minus the overlap; it means the same for g(r), which has no area.

    Args:
        a: (n_bins,) a curve without negative values.
        b: (n_bins,) another.

    Returns:
        The distance in [0, 1]; NaN where both curves are zero or a value is not finite.
    """
    total = np.sum(a + b)
    return float(np.sum(np.abs(a - b)) / total) if np.isfinite(total) and total > 0 else float("nan")


def first_peak(distance_A: np.ndarray, curve: np.ndarray) -> float:
    """Position of the first peak in Å, from a parabola through the top of the smoothed curve; NaN if there is none."""
    smooth = gaussian_filter1d(curve, sigma=SMOOTHING_A / (distance_A[1] - distance_A[0]), mode="constant")
    tops, _ = find_peaks(smooth, prominence=PROMINENCE * smooth.max())
    if not len(tops):
        return float("nan")
    left, top, right = smooth[tops[0] - 1 : tops[0] + 2]
    shift = 0.5 * (left - right) / (left - 2 * top + right) if right + left < 2 * top else 0.0
    return float(distance_A[tops[0]] + shift * (distance_A[1] - distance_A[0]))


def _extent(frames: Frames) -> float:
    """Largest distance within any frame, Å."""
    blocks = np.split(frames.positions, frames.starts[1:])
    return max(float(np.linalg.norm(x[:, None] - x[None], axis=-1).max()) for x in blocks)
