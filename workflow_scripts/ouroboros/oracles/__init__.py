"""Oracles: the codes that label structures with energy and forces, behind one small protocol.

A further kind is one module in this folder and one entry in `KINDS`; its library is imported only when it is asked
for.
"""

import json
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from difflib import get_close_matches
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from ase import Atoms
from ase.calculators.calculator import BaseCalculator, CalculatorError, SCFError

from ..faults import Fault
from ..frames import stress_of
from .structure import electron_problem, spin_state, structure_problem, structure_settings

__all__ = [
    "KINDS",
    "Label",
    "NotConverged",
    "Oracle",
    "complete",
    "electron_problem",
    "label_with_calculator",
    "make_oracle",
    "refused_label",
    "setting_name",
    "spin_state",
    "structure_problem",
    "structure_settings",
    "unconverged_by_type",
]

KINDS = {  # kind -> module in this folder and the class, which takes the settings
    "xtb": "xtb:XtbOracle",
    "pyscf": "pyscf_dft:PyscfOracle",
    "ase": "ase_calculator:AseOracle",
    "pool": "pool:PoolOracle",
    "model": "teacher:TeacherOracle",
}
SHARED = ("kind", "charge", "multiplicity")  # settings of every kind


class NotConverged(Fault, ValueError):
    """Nothing can be had without a label whose SCF did not converge."""

    entry = "the-scf-does-not-converge"


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
        stress: (3, 3) eV/Å³ in ASE's sign; None where the structure is not periodic or the code gives none.
    """

    energy: float
    forces: np.ndarray
    converged: bool
    level_of_theory: str
    seconds: float
    message: str = ""
    reusable: bool = True
    stress: np.ndarray | None = None

    @classmethod
    def failed(cls, n_atoms: int, level_of_theory: str, seconds: float, message: str, reusable: bool) -> "Label":
        """A label without energy and forces."""
        return cls(np.nan, np.full((n_atoms, 3), np.nan), False, level_of_theory, seconds, message, reusable)


class Oracle(Protocol):
    """What every kind offers.

    Attributes:
        settings: plain values, complete with defaults and the code's version: with the structure, the identity of
            a label. No path that only says where a file lies is among them.
        level_of_theory: the name that goes with every label.
        citation: what a user of the labels has to cite.
    """

    settings: dict[str, Any]
    level_of_theory: str
    citation: str

    def refusal(self, atoms: Atoms) -> str | None:
        """Why this oracle cannot label this structure, in one sentence without a full stop; None where it can.

        Cheap, so that it can be asked before any expensive work: an element without a basis, an odd number of
        electrons in a singlet. What it lets through may still fail.
        """

    def label(self, atoms: Atoms) -> Label:
        """Energy and forces of one structure; never raises for a structure that fails.

        The answer must depend on `atoms` alone (elements, positions, cell, pbc, and `info["charge"]` and
        `info["multiplicity"]` where they are), not on what was labelled before.
        """

    def calculator(self) -> BaseCalculator:
        """An ASE calculator of the same level of theory, for relaxations and MD; charge and spin of the settings."""


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


def refused_label(oracle: Oracle, atoms: Atoms) -> Label | None:
    """The label of a structure that the oracle refuses, which nothing was computed for; None where it does not."""
    refusal = oracle.refusal(atoms)
    return Label.failed(len(atoms), oracle.level_of_theory, 0.0, refusal, reusable=False) if refusal else None


def with_files(settings: dict[str, Any], reference: dict[str, Any], database: str | None) -> dict[str, Any]:
    """Settings for `make_oracle` with the files that the kind reads, absolute: a label is computed in its own folder.

    Args:
        settings: as the config has them.
        reference: reference.json, by whose checksum (of structures and labels) and level of theory a pool is known.
        database: reference.db, for a pool.
    """
    if settings["kind"] == "pool":
        known = {"reference": reference["checksum"], "level_of_theory": reference["level_of_theory"]}
        return settings | {"path": str(Path(str(database)).resolve())} | known
    if settings["kind"] == "model":
        return settings | {"paths": [str(Path(path).resolve()) for path in settings["paths"]]}
    return settings


def setting_name(kind: str, key: str) -> str:
    """A setting's place in the config: `oracle.charge`, `oracle.xtb.accuracy`."""
    return f"oracle.{key}" if key in SHARED else f"oracle.{kind}.{key}"


