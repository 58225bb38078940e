"""Are the units that somebody named believable? Three tests, none of which needs to know the level of theory.

1. No energy lies far below that of the free atoms with all their electrons, which a formula gives within some percent.
2. Between neighbouring frames, the energy changes by the work of the forces: the slope of the one against the other
   is 1 when energies, forces and lengths fit together.
3. The bonds of hydrogen are as stiff as spectroscopy finds them, some tens of eV/Å²: the slope of the force on the
   hydrogen along its bond against the length of the bond, whatever the temperature and however far apart the frames
   are. Without hydrogen, the curvature along the way from one frame to its neighbour is asked to be within wide limits.
"""

import warnings
from dataclasses import dataclass

import numpy as np
from ase.data import covalent_radii
from ase.neighborlist import natural_cutoffs, neighbor_list
from scipy.spatial.transform import Rotation
from scipy.stats import theilslopes

from ..frames import Frames
from ..units import ENERGY_UNITS, FORCE_UNITS, HARTREE_IN_EV

SAMPLE = 300  # frames of a composition that are compared with one another
ATOMS = 20_000  # whose neighbours are searched
NEAR = 0.5  # Å, RMSD up to which the work of the mean force is a fair estimate
TOO_DEEP = 1.2  # all-electron energies come to 0.98 to 1.03 of the formula; nothing can lie deeper
OFF = 1.5  # a slope off by more is another unit: measured 0.73 to 1.09, and no two units are closer than 1.89
TYPICAL = 15.0  # eV/Å²; measured 2.4 (NaCl) to 60 (hot water)
USUAL = {  # pairs that codes and published sets use, and how strange the rarer ones are
    ("eV", "eV/A"): 0.0,
    ("kcal/mol", "kcal/mol/A"): 0.0,
    ("Hartree", "Hartree/Bohr"): 0.0,
    ("kJ/mol", "kJ/mol/nm"): 0.3,
    ("Rydberg", "Rydberg/Bohr"): 0.6,
    ("meV", "meV/A"): 0.6,
}
CURVATURE = (0.02, 120.0)  # eV/Å², of surfaces without hydrogen; measured 0.36 (argon) to 68 (CO2, rattled)
SMALL_CURVATURE = 400.0  # up to three atoms, where it is that of one bond: measured 217 (N2)
HYDROGEN = (10.0, 150.0)  # eV/Å², stiffness of its bonds; measured 15 (SiH4) to 49 (HF), 10 to 1000 K
TYPICAL_HYDROGEN = 35.0
BONDED = 1.3  # distance over covalent radii up to which a hydrogen is bonded
CONTACTS = (0.6, 1.6)  # nearest neighbour over covalent radii, median of the atoms; measured 0.76 to 1.26 where bonded
NONMETALS = (1, 5, 6, 7, 8, 9, 14, 15, 16, 17, 32, 33, 34, 35, 53)  # hydrides of metals are as soft as 2 eV/Å²
NOBLE = (2, 10, 18, 36, 54, 86)  # their atoms touch at 1.8


@dataclass(frozen=True)
class Neighbours:
    """What pairs of neighbouring frames tell.

    Attributes:
        pairs: how many there are.
        slope: of the energy change against the work of the forces; NaN where the two are unrelated.
        stiffness: median curvature along the way, eV/Å²; NaN where it is not positive, as where bonds break.
    """

    pairs: int
    slope: float
    stiffness: float


def check_units(frames: Frames, *, energy_unit: str, force_unit: str, where: str) -> None:
    """Refuse units that the numbers contradict.

    The right units passed on all of 94 sets tried: rMD17, xTB molecules and clusters from 10 to 1000 K, relaxing,
    pulled apart and rattled by up to 0.3 Å, EMT metals, argon. Of the wrong ones 95 % were refused. What passes is eV
    taken for kcal/mol where there is no hydrogen, and a wrong energy unit alone where frames are too far apart to
    tell and energies are not all-electron ones.

    Args:
        frames: already converted from the units that were named.
        energy_unit: as named, of `units.ENERGY_UNITS`.
        force_unit: as named, of `units.FORCE_UNITS`.
        where: the files, for the message.

    Raises:
        ValueError: another unit fits and this one does not; with the numbers, and the units that would fit.
    """
    depth, found = energy_over_free_atoms(frames), neighbours(frames)
    contact, hydrogen = contacts_and_bonds(frames)
    together = bool(1 / OFF < found.slope < OFF)  # False for NaN
    if np.isfinite(hydrogen):
        stiffness, (soft, stiff), typical = hydrogen, HYDROGEN, TYPICAL_HYDROGEN
        told = "the bonds of hydrogen have a stiffness of {:.3g} eV/Å², where 20 to 60 are known"
    else:
        stiffness, (soft, stiff), typical = found.stiffness, CURVATURE, TYPICAL
        stiff = SMALL_CURVATURE if len(frames) and np.median(frames.n_atoms) <= 3 else stiff
        told = "forces change by {:.3g} eV/Å for each Å, where bonds come to 2 to 60"
    better = _better_units(depth, found.slope, stiffness / typical, energy_unit, force_unit)
    apart = not together and not np.isin(frames.numbers, NOBLE).any()  # else the atoms may well be far apart
    if contact < CONTACTS[0] or (contact > CONTACTS[1] and apart):
        problem = f"the nearest atoms are {contact:.2g} times the sum of their covalent radii apart"
        better = "another length_unit would fit"
    elif found.slope < 0:
        problem, better = "the energy rises where the forces point", "gradients are forces of the other sign: turn it"
    elif depth > TOO_DEEP:
        problem = f"the energies are {depth:.3g} times those of the free atoms with all electrons"
    elif np.isfinite(found.slope) and not together:
        problem = f"between neighbouring frames the energy changes by {found.slope:.3g} times the work of the forces"
    elif np.isfinite(stiffness) and not soft < stiffness < stiff:
        problem = told.format(stiffness)
    else:
        return
    raise ValueError(
        f"{where}: energies in {energy_unit} and forces in {force_unit} are hard to believe: {problem}; {better}; mend "
        "reference.files.energy_unit, force_unit or length_unit, or insist with reference.files.accept_units: true"
    )


