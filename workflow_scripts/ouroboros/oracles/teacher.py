"""A trained committee as a teacher: labels at the speed of a model, for dry runs and for distillation."""

import hashlib
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms
from ase.data import chemical_symbols

from ..calculator import CommitteeCalculator
from ..committee import Committee
from . import Label, complete, label_with_calculator, refused_label, spin_state, structure_problem

DEFAULTS: dict[str, Any] = {"kind": "model", "charge": 0, "multiplicity": 1, "paths": [], "level_of_theory": None}


class TeacherOracle:
    """The mean of a committee's members, in the precision that they were trained in.

    The SHA-256 of the files is the identity; where they lie does not matter. A model knows nothing of charge and
    spin: those of the settings say what it was trained on.
    """

    citation = "the labels are those of a committee of Ouroboros models: cite what it was trained on"

    def __init__(self, settings: dict[str, Any]):
        """Load the models.

        Args:
            settings: `paths` (of model.pt files), `level_of_theory` (None: made from the files), `charge` (e),
                `multiplicity` (2S + 1).

        Raises:
            ValueError: an unknown key, a file that is missing or no model, or members with different cutoffs.
        """
        self.settings = complete(settings, DEFAULTS)
        paths = self.settings.pop("paths")
        if not paths:
            raise ValueError("oracle.model.paths is empty: name the model.pt files of the teacher")
        for path in paths:
            if not isinstance(path, str) or not Path(path).is_file():
                raise ValueError(f"oracle.model.paths names {path!r}, but there is no such file: check the path")
        self._committee = Committee.load(paths)
        self.settings["models"] = [hashlib.sha256(Path(path).read_bytes()).hexdigest() for path in paths]
        together = hashlib.sha256("".join(self.settings["models"]).encode()).hexdigest()
        self.level_of_theory = self.settings["level_of_theory"] or f"model {together[:8]}"
        self.settings["level_of_theory"] = self.level_of_theory
        self.settings["version"] = ", ".join(f"{name} {version(name)}" for name in ("schnetpack", "torch"))

    def refusal(self, atoms: Atoms) -> str | None:
        """An element, charge or spin that the models were not trained on; see `Oracle`."""
        problem = structure_problem(atoms, self.settings)
        if problem:
            return problem
        offsets = self._committee.energy_offsets
        for number in np.unique(atoms.numbers):
            # elements that were in the training set have an energy of their own
            if number >= offsets.shape[1] or not offsets[:, number].any():
                return f"the models of the teacher were not trained on {chemical_symbols[number]}"
        known = self.settings["charge"], self.settings["multiplicity"]
        state = spin_state(atoms, self.settings)
        if state != known:
            return (
                f"the structure has charge {state[0]} and multiplicity {state[1]}, but the teacher was trained on "
                f"{known[0]} and {known[1]} (oracle.charge, oracle.multiplicity)"
            )
        return None

    def label(self, atoms: Atoms) -> Label:
        """Energy (eV) and forces (eV/Å) of one structure; see `Oracle`."""
        if refused := refused_label(self, atoms):
            return refused
        return label_with_calculator(atoms, self.calculator, self.level_of_theory)

    def calculator(self) -> CommitteeCalculator:
        """The committee's ASE calculator, which also gives its own uncertainty."""
        return CommitteeCalculator(self._committee)
