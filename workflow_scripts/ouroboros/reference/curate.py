"""Which frames of a raw set are fit to train on, and why the others are not."""

from typing import Any

import numpy as np

from ..contacts import CLOSEST, closest_contacts
from ..frames import Frames

NAMED = 10  # rejected frames of each reason


def curate(frames: Frames, settings: dict[str, Any]) -> tuple[Frames, dict[str, Any]]:
    """Drop frames that are incomplete, repeated or unphysical.

    Args:
        frames: the raw set.
        settings: `force_cap_eV_per_A`, the largest force on an atom; optionally `closest_contact`, the smallest
            distance of two atoms over the sum of their covalent radii (default 0.5).

    Returns:
        The frames kept, in order, and counts: `frames_in`, `kept`, `rejected` by reason: `missing` (a NaN or
        infinity in structure, energy or forces), `duplicate` (the same atoms at the same positions, bit for bit, as an
        earlier frame), `too_close`, `force_cap`. A frame counts under the first reason that holds; `rejected_frames`
        has the numbers of the first `NAMED` of each reason, counted from 0. `with_stress` tells how many of those kept
        have a stress; none is dropped for want of one.

    Raises:
        ValueError: no frame is left.
    """
    atoms = frames.frame_of_atom
    complete = np.isfinite(frames.energy) & np.isfinite(frames.cell).all(axis=(1, 2))
    for values in (frames.positions, frames.forces):
        complete &= np.bincount(atoms, ~np.isfinite(values).all(axis=1), len(frames)) == 0
    largest = np.zeros(len(frames))
    np.fmax.at(largest, atoms, np.linalg.norm(frames.forces, axis=1))  # NaN is counted above

    sound = np.flatnonzero(complete)  # distances of frames with a NaN say nothing
    too_close = np.zeros(len(frames), dtype=bool)
    too_close[sound] = closest_contacts(frames.take(sound)) < settings.get("closest_contact", CLOSEST)
    reasons = {
        "missing": ~complete,
        "duplicate": _repeated(frames),
        "too_close": too_close,
        "force_cap": largest > settings["force_cap_eV_per_A"],
    }
    kept, rejected, named = np.ones(len(frames), dtype=bool), {}, {}
    for reason, holds in reasons.items():
        gone = np.flatnonzero(holds & kept)
        rejected[reason], named[reason] = len(gone), gone[:NAMED].tolist()
        kept &= ~holds
    if not kept.any():
        counts = ", ".join(f"{n} {reason}" for reason, n in rejected.items() if n) or "there were none"
        raise ValueError(
            f"not one of {len(frames)} reference frames is left ({counts}); look at the limits in the section "
            "reference.curate, and at the units of the reference"
        )
    totals = {"frames_in": len(frames), "kept": int(kept.sum()), "with_stress": int((frames.has_stress & kept).sum())}
    return frames.take(kept), {**totals, "rejected": rejected, "rejected_frames": named}


def told(counts: dict[str, Any]) -> str:
    """The rejected frames in words, `2 missing (frames 4, 17)`; empty where there are none."""
    parts = []
    for reason, n in counts["rejected"].items():
        numbers = ", ".join(map(str, counts["rejected_frames"][reason]))
        more = ", ..." if n > NAMED else ""
        parts += [f"{n} {reason} ({'frame' if n == 1 else 'frames'} {numbers}{more})"] if n else []
    return "; ".join(parts)


def _repeated(frames: Frames) -> np.ndarray:
    """(n_frames,) bool, whether an earlier frame is the same structure, bit for bit."""
    seen, repeated = set(), np.zeros(len(frames), dtype=bool)
    for i, identity in enumerate(frames.identities()):
        repeated[i] = identity in seen
        seen.add(identity)
    return repeated