def contacts_and_bonds(frames: Frames) -> tuple[float, float]:
    """How far apart atoms are, and how stiff the bonds of hydrogen; of up to `SAMPLE` frames.

    Returns:
        The median over atoms of the distance to the nearest neighbour, over the sum of the covalent radii, and the
        median stiffness of the bonds of hydrogen to each element, eV/Å²: the slope of the force on the hydrogen along
        the bond against the bond's length, within 15 % of its median. NaN where there is none, or where the force
        does not follow the length.
    """
    nearest, bonds = [], []
    few = min(SAMPLE, 10 + ATOMS * len(frames) // max(1, len(frames.numbers)))
    for atoms in frames.take(np.arange(len(frames))[:: -(-len(frames) // few) or 1]).to_atoms():
        if len(atoms) < 2 or not np.isfinite(atoms.positions).all():
            continue
        for reach in (0.15, BONDED, 2.2):  # far enough for most atoms, and no farther where Å were taken for nm
            i, j, distance, way = neighbor_list("ijdD", atoms, natural_cutoffs(atoms, mult=reach))
            if len(np.unique(i)) > len(atoms) / 2:
                break
        contact = distance / covalent_radii[atoms.numbers[[i, j]]].sum(axis=0)
        order = np.lexsort((contact, i))
        first = order[np.unique(i[order], return_index=True)[1]]  # the nearest neighbour of each atom
        nearest.append(np.append(contact[first], np.full(len(atoms) - len(first), np.inf)))
        of_hydrogen = first[(atoms.numbers[i[first]] == 1) & np.isin(atoms.numbers[j[first]], NONMETALS)]
        of_hydrogen = of_hydrogen[contact[of_hydrogen] < BONDED]
        if len(of_hydrogen) and atoms.calc is not None:
            along = -way[of_hydrogen] / distance[of_hydrogen, None]  # from the neighbour to the hydrogen
            force = (atoms.calc.results["forces"][i[of_hydrogen]] * along).sum(axis=1)
            bonds.append(np.column_stack([atoms.numbers[j[of_hydrogen]], distance[of_hydrogen], force]))
    contact = float(np.median(np.concatenate(nearest))) if nearest else np.nan
    return contact, _stiffness(np.concatenate(bonds)) if bonds else np.nan


def _stiffness(bonds: np.ndarray) -> float:
    """eV/Å² from rows of the bonded element, bond length and force along the bond."""
    found = []
    for element in np.unique(bonds[:, 0]):
        length, force = bonds[bonds[:, 0] == element, 1:].T
        near = (abs(length / np.median(length) - 1) < 0.15) & np.isfinite(force)
        length, force = length[near], force[near]
        if len(length) >= 10 and np.ptp(length) > 0 and np.ptp(force) > 0:
            followed = np.corrcoef(length, force)[0, 1]
            if followed < -0.7:
                found.append(followed * force.std() / length.std() * -1)
    return float(np.median(found)) if found else np.nan


def _better_units(depth: float, slope: float, stiffness: float, energy_unit: str, force_unit: str) -> str:
    """The pair of units under which the three tests come out best; `stiffness` is over the usual one."""

    def strangeness(energy: str, force: str) -> float:
        by_energy = ENERGY_UNITS[energy] / ENERGY_UNITS[energy_unit]
        by_force = FORCE_UNITS[force] / FORCE_UNITS[force_unit]
        score = 0.0 if abs(depth * by_energy - 1) < 0.05 else 1.0 if depth * by_energy < 1.05 else 100.0
        score += USUAL.get((energy, force), 1.0)
        if slope > 0:
            score += abs(np.log(slope * by_energy / by_force)) / 0.2
        if stiffness > 0:
            score += abs(np.log(stiffness * by_force)) / 1.5
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
        for i, j in _nearest_pairs(positions, frames.pbc[members[0]]):
            step, other = _way(positions[i], positions[j], forces[j], frames.pbc[members[0]], frames.cell[members[0]])
            length = (step**2).sum()
            if 1e-8 < length < NEAR**2 * len(step):
                change.append(frames.energy[members[j]] - frames.energy[members[i]])
                work.append(-((forces[i] + other) / 2 * step).sum())
                stiffness.append(((forces[i] - other) * step).sum() / length)
    if len(change) < 3:
        return Neighbours(0, np.nan, np.nan)
    correlated = np.ptp(change) > 0 and np.ptp(work) > 0 and abs(np.corrcoef(change, work)[0, 1]) > 0.9
    # a median of slopes: a few pairs far up the repulsive wall, where trapezoids fail, pull least squares down to 0.5
    slope = float(theilslopes(change, work)[0]) if correlated else np.nan
    middle = float(np.median(stiffness))
    return Neighbours(len(change), slope, middle if middle > 0 else np.nan)


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


def _nearest_pairs(positions: np.ndarray, pbc: np.ndarray) -> list[tuple[int, int]]:
    """Each frame with the one whose pair distances (isolated) or positions (periodic) are nearest to its own."""
    if pbc.any():
        some = positions[:, :: -(-positions.shape[1] // 167)]  # of large cells, or the pairs fill the memory
        shape = some.reshape(len(positions), -1)
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
