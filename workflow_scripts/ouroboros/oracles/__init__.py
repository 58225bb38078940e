"""Oracles: the codes that label structures with energy and forces, behind one small protocol.

A further kind is one module in this folder and one entry in `KINDS`; its library is imported only when it is asked
for.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from difflib import get_close_matches
from importlib import import_module
from typing import Any, Protocol

import numpy as np
from ase import Atoms
from ase.calculators.calculator import BaseCalculator

KINDS = {"xtb": "xtb:XtbOracle"}  # kind -> module in this folder and the class, which takes the settings


@dataclass(frozen=True)
class Label:
    """What an oracle says about one structure.

    Attributes:
        energy: eV; NaN where there is none.
        forces: (n_atoms, 3) eV/Å; NaN where there are none.
        converged: the code itself says that its answer is converged.
        level_of_theory: for example "GFN2-xTB".
        seconds: wall time it took.
        message: what the code said when it failed, else empty.
        reusable: False where the code broke instead of giving an answer (crash, out of memory, refused input): the
            same call may work tomorrow, so the store never keeps such a label. An SCF that used up its iterations
            *is* an answer, the same each time, and stays True.
    """

    energy: float
    forces: np.ndarray
    converged: bool
    level_of_theory: str
    seconds: float
    message: str = ""
    reusable: bool = True

    @classmethod
    def failed(cls, n_atoms: int, level_of_theory: str, seconds: float, message: str, reusable: bool) -> "Label":
        """A label without energy and forces."""
        return cls(np.nan, np.full((n_atoms, 3), np.nan), False, level_of_theory, seconds, message, reusable)


class Oracle(Protocol):
    """What every kind offers.

    Attributes:
        settings: plain values, complete with defaults and the code's version: with the structure, the identity of
            a label.
        level_of_theory: the name that goes with every label.
    """

    settings: dict[str, Any]
    level_of_theory: str

    def label(self, atoms: Atoms) -> Label:
        """Energy and forces of one structure; never raises for a structure that fails.

        The answer must depend on `atoms` alone, not on what was labelled before.
        """

    def calculator(self) -> BaseCalculator:
        """An ASE calculator of the same level of theory, for relaxations and MD."""


def make_oracle(settings: dict[str, Any]) -> Oracle:
    """The oracle that `settings` describe: `{"kind": "xtb", "method": "GFN2-xTB", ...}`.

    Raises:
        ValueError: an unknown kind or setting, or a value that cannot be, in one sentence.
    """
    kind = settings.get("kind")
    if kind not in KINDS:
        raise ValueError(f"oracle.kind is {kind!r}, but there is only {', '.join(KINDS)}: choose one of these")
    module, _, name = KINDS[kind].partition(":")
    return getattr(import_module(f".{module}", __name__), name)(settings)


def complete(settings: dict[str, Any], defaults: dict[str, Any]) -> dict[str, Any]:
    """`settings` with `defaults` filled in, each value in the type of its default.

    One type for one setting, because `charge: 0` and `charge: 0.0` would otherwise be two identities of one label.

    Raises:
        ValueError: a key that `defaults` do not have, or a value of another kind.
    """
    for key, value in settings.items():
        if key not in defaults:
            close = get_close_matches(key, defaults, n=1)
            hint = f"did you mean {close[0]}? " if close else ""
            raise ValueError(
                f"oracle.{key} is not a setting of the kind {settings['kind']}: {hint}it takes {', '.join(defaults)}"
            )
        kind = type(defaults[key])
        try:
            same = kind(value) == value
        except (TypeError, ValueError):
            same = False
        if not same:
            raise ValueError(f"oracle.{key} is {value!r}, but it has to be of type {kind.__name__}")
    return {key: type(default)(settings.get(key, default)) for key, default in defaults.items()}


def label_with_calculator(
    atoms: Atoms,
    calculator: BaseCalculator,
    level_of_theory: str,
    is_unconverged: Callable[[Exception], bool],
) -> Label:
    """Run an ASE calculator once and turn whatever it raises into a label that says so.

    Args:
        atoms: the structure; left untouched.
        calculator: a fresh one, so that no earlier density leaks into the label.
        level_of_theory: name for the label.
        is_unconverged: tells the exceptions that mean "the SCF did not converge" from those that mean "it broke".
    """
    atoms = Atoms(atoms.numbers, atoms.positions, cell=atoms.cell, pbc=atoms.pbc, calculator=calculator)
    start = time.perf_counter()
    try:
        energy, forces = float(atoms.get_potential_energy()), np.array(atoms.get_forces(), dtype=float)
    except Exception as error:  # whatever a quantum-chemistry code throws must cost one label, not the batch
        message = " ".join(str(error).split()) or type(error).__name__
        seconds = time.perf_counter() - start
        return Label.failed(len(atoms), level_of_theory, seconds, message, reusable=is_unconverged(error))
    return Label(energy, forces, True, level_of_theory, time.perf_counter() - start)
