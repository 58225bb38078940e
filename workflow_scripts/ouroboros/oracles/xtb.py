"""Extended tight binding with tblite: labels in milliseconds, for first experiments and for every test."""

from typing import Any

import numpy as np
from ase import Atoms
from ase.data import chemical_symbols
from tblite.ase import TBLite
from tblite.library import get_version

from . import (
    Label,
    complete,
    electron_problem,
    label_with_calculator,
    refused_label,
    setting_name,
    spin_state,
    structure_problem,
)

CITATIONS = {
    "GFN2-xTB": "Bannwarth, Ehlert, Grimme, J. Chem. Theory Comput. 2019, 15, 1652 (GFN2-xTB, with tblite)",
    "GFN1-xTB": "Grimme, Bannwarth, Shushkov, J. Chem. Theory Comput. 2017, 13, 1989 (GFN1-xTB, with tblite)",
}
METHODS = tuple(CITATIONS)
HEAVIEST = 86  # both methods have parameters up to radon
DEFAULTS = {
    "kind": "xtb",
    "method": "GFN2-xTB",
    "charge": 0,
    "multiplicity": 1,
    "accuracy": 1.0,
    "max_iterations": 250,
}


class XtbOracle:
    """GFN2-xTB (Bannwarth et al., J. Chem. Theory Comput. 2019, 15, 1652) and its relatives.

    At `accuracy: 1.0` the SCF stops where forces still depend on the starting density by about 1e-4 eV/Å (measured
    on ethanol, energies by 1e-8 eV). So each label starts from scratch, which costs 0.1 ms, and the same structure
    gets the same label, bit for bit, whatever came before it.
    """

    def __init__(self, settings: dict[str, Any]):
        """Check the settings.

        Args:
            settings: `method`, `charge` (e), `multiplicity` (2S + 1), `accuracy` (tblite's own scale, smaller is
                tighter), `max_iterations` (of the SCF); `DEFAULTS` fill in what is missing.

        Raises:
            ValueError: an unknown key or an impossible value.
        """
        self.settings = complete(settings, DEFAULTS)
        method = self.settings["method"]
        if method not in METHODS:
            raise ValueError(f"oracle.xtb.method is {method!r}, but xtb has {', '.join(METHODS)}")
        for key in ("accuracy", "max_iterations"):
            if not self.settings[key] > 0:
                raise ValueError(f"{setting_name('xtb', key)} is {self.settings[key]}, but it has to be more than 0")
        self.settings["version"] = "tblite " + ".".join(map(str, get_version()))
        self.level_of_theory, self.citation = method, CITATIONS[method]

    def refusal(self, atoms: Atoms) -> str | None:
        """An element beyond radon, or an odd number of electrons in a singlet; see `Oracle`."""
        problem = structure_problem(atoms, self.settings)
        if problem:
            return problem
        if atoms.numbers.max() > HEAVIEST:
            symbol = chemical_symbols[atoms.numbers.max()]
            return f"{self.level_of_theory} has no parameters for {symbol}: it reaches from H to Rn"
        # tblite takes an odd number of electrons for a doublet without a word. The 4f electrons of Ce to Lu are in
        # its core: each has three valence electrons, as La.
        numbers = np.where((atoms.numbers > 57) & (atoms.numbers < 72), 57, atoms.numbers)
        charge, multiplicity = spin_state(atoms, self.settings)
        return electron_problem(int(numbers.sum()) - charge, charge, multiplicity)

    def label(self, atoms: Atoms) -> Label:
        """Energy (eV) and forces (eV/Å) of one structure; see `Oracle`."""
        if refused := refused_label(self, atoms):
            return refused
        state = spin_state(atoms, self.settings)
        # tblite raises CalculationFailed("SCF not converged in 250 cycles")
        return label_with_calculator(
            atoms,
            lambda: self._calculator(*state),
            self.level_of_theory,
            lambda error, _: str(error) if "not converged" in str(error) else None,
        )

    def calculator(self) -> TBLite:
        """The ASE calculator of tblite, quiet; it restarts each step from the density of the last."""
        return self._calculator(self.settings["charge"], self.settings["multiplicity"])

    def _calculator(self, charge: int, multiplicity: int) -> TBLite:
        names = ("method", "accuracy", "max_iterations")
        rest = {name: self.settings[name] for name in names}
        return TBLite(verbosity=0, charge=charge, multiplicity=multiplicity, **rest)
