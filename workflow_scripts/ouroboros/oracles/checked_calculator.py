"""A calculator whose forces drive nothing unless it says that they are converged."""

from collections.abc import Callable
from typing import Any

import numpy as np
from ase import Atoms
from ase.calculators.calculator import Calculator, SCFError, all_changes


class CheckedCalculator(Calculator):
    """Another calculator, asked after each structure whether its answer is converged: for relaxations and MD.

    A label is checked by `label_with_calculator`; many codes go on with an SCF that has not converged, and a
    relaxation or an MD run would follow such forces without a word.
    """

    implemented_properties = ["energy", "free_energy", "forces", "stress"]  # noqa: RUF012 (ASE declares it so)

    def __init__(self, calculator: Any, read: Callable[[Any, Atoms], tuple[bool, str]]):
        """Take the calculator, and what tells of it and a structure whether it converged, with a message if not."""
        super().__init__()
        self.calculator, self._read = calculator, read

    def calculate(self, atoms: Any = None, properties=("energy",), system_changes=all_changes) -> None:
        """Energy, forces and whatever else the calculator gives along with them.

        Raises:
            SCFError: it did not converge, or energy or forces are not finite numbers.
        """
        super().calculate(atoms, properties, system_changes)
        given: Any = self.atoms  # ASE sets it
        structure = given.copy()
        structure.calc = self.calculator
        forces = structure.get_forces()  # first: codes that are asked for energy alone run twice
        energy = structure.get_potential_energy()
        converged, message = self._read(self.calculator, structure)
        if not converged:
            raise SCFError(message)
        if not (np.isfinite(energy) and np.isfinite(forces).all()):
            raise SCFError("the energy or forces that came out are not finite numbers")
        self.results = {**getattr(self.calculator, "results", {}), "energy": energy, "forces": forces}
