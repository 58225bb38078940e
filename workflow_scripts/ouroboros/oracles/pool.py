"""Labelled frames that were held back: active learning on a data set itself, with no quantum chemistry."""

from functools import cached_property
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
from ase import Atoms

from ..frames import stress_of
from ..label_store import label_key
from . import Label, complete, refused_label, structure_problem

DEFAULTS = {"kind": "pool", "charge": 0, "multiplicity": 1, "path": "", "reference": "", "level_of_theory": ""}


class PoolOracle:
    """Looks structures up in a reference database, bit for bit.

    The checksum of the reference and its level of theory are the identity; where the database lies does not matter.
    """

    citation = "the labels are those of the reference itself: cite its source"

    def __init__(self, settings: dict[str, Any]):
        """Check the settings; the database is read when the first label is asked for.

        Args:
            settings: `path` (of reference.db), `reference` (its checksum), `level_of_theory`, `charge` (e),
                `multiplicity` (2S + 1).

        Raises:
            ValueError: an unknown key, a missing value, or no such file.
        """
        self.settings = complete(settings, DEFAULTS)
        for key in ("path", "reference", "level_of_theory"):
            if not self.settings[key]:
                raise ValueError(f"oracle.pool.{key} is missing: a pool needs reference.db, its checksum and its level")
        self._path = Path(self.settings.pop("path"))
        if not self._path.is_file():
            raise ValueError(f"oracle.pool.path is {str(self._path)!r}, where there is no database: write it first")
        self.level_of_theory = self.settings["level_of_theory"]

    def refusal(self, atoms: Atoms) -> str | None:
        """A structure that is not in the pool; see `Oracle`."""
        problem = structure_problem(atoms, self.settings)
        if problem or label_key(atoms, self.settings) in self._labels:
            return problem
        return (
            f"{atoms.get_chemical_formula()} with these positions is not among the {len(self._labels)} structures of "
            f"{self._path.name}: a pool labels only what is in it"
        )

    def label(self, atoms: Atoms) -> Label:
        """The reference's energy (eV), forces (eV/Å) and stress (eV/Å³) of this structure; see `Oracle`."""
        if refused := refused_label(self, atoms):
            return refused
        found = self._labels[label_key(atoms, self.settings)]
        stress = stress_of(found)
        return Label(
            found.get_potential_energy(),
            found.get_forces(),
            True,
            self.level_of_theory,
            0.0,
            stress=stress if np.isfinite(stress).all() else None,
        )

    def calculator(self) -> NoReturn:
        """There is none.

        Raises:
            ValueError: always.
        """
        raise ValueError("a pool of labelled frames cannot drive dynamics: choose another oracle.kind to generate data")

    @cached_property
    def _labels(self) -> dict[str, Atoms]:
        from ..reference import read_database  # which imports the oracles

        labelled = (atoms for atoms in read_database(self._path).to_atoms() if atoms.calc is not None)
        return {label_key(atoms, self.settings): atoms for atoms in labelled}
