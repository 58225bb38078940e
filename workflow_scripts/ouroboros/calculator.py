"""The committee in ASE: energy, forces, stress and their uncertainty for any script that takes a calculator."""

from typing import Any

from ase.calculators.calculator import Calculator, all_changes
from ase.stress import full_3x3_to_voigt_6_stress

from .committee import Committee
from .frames import Frames


class CommitteeCalculator(Calculator):
    """ASE calculator of a committee's mean; stress (eV/Å³, Voigt) of structures with a cell of three vectors.

    `results` also holds the spread of the members: `energy_std` (eV), `force_std` ((n_atoms,) eV/Å) and, where there is
    a stress, `stress_std` (eV/Å³, Voigt).

    Example:
        atoms.calc = CommitteeCalculator(Committee.load(["model_0/model.pt", "model_1/model.pt"]))
        atoms.get_forces(), atoms.calc.results["force_std"].max()
    """

    implemented_properties = ["energy", "free_energy", "forces", "stress"]  # noqa: RUF012 (ASE declares it so)

    def __init__(self, committee: Committee, **kwargs: Any):
        """Take a committee.

        Args:
            committee: any; it is copied to evaluate the stress where it does not and a periodic structure comes.
            kwargs: what every ASE calculator takes, `label` and the like.
        """
        super().__init__(**kwargs)
        self.committee = committee
        self._with_stress: Committee | None = None  # made when a periodic structure comes

    def calculate(self, atoms: Any = None, properties=("energy",), system_changes=all_changes) -> None:
        """Evaluate the committee on `atoms`.

        Raises:
            ValueError: an element that no member was trained on.
        """
        super().calculate(atoms, properties, system_changes)
        structure: Any = self.atoms  # ASE sets it
        self.committee.refuse_unknown(structure.numbers)
        frames = Frames.from_atoms([structure])
        prediction = self._committee_for(frames).predict(frames)
        stress, stress_std = prediction.stress, prediction.stress_std
        self.results = {
            "energy": float(prediction.energy[0]),
            "free_energy": float(prediction.energy[0]),
            "forces": prediction.forces,
            "energy_std": float(prediction.energy_std[0]),
            "force_std": prediction.force_std,
        }
        if stress is not None and stress_std is not None and frames.volume[0] > 0:
            self.results["stress"] = full_3x3_to_voigt_6_stress(stress[0])
            self.results["stress_std"] = full_3x3_to_voigt_6_stress(stress_std[0])

    def _committee_for(self, frames: Frames) -> Committee:
        if not frames.volume[0] > 0:
            return self.committee
        self._with_stress = self._with_stress or self.committee.with_stress()
        return self._with_stress