def complete(settings: dict[str, Any], defaults: dict[str, Any]) -> dict[str, Any]:
    """`settings` with `defaults` filled in, each value in the type of its default.

    One type for one setting, because `charge: 0` and `charge: 0.0` would otherwise be two identities of one label.
    A default of None stands for text or None; dicts and lists have to be JSON values throughout.

    Raises:
        ValueError: a key that `defaults` do not have, or a value of another kind.
    """
    kind = settings["kind"]
    for key in settings:
        if key not in defaults:
            close = get_close_matches(key, defaults, n=1)
            hint = f"did you mean {close[0]}? " if close else ""
            raise ValueError(
                f"{setting_name(kind, key)} is not a setting of the kind {kind}: {hint}it takes {', '.join(defaults)}"
            )
    filled = {
        key: _typed(settings.get(key, default), default, setting_name(kind, key)) for key, default in defaults.items()
    }
    if filled.get("multiplicity", 1) < 1:
        raise ValueError(f"oracle.multiplicity is {filled['multiplicity']}, but it is 2S + 1: it has to be 1 or more")
    return filled


def _typed(value: Any, default: Any, name: str) -> Any:
    if value is None and default is None:
        return None
    kind = str if default is None else type(default)
    nested = kind in (dict, list)
    try:
        typed = json.loads(json.dumps(value, allow_nan=False)) if nested else kind(value)
        if isinstance(typed, kind) and typed == value:
            return typed
    except (TypeError, ValueError, OverflowError):
        pass
    what = f"{kind.__name__}{' of plain values' if nested else ''}{' or null' if default is None else ''}"
    raise ValueError(f"{name} is {value!r}, but it has to be of type {what}")


def unconverged_by_type(error: Exception, calculator: BaseCalculator | None) -> str | None:
    """The message of ASE's own exception for an SCF that does not converge; None for any other."""
    return str(error) if isinstance(error, SCFError) else None


def label_with_calculator(
    atoms: Atoms,
    make_calculator: Callable[[], BaseCalculator],
    level_of_theory: str,
    unconverged: Callable[[Exception, BaseCalculator | None], str | None] = unconverged_by_type,
    convergence: Callable[[BaseCalculator, Atoms], tuple[bool, str]] | None = None,
) -> Label:
    """Run an ASE calculator once and turn whatever it raises into a label that says so.

    The energy is the one whose derivative the forces are: `free_energy` where the calculator gives it. With smeared
    occupations `energy` is extrapolated to zero kelvin and does not fit the forces. The stress of a periodic structure
    is taken where the calculator gave it along with the forces; no further calculation is made for it.

    Args:
        atoms: the structure; left untouched.
        make_calculator: gives a fresh one, so that no earlier density leaks into the label.
        level_of_theory: name for the label.
        unconverged: tells the exceptions that mean "the SCF did not converge", which gives the message, from those
            that mean "it broke", which gives None. Its second argument is None where no calculator could be made.
        convergence: reads, from the calculator that has run, whether its answer is converged, and a message.
    """
    atoms = Atoms(atoms.numbers, atoms.positions, cell=atoms.cell, pbc=atoms.pbc)
    calculator, stress, start = None, np.full((3, 3), np.nan), time.perf_counter()
    try:
        atoms.calc = calculator = make_calculator()
        forces = np.array(atoms.get_forces(), dtype=float)  # first: codes that are asked for energy alone run twice
        energy = float(getattr(calculator, "results", {}).get("free_energy", atoms.get_potential_energy()))
        stress = stress_of(atoms)
        if np.isfinite(energy) and np.isfinite(forces).all():
            converged, message = convergence(calculator, atoms) if convergence else (True, "")
            reusable = True
        else:  # as ASE's ORCA gives where the wavefunction is not fully converged; or a file was read half
            converged, message = False, "the energy or forces that came out are not finite numbers"
            reusable = False
    except Exception as error:  # whatever a quantum-chemistry code throws must cost one label, not the batch
        said = unconverged(error, calculator)
        converged, message, reusable = False, said or _in_one_line(error), said is not None
    finally:
        with suppress(Exception):  # a program that waits for more, as CP2K's shell does
            getattr(calculator, "close", bool)()
    seconds = time.perf_counter() - start
    if not converged:
        return Label.failed(len(atoms), level_of_theory, seconds, message, reusable)
    found = stress if np.isfinite(stress).all() else None
    return Label(energy, forces, True, level_of_theory, seconds, stress=found)


def _in_one_line(error: Exception) -> str:
    """An exception's text; with its name where the text alone says too little, as that of KeyError('H')."""
    text, name = " ".join(str(error).split()), type(error).__name__
    tells = isinstance(error, RuntimeError | ValueError | OSError | CalculatorError)
    return text if text and tells else f"{name}: {text}" if text else name
