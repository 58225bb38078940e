"""Whether the oracle and the reference are one potential-energy surface, from frames labelled again."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from ase import Atoms

from .faults import Fault
from .frames import SPIN_STATE, Frames


class OtherSurface(Fault, ValueError):
    """The oracle and the reference are two potential-energy surfaces."""

    entry = "oracle-and-reference-differ"


@dataclass(frozen=True)
class Agreement:
    """What the oracle says against what the reference says of the same frames.

    Attributes:
        frames: compared.
        force_mae_meV_per_A, force_max_meV_per_A: over all components.
        energy_mae_meV: after a constant shift of each composition, which no force knows of; None where no
            composition stands twice.
        energy_shift_meV_per_atom: the largest of those shifts.
        reference, oracle: their levels of theory.
    """

    frames: int
    force_mae_meV_per_A: float
    force_max_meV_per_A: float
    energy_mae_meV: float | None
    energy_shift_meV_per_atom: float
    reference: str
    oracle: str


def frames_to_compare(frames: Frames, n: int) -> Frames:
    """At most `n` frames of each charge and multiplicity, from low to high energy, of small to large systems."""
    states = [frames.columns[name] for name in SPIN_STATE if name in frames.columns]
    groups = np.unique(np.stack(states), axis=1, return_inverse=True)[1] if states else np.zeros(len(frames), int)
    chosen = []
    for group in np.unique(groups):
        members = np.flatnonzero(groups == group)
        order = members[np.lexsort((frames.energy[members], frames.n_atoms[members]))]
        chosen.append(order[np.unique(np.linspace(0, len(order) - 1, min(n, len(order))).round().astype(int))])
    return frames.take(np.concatenate(chosen))


def agreement(frames: Frames, labels: list[Atoms], reference: str, oracle: str) -> Agreement:
    """Compare the labels of `frames` with those that the oracle gave (`labels`, in the same order)."""
    again = Frames.from_atoms(labels)
    force_error = 1000 * np.abs(again.forces - frames.forces)
    difference = 1000 * (again.energy - frames.energy)
    compositions = np.unique([np.sort(atoms.numbers).tobytes().hex() for atoms in labels], return_inverse=True)[1]
    shift = np.bincount(compositions, difference) / np.bincount(compositions)
    twice = np.bincount(compositions)[compositions] > 1
    energy_error = np.abs(difference - shift[compositions])[twice]
    return Agreement(
        frames=len(frames),
        force_mae_meV_per_A=float(force_error.mean()),
        force_max_meV_per_A=float(force_error.max()),
        energy_mae_meV=float(energy_error.mean()) if twice.any() else None,
        energy_shift_meV_per_atom=float(np.abs(shift[compositions] / again.n_atoms).max()),
        reference=reference,
        oracle=oracle,
    )


def refuse_mismatch(
    found: dict[str, Any], limit_meV_per_A: float, shift_limit_meV_per_atom: float, accept: bool
) -> None:
    """Stop a run whose oracle labels another surface than the reference's.

    Args:
        found: the values of an `Agreement`.
        limit_meV_per_A: largest mean absolute difference of the forces.
        shift_limit_meV_per_atom: largest constant difference of the energies.
        accept: the user wants it all the same.

    Raises:
        OtherSurface: they differ by more.
    """
    mae, shift = found["force_mae_meV_per_A"], found["energy_shift_meV_per_atom"]
    if accept:
        return
    if mae <= limit_meV_per_A:
        if shift <= shift_limit_meV_per_atom:
            return
        raise OtherSurface(
            f"the oracle ({found['oracle']}) and the reference ({found['reference']}) agree in the forces, but their "
            f"energies are {shift:.1f} meV/atom apart, over oracle_gate.energy_shift_meV_per_atom "
            f"({shift_limit_meV_per_atom:g}): the two count energies from different zeros; bring the energies of the "
            "reference to the oracle's zero, or train on forces alone (training.energy_weight 0) with "
            "oracle_gate.accept_mismatch: true"
        )
    energy = found["energy_mae_meV"]
    energies = "" if energy is None else f", {energy:.1f} meV in the energy after a constant shift"
    raise OtherSurface(
        f"the oracle ({found['oracle']}) and the reference ({found['reference']}) differ by {mae:.1f} meV/Å in the "
        f"forces (mean absolute{energies}; {found['frames']} frames), over oracle_gate.force_mae_meV_per_A "
        f"({limit_meV_per_A:g}): labels of two surfaces in one training set fit neither; set `oracle` to the level of "
        "theory of the reference, or oracle_gate.accept_mismatch to true if that is what you want"
    )
