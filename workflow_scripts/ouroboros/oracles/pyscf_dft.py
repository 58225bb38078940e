"""Density-functional theory and Hartree–Fock for molecules with PySCF: no further program to install."""

import os
import warnings
from importlib.metadata import version
from typing import Any

import numpy as np
from ase import Atoms
from ase.calculators.calculator import Calculator, SCFError, all_changes
from ase.data import chemical_symbols
from pyscf import dft, gto, lib, scf
from pyscf.data.nist import BOHR, HARTREE2EV
from pyscf.scf.dispersion import parse_dft

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

DEFAULTS = {
    "kind": "pyscf",
    "charge": 0,
    "multiplicity": 1,
    "functional": "PBE",
    "basis": "def2-SVP",
    "density_fitting": True,
    "grid_level": 4,
    "conv_tol": 1e-9,
    "dispersion": None,
    "max_cycle": 100,
}
GRID_LEVELS = range(10)
PROGRAM = "Sun et al., J. Chem. Phys. 2020, 153, 024109 (PySCF)"
DISPERSION_CITATIONS = {
    "d3": "Grimme, Antony, Ehrlich, Krieg, J. Chem. Phys. 2010, 132, 154104 (D3)",
    "d4": "Caldeweyher et al., J. Chem. Phys. 2019, 150, 154122 (D4)",
}


class PyscfOracle:
    """Kohn–Sham and Hartree–Fock with PySCF (Sun et al., J. Chem. Phys. 2020, 153, 024109).

    Restricted for singlets, unrestricted for all else. The defaults reproduce rMD17 (ORCA, PBE/def2-SVP with RI-J):
    0.074 meV/Å mean absolute force error on ethanol. Its forces leave out how the integration grid moves with the
    atoms, and so do these: with that term the agreement is the same (0.078 meV/Å).
    """

    def __init__(self, settings: dict[str, Any]):
        """Check the settings.

        Args:
            settings: `charge` (e), `multiplicity` (2S + 1), `functional` (as libxc or PySCF name it, or HF), `basis`,
                `density_fitting`, `grid_level` (0 to 9), `conv_tol` (Hartree), `dispersion` (None, d3bj, d3zero, d4
                ...), `max_cycle`; `DEFAULTS` fill in what is missing.

        Raises:
            ValueError: an unknown key or an impossible value.
        """
        self.settings = complete(settings, DEFAULTS)
        functional, basis, dispersion = (self.settings[name] for name in ("functional", "basis", "dispersion"))
        for key in ("conv_tol", "max_cycle"):
            if not self.settings[key] > 0:
                raise ValueError(f"{setting_name('pyscf', key)} is {self.settings[key]}, but it has to be more than 0")
        if self.settings["grid_level"] not in GRID_LEVELS:
            raise ValueError(
                f"oracle.pyscf.grid_level is {self.settings['grid_level']}, but PySCF has the levels 0 to 9"
            )
        included = _dispersion_of(functional)
        if not any(_has_basis(basis, symbol) for symbol in chemical_symbols[1:37]):
            raise ValueError(f"oracle.pyscf.basis is {basis!r}, a basis set that PySCF does not know by name")
        if included and dispersion:
            raise ValueError(
                f"oracle.pyscf.dispersion is {dispersion!r}, but the functional {functional} has a dispersion of its "
                "own: set oracle.pyscf.dispersion to null"
            )
        self.settings["version"] = f"pyscf {version('pyscf')}"
        if included or dispersion:
            _check_dispersion(functional, dispersion)
            self.settings["version"] += f", pyscf-dispersion {version('pyscf-dispersion')}"
        corrected = f"{functional}-{dispersion.upper()}" if dispersion else functional
        self.level_of_theory = f"{corrected}/{basis}"
        sources = [PROGRAM, *(text for name, text in DISPERSION_CITATIONS.items() if name in (dispersion or included))]
        self.citation = f"{self.level_of_theory} with {'; '.join(sources)}"

    def refusal(self, atoms: Atoms) -> str | None:
        """A periodic structure, an element without basis, electrons that do not fit; see `Oracle`."""
        problem = structure_problem(atoms, self.settings)
        if problem:
            return problem
        if atoms.pbc.any():
            return "the kind pyscf computes isolated molecules, but the structure is periodic: use the kind ase"
        for symbol in sorted(set(atoms.symbols)):
            if not _has_basis(self.settings["basis"], symbol):
                return f"the basis {self.settings['basis']} has nothing for {symbol}: choose another oracle.pyscf.basis"
        charge, multiplicity = spin_state(atoms, self.settings)
        return electron_problem(int(atoms.numbers.sum()) - charge, charge, multiplicity)

    def label(self, atoms: Atoms) -> Label:
        """Energy (eV) and forces (eV/Å) of one structure, from a fresh guess; see `Oracle`."""
        if refused := refused_label(self, atoms):
            return refused
        state = spin_state(atoms, self.settings)
        return label_with_calculator(atoms, lambda: PyscfCalculator(self.settings, *state), self.level_of_theory)

    def calculator(self) -> "PyscfCalculator":
        """An ASE calculator that starts every step from a fresh guess: the same forces on any path."""
        return PyscfCalculator(self.settings, self.settings["charge"], self.settings["multiplicity"])


