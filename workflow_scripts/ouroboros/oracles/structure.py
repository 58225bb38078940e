"""What an oracle is asked to label: the structure's charge and multiplicity, and what no oracle can compute."""

from typing import Any

import numpy as np
from ase import Atoms

from ..frames import SPIN_STATE


def spin_state(atoms: Atoms, settings: dict[str, Any]) -> tuple[int, int]:
    """Charge (e) and multiplicity (2S + 1): those in `atoms.info` where it has them, else those of the settings.

    Raises:
        ValueError: `info` holds something that is no whole number.
    """
    found = []
    for name in SPIN_STATE:
        value = atoms.info.get(name, settings[name])
        try:
            whole = int(value)
            if whole != value:
                raise ValueError
        except (TypeError, ValueError, OverflowError):
            raise ValueError(
                f"the structure's {name} is {value!r}, but it has to be a whole number: mend the column {name}"
            ) from None
        found.append(whole)
    return found[0], found[1]


def structure_settings(settings: dict[str, Any], atoms: Atoms) -> dict[str, Any]:
    """An oracle's settings with the charge and multiplicity that count for this structure; see `spin_state`."""
    if not set(SPIN_STATE) <= set(settings):
        return settings
    return settings | dict(zip(SPIN_STATE, spin_state(atoms, settings), strict=True))


def structure_problem(atoms: Atoms, settings: dict[str, Any]) -> str | None:
    """Why no oracle can label this structure, in one sentence; None where nothing is wrong with it."""
    if not len(atoms):
        return "the structure has no atoms"
    if atoms.numbers.min() < 1:
        return "an atom of the structure has no element"
    if not (np.isfinite(atoms.positions).all() and np.isfinite(atoms.cell.array).all()):
        return "positions or cell of the structure are not finite numbers"
    try:
        charge, multiplicity = spin_state(atoms, settings)
    except ValueError as error:
        return str(error)
    if multiplicity < 1:
        return f"multiplicity {multiplicity} does not exist: it is 2S + 1, so 1 or more"
    if atoms.numbers.sum() < charge:
        return f"charge {charge} is more than the {atoms.numbers.sum()} electrons of {atoms.get_chemical_formula()}"
    return None


def electron_problem(electrons: int, charge: int, multiplicity: int) -> str | None:
    """Why this many electrons (those that `charge` leaves) cannot have this multiplicity; None where they can."""
    if electrons % 2 == multiplicity % 2:
        number, needed = ("odd", "even") if electrons % 2 else ("even", "odd")
        return (
            f"charge {charge} leaves an {number} number of electrons, which cannot have multiplicity {multiplicity}: "
            f"it has to be {needed}"
        )
    if not 0 <= multiplicity - 1 <= electrons:
        return f"charge {charge} leaves {electrons} electrons, too few for multiplicity {multiplicity}"
    return None
