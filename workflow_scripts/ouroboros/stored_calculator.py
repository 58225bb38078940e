"""An ASE calculator whose every answer is a label of the store: for relaxations and finite differences."""

from typing import Any

from ase.calculators.calculator import CalculationFailed, Calculator, all_changes

from .oracles import Oracle


class StoredCalculator(Calculator):
    """Energy and forces from `oracle.label`; with a `StoredOracle` a killed job repeats no label that it paid for."""

    implemented_properties = ["energy", "free_energy", "forces"]  # noqa: RUF012 (ASE declares it so)

    def __init__(self, oracle: Oracle, **kwargs: Any):
        super().__init__(**kwargs)
        self.oracle = oracle

    def calculate(self, atoms: Any = None, properties=("energy",), system_changes=all_changes) -> None:
        """Label `atoms`.

        Raises:
            CalculationFailed: the oracle has no converged answer.
        """
        super().calculate(atoms, properties, system_changes)
        structure: Any = self.atoms  # ASE sets it
        label = self.oracle.label(structure)
        if not label.converged:
            raise CalculationFailed(f"the oracle {label.level_of_theory} gives no label: {label.message}")
        self.results = {"energy": label.energy, "free_energy": label.energy, "forces": label.forces}
