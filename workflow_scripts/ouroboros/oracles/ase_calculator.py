"""Any ASE calculator as an oracle: ORCA, CP2K, VASP, Quantum ESPRESSO and whatever else ASE or a package drives."""

import inspect
import json
import re
from collections.abc import Callable
from contextlib import suppress
from importlib import import_module
from importlib.metadata import PackageNotFoundError, packages_distributions, version
from typing import Any

import numpy as np
from ase import Atoms
from ase.calculators.calculator import BaseCalculator

from . import Label, complete, label_with_calculator, refused_label, spin_state, structure_problem, unconverged_by_type
from .checked_calculator import CheckedCalculator

DEFAULTS: dict[str, Any] = {
    "kind": "ase",
    "charge": 0,
    "multiplicity": 1,
    "calculator": "",
    "arguments": {},
    "converged": None,
    "level_of_theory": "",
    "version": "",
}
ASE = "Larsen et al., J. Phys.: Condens. Matter 2017, 29, 273002 (ASE)"
PLACEHOLDER = re.compile(r"\$(charge|multiplicity|unpaired)\b")


class AseOracle:
    """A calculator named by its import path and keyword arguments, made anew for each label.

    In `arguments`, "$charge", "$multiplicity" and "$unpaired" (multiplicity − 1) stand for those of the structure,
    and `{"import": "ase.calculators.orca.OrcaProfile", "arguments": {...}}` for an object to be made.
    """

    def __init__(self, settings: dict[str, Any]):
        """Check the settings; nothing is run, and no calculator made, as some start their program at once.

        Args:
            settings: `calculator` (import path), `arguments`, `converged` (how convergence is read: None, an
                attribute, method or result of the calculator, or the path of a function), `level_of_theory`,
                `version` (of the program behind the calculator), `charge` (e), `multiplicity` (2S + 1).

        Raises:
            ValueError: an unknown key, a missing or impossible value, or a path that cannot be imported.
        """
        self.settings = complete(settings, DEFAULTS)
        for key, example in (("calculator", "ase.calculators.orca.ORCA"), ("level_of_theory", "PBE/def2-SVP")):
            if not self.settings[key]:
                raise ValueError(f"oracle.ase.{key} is missing, but the kind ase needs it: for example {example}")
        if "directory" in self.settings["arguments"]:
            raise ValueError(
                "oracle.ase.arguments has a directory, but each label is computed in an empty folder of its own: "
                "leave it out"
            )
        path = self.settings["calculator"]
        _check(path, self.settings["arguments"], "oracle.ase")
        converged = self.settings["converged"]
        self._is_function = converged is not None and "." in converged
        self._convergence: Callable[[Any, Atoms], Any] | None = None
        if converged:
            self._convergence = (
                _imported(converged, "oracle.ase.converged") if self._is_function else _reader(converged)
            )
        versions = [f"ase {version('ase')}", _package_version(path), self.settings["version"]]
        self.settings["version"] = ", ".join(dict.fromkeys(filter(None, versions)))
        self.level_of_theory = self.settings["level_of_theory"]
        self.citation = f"{self.level_of_theory} with {path}; {ASE}; cite the program behind it as it asks"
        self._used = set(PLACEHOLDER.findall(json.dumps(self.settings["arguments"])))

    def refusal(self, atoms: Atoms) -> str | None:
        """A charge or spin that the calculator would not be told of; see `Oracle`."""
        return structure_problem(atoms, self.settings) or self._untold(*spin_state(atoms, self.settings))

    def label(self, atoms: Atoms) -> Label:
        """Energy (eV) and forces (eV/Å) of one structure, in the present working directory; see `Oracle`."""
        if refused := refused_label(self, atoms):
            return refused
        state = spin_state(atoms, self.settings)
        return label_with_calculator(
            atoms,
            lambda: self._calculator(*state),
            self.level_of_theory,
            lambda error, calculator: self._unconverged(error, calculator, atoms),
            self._read_convergence if self._convergence else None,
        )

    def calculator(self) -> BaseCalculator:
        """The calculator itself, asked at each step whether it converged; what it carries on is its own affair.

        Raises:
            ValueError: the settings have a charge or spin that the calculator would not be told of.
        """
        state = self.settings["charge"], self.settings["multiplicity"]
        problem = self._untold(*state)
        if problem:
            raise ValueError(problem)
        calculator = self._calculator(*state)
        return CheckedCalculator(calculator, self._read_convergence) if self._convergence else calculator

    def _calculator(self, charge: int, multiplicity: int) -> BaseCalculator:
        state = {"$charge": charge, "$multiplicity": multiplicity, "$unpaired": multiplicity - 1}
        return _built({"import": self.settings["calculator"], "arguments": self.settings["arguments"]}, state)

    def _untold(self, charge: int, multiplicity: int) -> str | None:
        """Calculators take a neutral singlet where they are not told: never label that for something else."""
        for is_default, told, what in (
            (charge == 0, "charge" in self._used, f"charge {charge}, but nothing in oracle.ase.arguments is $charge"),
            (
                multiplicity == 1,
                self._used & {"multiplicity", "unpaired"},
                f"multiplicity {multiplicity}, but nothing in oracle.ase.arguments is $multiplicity or $unpaired",
            ),
        ):
            if not (is_default or told):
                return f"the structure has {what}: {self.settings['calculator']} would compute another state"
        return None

    def _unconverged(self, error: Exception, calculator: Any, atoms: Atoms) -> str | None:
        """A function that reads the output can tell an SCF that does not converge from a program that broke."""
        if self._is_function and calculator is not None:
            with suppress(Exception):
                converged, message = self._read_convergence(calculator, atoms)
                return None if converged else message
        return unconverged_by_type(error, calculator)

    def _read_convergence(self, calculator: Any, atoms: Atoms) -> tuple[bool, str]:
        """Converged or not, and why not; a RuntimeError where the answer is neither."""
        name = self.settings["converged"]
        assert self._convergence is not None
        found = self._convergence(calculator, atoms)
        answer, message = found if isinstance(found, tuple) and len(found) == 2 else (found, "")
        if answer is None:  # ASE's VASP, where the output does not tell
            raise RuntimeError(f"oracle.ase.converged ({name}) does not tell whether the calculation converged")
        if not isinstance(answer, bool | np.bool_ | int | np.integer):
            raise RuntimeError(f"oracle.ase.converged ({name}) gave {answer!r}, which is neither true nor false")
        return bool(answer), message or ("" if answer else f"not converged, as {name} says")


