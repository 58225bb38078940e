"""Are the units that somebody named believable? Three tests, none of which needs to know the level of theory.

1. No energy lies far below that of the free atoms with all their electrons, which a formula gives within some percent.
2. Between neighbouring frames, the energy changes by the work of the forces: the slope of the one against the other
   is 1 when energies, forces and lengths fit together.
3. The surface is as stiff as chemical bonds are: the curvature along the way from one frame to its neighbour is that
   of springs of a few to some tens of eV/Å², whatever the temperature.
"""

import warnings
from dataclasses import dataclass

import numpy as np
from scipy.spatial.transform import Rotation

from ..contacts import closest_contacts
from ..frames import Frames
from ..units import ENERGY_UNITS, FORCE_UNITS, HARTREE_IN_EV

SAMPLE = 300  # frames of a composition that are compared with one another
NEAR = 0.5  # Å, RMSD up to which the work of the mean force is a fair estimate
TOO_DEEP = 1.2  # all-electron energies come to 0.98 to 1.03 of the formula; nothing can lie deeper
OFF = 1.5  # a slope off by more is another unit: measured 0.78 to 1.01, and no two units are closer than 1.89
TYPICAL = 15.0  # eV/Å²; measured 2.4 (NaCl) to 60 (hot water)
USUAL = {  # pairs that codes and published sets use, and how strange the rarer ones are
    ("eV", "eV/A"): 0.0,
    ("kcal/mol", "kcal/mol/A"): 0.0,
    ("Hartree", "Hartree/Bohr"): 0.0,
    ("kJ/mol", "kJ/mol/nm"): 0.3,
    ("Rydberg", "Rydberg/Bohr"): 0.6,
    ("meV", "meV/A"): 0.6,
}
CONTACTS = (0.55, 1.75)  # nearest atoms over their covalent radii; a bond is 0.9 to 1.1, Å taken for Bohr 0.5


@dataclass(frozen=True)
class Neighbours:
    """What pairs of neighbouring frames tell.

    Attributes:
        pairs: how many there are.
        slope: of the energy change against the work of the forces; NaN where the two do not go together.
        stiffness: median curvature along the way, eV/Å².
    """

    pairs: int
    slope: float
    stiffness: float


def check_units(frames: Frames, *, energy_unit: str, force_unit: str, where: str) -> None:
    """Refuse units that the numbers contradict.

    Tried with all pairs of the usual units for one another on xTB molecules, EMT copper, silicon and rMD17: the right
    ones passed every time, of the wrong ones all but eV taken for kcal/mol on metals and on water were refused. Where
    energies are not all-electron ones, numbers that are too small may pass.

    Args:
        frames: already converted from the units that were named.
        energy_unit: as named, of `units.ENERGY_UNITS`.
        force_unit: as named, of `units.FORCE_UNITS`.
        where: the files, for the message.

    Raises:
        ValueError: another unit fits and this one does not; with the numbers, and the units that would fit.
    """
    depth, found, contact = energy_over_free_atoms(frames), neighbours(frames), nearest_contact(frames)
    soft, stiff = stiffness_limits(frames)
    better = _better_units(depth, found, energy_unit, force_unit)
    if np.isfinite(contact) and not CONTACTS[0] < contact < CONTACTS[1]:
        problem = f"the nearest atoms are {contact:.2g} times the sum of their covalent radii apart"
        better = "another length_unit would fit"
    elif depth > TOO_DEEP:
        problem = f"the energies are {depth:.3g} times those of the free atoms with all electrons"
    elif np.isfinite(found.slope) and not 1 / OFF < found.slope < OFF:
        problem = f"between neighbouring frames the energy changes by {found.slope:.3g} times the work of the forces"
    elif found.pairs and not soft < found.stiffness < stiff:
        problem = f"forces change by {found.stiffness:.3g} eV/Å for each Å, where bonds come to 2 to 60"
    else:
        return
    raise ValueError(
        f"{where}: energies in {energy_unit} and forces in {force_unit} are hard to believe: {problem}; {better}; mend "
        "reference.files.energy_unit, force_unit or length_unit, or insist with reference.files.accept_units: true"
    )


def stiffness_limits(frames: Frames) -> tuple[float, float]:
    """eV/Å² between which the stiffness of a surface lies; wide where bonds are weak, or a pair has only one."""
    bonded = np.isin(frames.numbers, (1, 6, 7, 8)).any()  # argon and sodium are softer than any covalent bond
    return (1.5 if bonded else 0.02), (400.0 if len(frames) and np.median(frames.n_atoms) <= 3 else 120.0)


