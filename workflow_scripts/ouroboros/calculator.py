"""The committee in ASE: energy, forces and their uncertainty for any script that takes a calculator."""

from typing import Any

from ase.calculators.calculator import Calculator, all_changes

from .committee import Committee
from .frames import Frames


class CommitteeCalculator(Calculator):
    """ASE calculator of a committee's mean.

    `results` also holds `energy_std` (eV) and `force_std` ((n_atoms,) eV/Å), the spread of the members.

    Example:
        atoms.calc = CommitteeCalculator(Committee.load(["model_0/model.pt", "model_1/model.pt"]))
        atoms.get_forces(), atoms.calc.results["force_std"].max()
    """

    implemented_properties = ["energy", "free_energy", "forces"]  # noqa: RUF012 (ASE declares it so)

    def __init__(self, committee: Committee, **kwargs: Any):
        super().__init__(**kwargs)
        self.committee = committee

    def calculate(self, atoms: Any = None, properties=("energy",), system_changes=all_changes) -> None:
        """Evaluate the committee on `atoms`."""
        super().calculate(atoms, properties, system_changes)
        structure: Any = self.atoms  # ASE sets it
        prediction = self.committee.predict(Frames.from_atoms([structure]))
        self.results = {
            "energy": float(prediction.energy[0]),
            "free_energy": float(prediction.energy[0]),
            "forces": prediction.forces,
            "energy_std": float(prediction.energy_std[0]),
            "force_std": prediction.force_std,
        }