def _reader(name: str) -> Callable[[Any, Atoms], Any]:
    """Reads an attribute, a method without arguments, or a result of the calculator."""

    def read(calculator: Any, atoms: Atoms) -> Any:
        if hasattr(calculator, name):
            found = getattr(calculator, name)
            return found() if callable(found) else found
        results = getattr(calculator, "results", {})
        if name not in results:
            raise RuntimeError(
                f"oracle.ase.converged is {name!r}, but {type(calculator).__name__} has no such attribute, method or "
                "result"
            )
        return results[name]

    return read


def _imported(path: Any, name: str) -> Callable[..., Any]:
    """What stands at an import path; ValueError where there is nothing that can be called."""
    try:
        module, _, attribute = path.rpartition(".")
        found = getattr(import_module(module), attribute)
    except Exception as error:  # a module of the user's may raise anything
        problem = " ".join(str(error).split())
        raise ValueError(f"{name} is {path!r}, which cannot be imported ({problem}): check the path") from error
    if not callable(found):
        raise ValueError(f"{name} is {path!r}, which is not a class or function: check the path")
    return found


def _check(path: Any, arguments: Any, name: str) -> None:
    """Raise ValueError for a call that cannot be, in `arguments` too."""
    label = f"{name}.calculator" if name == "oracle.ase" else f"{name}.import"
    function = _imported(path, label)
    if not isinstance(arguments, dict):
        raise ValueError(f"{name}.arguments is {arguments!r}, but it has to be a dict of keyword arguments")
    for key, value in arguments.items():
        _check_nested(value, f"{name}.arguments.{key}")
    try:
        inspect.signature(function).bind(**arguments)
    except TypeError as error:
        raise ValueError(f"{name}.arguments do not fit {path}: {error}") from error
    except ValueError:  # compiled functions that do not tell their arguments
        return


def _check_nested(value: Any, name: str) -> None:
    if isinstance(value, dict) and "import" in value:
        unknown = set(value) - {"import", "arguments"}
        if unknown:
            raise ValueError(f"{name} has {', '.join(sorted(unknown))} beside import: only arguments may stand there")
        _check(value["import"], value.get("arguments", {}), name)
    elif isinstance(value, dict | list):
        for key, nested in value.items() if isinstance(value, dict) else enumerate(value):
            _check_nested(nested, f"{name}.{key}")


def _built(value: Any, state: dict[str, int]) -> Any:
    """A fresh copy of `value` with placeholders replaced and objects made."""
    if isinstance(value, str):
        return state[value] if value in state else PLACEHOLDER.sub(lambda found: str(state[found.group()]), value)
    if isinstance(value, list):
        return [_built(each, state) for each in value]
    if isinstance(value, dict):
        if "import" in value:
            return _imported(value["import"], "import")(**_built(value.get("arguments", {}), state))
        return {key: _built(each, state) for key, each in value.items()}
    return value


def _package_version(path: str) -> str:
    """Name and version of the package that an import path begins with; empty for a lone module."""
    top = path.split(".")[0]
    for name in packages_distributions().get(top, []):
        try:
            return f"{name} {version(name)}"
        except PackageNotFoundError:
            continue
    return ""
