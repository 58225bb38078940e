"""Extended tight binding with tblite: labels in milliseconds, for first experiments and for every test."""

import time
from typing import Any

import numpy as np
from ase import Atoms
from tblite.ase import TBLite
from tblite.library import get_version

from . import Label, complete, label_with_calculator

METHODS = ("GFN2-xTB", "GFN1-xTB")
CITATIONS = {
    "GFN2-xTB": "Bannwarth, Ehlert, Grimme, J. Chem. Theory Comput. 2019, 15, 1652 (GFN2-xTB, with tblite)",
    "GFN1-xTB": "Grimme, Bannwarth, Shushkov, J. Chem. Theory Comput. 2017, 13, 1989 (GFN1-xTB, with tblite)",
}
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
        if self.settings["method"] not in METHODS:
            raise ValueError(f"oracle.method is {self.settings['method']!r}, but xtb has {', '.join(METHODS)}")
        for key in ("multiplicity", "accuracy", "max_iterations"):
            if not self.settings[key] > 0:
                raise ValueError(f"oracle.{key} is {self.settings[key]}, but it has to be more than 0")
        self.settings["version"] = "tblite " + ".".join(map(str, get_version()))
        self.level_of_theory = self.settings["method"]

    def label(self, atoms: Atoms) -> Label:
        """Energy (eV) and forces (eV/Å) of one structure; see `Oracle`."""
        start = time.perf_counter()
        problem = self._wrong_spin(atoms)
        if problem:
            seconds = time.perf_counter() - start
            return Label.failed(len(atoms), self.level_of_theory, seconds, problem, reusable=False)
        # tblite raises CalculationFailed("SCF not converged in 250 cycles")
        return label_with_calculator(
            atoms, self.calculator(), self.level_of_theory, lambda error: "not converged" in str(error)
        )

    def calculator(self) -> TBLite:
        """The ASE calculator of tblite, quiet; it restarts each step from the density of the last."""
        names = ("method", "charge", "multiplicity", "accuracy", "max_iterations")
        return TBLite(verbosity=0, **{name: self.settings[name] for name in names})

    def _wrong_spin(self, atoms: Atoms) -> str | None:
        """An odd number of electrons taken for a singlet: tblite computes a doublet then, without a word."""
        # the 4f electrons of Ce to Lu are in the core: each has three valence electrons, as La
        numbers = np.where((atoms.numbers > 57) & (atoms.numbers < 72), 57, atoms.numbers)
        charge, multiplicity = self.settings["charge"], self.settings["multiplicity"]
        if (numbers.sum() - charge) % 2 == (multiplicity - 1) % 2:
            return None
        return (
            f"oracle.charge {charge} leaves an {'odd' if multiplicity % 2 else 'even'} number of electrons, "
            f"which cannot have oracle.multiplicity {multiplicity}"
        )