class PyscfCalculator(Calculator):
    """ASE calculator of one level of theory. PySCF's own carries the density of the last structure into the next."""

    implemented_properties = ["energy", "free_energy", "forces"]  # noqa: RUF012 (ASE declares it so)

    def __init__(self, settings: dict[str, Any], charge: int, multiplicity: int):
        """Take the complete settings of a `PyscfOracle`, charge (e) and multiplicity (2S + 1)."""
        super().__init__()
        self._settings, self._charge, self._multiplicity = settings, charge, multiplicity

    def calculate(self, atoms: Any = None, properties=("energy",), system_changes=all_changes) -> None:
        """Energy and forces.

        Raises:
            SCFError: the SCF did not converge; PySCF itself would go on and return an energy and forces.
        """
        super().calculate(atoms, properties, system_changes)
        if "OMP_NUM_THREADS" not in os.environ:
            lib.num_threads(1)  # labels run side by side; PySCF takes every core otherwise
        mean_field = _mean_field(self.atoms, self._settings, self._charge, self._multiplicity)
        energy = float(mean_field.kernel()) * HARTREE2EV
        if not mean_field.converged:
            raise SCFError(f"SCF not converged in {self._settings['max_cycle']} cycles (oracle.pyscf.max_cycle)")
        gradient = mean_field.nuc_grad_method().kernel()
        self.results = {"energy": energy, "free_energy": energy, "forces": -gradient * HARTREE2EV / BOHR}


def _mean_field(atoms: Any, settings: dict[str, Any], charge: int, multiplicity: int) -> Any:
    """PySCF's SCF of one structure, ready to run."""
    basis = settings["basis"]
    molecule = gto.M(
        atom=list(zip(atoms.get_chemical_symbols(), atoms.positions, strict=True)),
        unit="Angstrom",
        charge=charge,
        spin=multiplicity - 1,
        basis=basis,
        # PySCF would put all electrons of a heavy atom into a basis that is made for the outer ones
        ecp={symbol: basis for symbol in set(atoms.symbols) if _has_core_potential(basis, symbol)},
        verbose=0,
        dump_input=False,
        parse_arg=False,  # or PySCF reads the options of the program that it runs in
    )
    restricted = multiplicity == 1
    if settings["functional"].upper() == "HF":
        mean_field = (scf.RHF if restricted else scf.UHF)(molecule)
    else:
        # the functional at once: density_fit() chooses the fitting basis by it, and the one for exchange, which a
        # pure functional does not need, is 0.8 meV/Å away from rMD17
        mean_field = (dft.RKS if restricted else dft.UKS)(molecule, xc=settings["functional"])
        mean_field.grids.level = settings["grid_level"]
    if settings["density_fitting"]:
        mean_field = mean_field.density_fit()
    mean_field.disp = settings["dispersion"]
    mean_field.conv_tol, mean_field.max_cycle = settings["conv_tol"], settings["max_cycle"]
    mean_field.chkfile = None  # no checkpoint is left behind, and none is read
    return mean_field


def _dispersion_of(functional: str) -> str:
    """The dispersion in a functional's own name (wB97X-D3BJ), empty without one; checks the functional."""
    wrong = f"oracle.pyscf.functional is {functional!r}, which PySCF cannot compute"
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            name, _, dispersion = parse_dft(functional)
        exchange, parts = dft.libxc.parse_xc(name)
    except (KeyError, NotImplementedError, ValueError) as error:
        raise ValueError(f"{wrong} ({' '.join(str(error.args[0]).split())}): choose one of libxc, or HF") from error
    if not (any(exchange) or parts):
        raise ValueError(f"{wrong} (it has no exchange and no correlation): choose one of libxc, or HF")
    return dispersion or ""


def _check_dispersion(functional: str, dispersion: str | None) -> None:
    """Compute the dispersion of a hydrogen molecule.

    Raises:
        ValueError: there are no parameters of this dispersion for this functional.
    """
    hydrogen = Atoms("H2", [[0, 0, 0], [0, 0, 0.74]])
    try:
        settings = DEFAULTS | {"functional": functional, "dispersion": dispersion, "basis": "def2-SVP"}
        _mean_field(hydrogen, settings, 0, 1).get_dispersion()
    except (RuntimeError, ValueError, KeyError) as error:
        raise ValueError(
            f"oracle.pyscf.dispersion is {dispersion!r}, for which {functional} has no parameters "
            f"({' '.join(str(error).split())}): choose d3bj, d3zero or d4, or null for none"
        ) from error


def _has_basis(basis: str, symbol: str) -> bool:
    """PySCF has functions of this basis for this element, pseudopotential bases of solids aside."""
    if os.path.isfile(basis) or basis.lower().startswith("gth"):
        return False
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # advice to install more basis sets
            return len(gto.basis.load(basis, symbol)) > 0
    except (lib.exceptions.BasisNotFoundError, KeyError, ValueError, AssertionError):
        return False


def _has_core_potential(basis: str, symbol: str) -> bool:
    """This basis replaces the core of this element by an effective potential."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return bool(np.size(gto.basis.load_ecp(basis, symbol)[:1]))
    except (lib.exceptions.BasisNotFoundError, RuntimeError, KeyError, ValueError):
        return False  # sets without such potentials for any element