def nearest_contact(frames: Frames) -> float:
    """Median over up to 100 frames of the closest contact; NaN where there is none, see `contacts`."""
    closest = closest_contacts(frames.take(np.arange(len(frames))[:: max(1, len(frames) // 100)]))
    known = closest[np.isfinite(closest)]
    return float(np.median(known)) if len(known) else np.nan


def _better_units(depth: float, found: Neighbours, energy_unit: str, force_unit: str) -> str:
    """The pair of units under which the three tests come out best."""

    def strangeness(energy: str, force: str) -> float:
        by_energy = ENERGY_UNITS[energy] / ENERGY_UNITS[energy_unit]
        by_force = FORCE_UNITS[force] / FORCE_UNITS[force_unit]
        score = 0.0 if abs(depth * by_energy - 1) < 0.05 else 1.0 if depth * by_energy < 1.05 else 100.0
        score += USUAL.get((energy, force), 1.0)
        if np.isfinite(found.slope) and found.slope > 0:
            score += abs(np.log(found.slope * by_energy / by_force)) / 0.2
        if np.isfinite(found.stiffness) and found.stiffness > 0:
            score += abs(np.log(found.stiffness * by_force / TYPICAL)) / 1.5
        return score

    pairs = [(energy, force) for energy in ENERGY_UNITS for force in FORCE_UNITS]
    energy, force = min(pairs, key=lambda pair: strangeness(*pair))
    if (energy, force) == (energy_unit, force_unit):
        return "another length_unit may fit"
    return f"energy_unit {energy} with force_unit {force} would fit better"


def energy_over_free_atoms(frames: Frames) -> float:
    """Median of energy over that of the free atoms with all their electrons; 1 for all-electron codes, else below.

    E(Z) = −0.768745 Z^(7/3) + Z²/2 − 0.269900 Z^(5/3) Hartree: Thomas, Fermi, Scott and Schwinger (Schwinger, Phys.
    Rev. A 1981, 24, 2353), not relativistic.
    """
    z = frames.numbers.astype(float)
    atoms = HARTREE_IN_EV * (-0.768745 * z ** (7 / 3) + z**2 / 2 - 0.269900 * z ** (5 / 3))
    expected = np.bincount(frames.frame_of_atom, atoms, len(frames))
    return float(np.nanmedian(frames.energy / expected)) if len(frames) else 0.0


def neighbours(frames: Frames) -> Neighbours:
    """Energy change against work, and stiffness, of frames and their nearest ones in the same cell."""
    change, work, stiffness = [], [], []
    for members in _comparable(frames):
        positions, forces = (
            np.stack([values[s : s + frames.n_atoms[i]] for i, s in zip(members, frames.starts[members], strict=True)])
            for values in (frames.positions, frames.forces)
        )
        for i, j in _nearest_pairs(positions, frames.pbc[members[0]], frames.cell[members[0]]):
            step, other = _way(positions[i], positions[j], forces[j], frames.pbc[members[0]], frames.cell[members[0]])
            length = (step**2).sum()
            if 1e-8 < length < NEAR**2 * len(step):
                change.append(frames.energy[members[j]] - frames.energy[members[i]])
                work.append(-((forces[i] + other) / 2 * step).sum())
                stiffness.append(((forces[i] - other) * step).sum() / length)
    if len(change) < 3:
        return Neighbours(0, np.nan, np.nan)
    correlated = np.ptp(change) > 0 and np.ptp(work) > 0 and np.corrcoef(change, work)[0, 1] > 0.9
    slope = float(np.dot(change, work) / np.dot(work, work)) if correlated else np.nan
    return Neighbours(len(change), slope, float(np.median(stiffness)))


def _comparable(frames: Frames) -> list[np.ndarray]:
    """Groups of complete frames of the same atoms in the same cell, at most `SAMPLE` of each, evenly spaced."""
    complete = np.isfinite(frames.energy)
    complete &= np.bincount(frames.frame_of_atom, ~np.isfinite(frames.forces).all(axis=1), len(frames)) == 0
    groups: dict[bytes, list[int]] = {}
    for i in np.flatnonzero(complete)[:: max(1, int(complete.sum()) // (10 * SAMPLE))]:
        block = slice(frames.starts[i], frames.starts[i] + frames.n_atoms[i])
        kind = frames.numbers[block].tobytes() + frames.cell[i].tobytes() + frames.pbc[i].tobytes()
        groups.setdefault(kind, []).append(int(i))
    return [np.array(group)[:: -(-len(group) // SAMPLE)] for group in groups.values() if len(group) > 1]


def _nearest_pairs(positions: np.ndarray, pbc: np.ndarray, cell: np.ndarray) -> list[tuple[int, int]]:
    """Each frame with the one whose pair distances (isolated) or positions (periodic) are nearest to its own."""
    if pbc.any():
        shape = positions.reshape(len(positions), -1)
    else:
        i, j = np.triu_indices(positions.shape[1], 1)
        chosen = np.linspace(0, len(i) - 1, min(len(i), 500)).astype(int)
        shape = np.linalg.norm(positions[:, i[chosen]] - positions[:, j[chosen]], axis=-1)
    distance = ((shape[:, None] - shape) ** 2).sum(axis=-1)
    np.fill_diagonal(distance, np.inf)
    return list(enumerate(distance.argmin(axis=1).tolist()))


def _way(
    one: np.ndarray, other: np.ndarray, forces: np.ndarray, pbc: np.ndarray, cell: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Displacements from `one` to `other` (n_atoms, 3) Å, and the forces on the other, both in the frame of `one`."""
    if pbc.any():
        step = other - one
        shift = np.round(step @ np.linalg.pinv(cell)) * pbc
        return step - shift @ cell, forces
    if len(one) == 1:
        return other - one, forces
    one, other = one - one.mean(axis=0), other - other.mean(axis=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # about its axis, a linear molecule may be turned by any angle
        turn = Rotation.align_vectors(one, other)[0]
    return turn.apply(other) - one, turn.apply(forces)
