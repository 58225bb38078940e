"""Does the energy change by the work of the stress where the cell does? That tells a wrong sign or unit."""

import numpy as np
from scipy.stats import theilslopes

from ..frames import Frames
from .plausibility import OFF, SAMPLE

LARGEST_STRAIN = 0.1  # between two frames, beyond which the mean of their stresses says too little
FEWEST = 5  # pairs of frames
RELATED = 0.9  # correlation from which the slope counts


def work_of_stress(frames: Frames) -> float:
    """Slope of the energy change against the work of the stress, over pairs of frames; 1 where all is right.

    From frame to frame of the same atoms the cell changes by a strain ε, and atoms move by u beside it. To second
    order ΔE = V σ:ε − F·u, with the means of both frames (trapezoids). NaN where cells do not change, where frames
    are few or far apart, or where the two are unrelated. Measured 0.93 to 1.20 on copper, aluminium (EMT), ice, salt
    and silicon (xTB), strained by 0.5 to 4 % and rattled by up to 0.1 Å; NaN for 15 of 47 such sets.
    """
    change, work = [], []
    for members in _of_the_same_atoms(frames):
        stress = (frames.stress * frames.volume[:, None, None])[members]
        cells = frames.cell[members]
        blocks = [slice(frames.starts[i], frames.starts[i] + frames.n_atoms[i]) for i in members]
        inverse = np.linalg.inv(cells)
        strains = inverse[:, None] @ cells[None] - np.eye(3)  # [i, j] takes frame i's cell to frame j's
        size = np.abs(strains).max(axis=(2, 3))
        np.fill_diagonal(size, np.inf)
        for i, j in enumerate(size.argmin(axis=1)):
            if not 1e-6 < size[i, j] < LARGEST_STRAIN:
                continue
            step = frames.positions[blocks[j]] - frames.positions[blocks[i]] @ (np.eye(3) + strains[i, j])
            step -= np.round(step @ inverse[j]) @ cells[j]
            moved = ((frames.forces[blocks[i]] + frames.forces[blocks[j]]) / 2 * step).sum()
            change.append(frames.energy[members[j]] - frames.energy[members[i]] + moved)
            work.append(((stress[i] + stress[j]) / 2 * strains[i, j]).sum())
    if len(change) < FEWEST or not np.ptp(work) > 0 or not np.ptp(change) > 0:
        return np.nan
    return float(theilslopes(change, work)[0]) if abs(np.corrcoef(change, work)[0, 1]) > RELATED else np.nan


def doubtful_stress(frames: Frames) -> str:
    """One sentence where the energies contradict the stress; empty where they do not, or cannot tell."""
    slope = work_of_stress(frames)
    if np.isnan(slope) or 1 / OFF < slope < OFF:
        return ""
    blame = "another reference.files.stress_sign" if slope < 0 else "another reference.files.stress_unit"
    return (
        f"the stress is hard to believe: where the cell changes, the energy changes by {slope:.3g} times its work, "
        f"where 1 is right; {blame} would fit better"
    )


def _of_the_same_atoms(frames: Frames) -> list[np.ndarray]:
    """Groups of frames with a whole label of the same atoms, at most `SAMPLE` of each, evenly spaced."""
    whole = np.isfinite(frames.energy) & frames.has_stress & (frames.volume > 0)
    whole &= np.bincount(frames.frame_of_atom, ~np.isfinite(frames.forces).all(axis=1), len(frames)) == 0
    groups: dict[bytes, list[int]] = {}
    for i in np.flatnonzero(whole):
        numbers = frames.numbers[frames.starts[i] : frames.starts[i] + frames.n_atoms[i]]
        groups.setdefault(numbers.tobytes(), []).append(int(i))
    return [np.array(group)[:: -(-len(group) // SAMPLE)] for group in groups.values() if len(group) > 1]
