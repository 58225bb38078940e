"""Which structures an ensemble can move; told without torch, so that it can be asked before any training."""

from collections.abc import Sequence

from ase import Atoms

RESCALING = ("nose_hoover", "v_rescale", "npt")  # thermostats that rescale velocities


def refuse_structures(ensemble: str, structures: Sequence[Atoms]) -> None:
    """Refuse structures that an ensemble cannot move.

    Args:
        ensemble: its name.
        structures: each is looked at alone.

    Raises:
        ValueError: constant pressure without a full periodic cell, or with a left-handed one; a single atom under a
            thermostat that rescales velocities.
    """
    for number, atoms in enumerate(structures):
        where = _named(number, atoms)
        if ensemble == "npt" and not (atoms.pbc.all() and atoms.cell.rank == 3):
            raise ValueError(
                f"ensemble npt needs cells that are periodic in all three directions, which {where} is not; "
                "use langevin, nose_hoover or v_rescale"
            )
        if ensemble == "npt" and atoms.cell.handedness < 0:
            raise ValueError(f"ensemble npt needs right-handed cells; exchange two cell vectors of {where}")
        if ensemble in RESCALING and len(atoms) == 1:
            raise ValueError(
                f"ensemble {ensemble} rescales velocities, and {where}, a single atom without overall motion, "
                "has none; use langevin"
            )


def refuse_mixed_periodicity(structures: Sequence[Atoms]) -> None:
    """Refuse structures that cannot be in one batch.

    Raises:
        ValueError: some are periodic along other cell vectors than the first.
    """
    for number, atoms in enumerate(structures):
        if (atoms.pbc != structures[0].pbc).any():
            raise ValueError(
                "the walkers of one run have to be periodic along the same cell vectors: "
                f"{_named(number, atoms)} has pbc {atoms.pbc.tolist()}, "
                f"{_named(0, structures[0])} {structures[0].pbc.tolist()}"
            )


def untrained_stress(ensemble: str, stress_weight: float) -> str:
    """A sentence where dynamics follows a stress that no label has told of; else empty."""
    if ensemble != "npt" or stress_weight > 0:
        return ""
    return (
        "Warning: ensemble npt follows the stress, which was not trained on (training.stress_weight is 0): density "
        "and pressure may be far off; label stresses and set the weight, or compare with a known density"
    )


def _named(number: int, atoms: Atoms) -> str:
    return f"structure {number} ({atoms.get_chemical_formula()})"
