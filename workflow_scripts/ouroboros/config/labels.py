"""Config sections of the labels: the oracles, their gate, and how structures are labelled."""

from typing import Any, Literal

from pydantic import Field

from .section import Section, key


class Xtb(Section):
    """Settings of the kind xtb."""

    method: Literal["GFN2-xTB", "GFN1-xTB"] = key("GFN2-xTB", "the tight-binding method")
    accuracy: float = key(1.0, "tblite's accuracy: smaller is tighter", gt=0, le=1000)
    max_iterations: int = key(250, "steps of the self-consistent cycle before a label counts as failed", ge=1, le=10000)


class Pyscf(Section):
    """Settings of the kind pyscf; the defaults reproduce the labels of rMD17."""

    functional: str = key("PBE", "a functional of libxc, or HF")
    basis: str = key("def2-SVP", "a basis set that PySCF knows")
    density_fitting: bool = key(True, "density fitting of the Coulomb (and exchange) integrals")
    grid_level: int = key(4, "integration grid, PySCF's levels", ge=0, le=9)
    conv_tol: float = key(1e-9, "convergence of the energy", "Hartree", gt=0, le=1e-3)
    dispersion: str | None = key(None, "d3bj, d3zero or d4 for the functional's own parameters; null: none")
    max_cycle: int = key(100, "steps of the self-consistent cycle before a label counts as failed", ge=1, le=10000)


class AseCalculator(Section):
    """Settings of the kind ase: any ASE calculator, see docs/oracles.md."""

    calculator: str | None = key(None, "import path, for example ase.calculators.orca.ORCA")
    arguments: dict[str, Any] = key({}, "its keyword arguments; $charge and $multiplicity stand for the structure's")
    converged: str | None = key(
        None, "how convergence is read: an attribute, a result, or module.function; null: the calculator raises"
    )
    level_of_theory: str | None = key(None, "name of the level of theory, for example PBE/def2-SVP")
    version: str = key("", "version of the program behind it; another version makes other labels")


class Teacher(Section):
    """Settings of the kind model: a trained committee labels instead of quantum chemistry."""

    paths: list[str] = key([], "model.pt files; their mean is the label")
    level_of_theory: str | None = key(None, "a name for what it gives; null: made from the files")


class Oracle(Section):
    """What labels structures."""

    kind: Literal["xtb", "pyscf", "ase", "pool", "model"] = key(
        "xtb",
        "xtb: tblite; pyscf: DFT; ase: any ASE calculator; pool: labelled reference frames held back; model: a teacher",
    )
    charge: int = key(
        0, "total charge; a column `charge` of the reference counts for its own frames", "e", ge=-20, le=20
    )
    multiplicity: int = key(1, "spin multiplicity, 2S + 1; likewise", ge=1, le=20)
    xtb: Xtb = Field(default_factory=Xtb)
    pyscf: Pyscf = Field(default_factory=Pyscf)
    ase: AseCalculator = Field(default_factory=AseCalculator)
    model: Teacher = Field(default_factory=Teacher)


class OracleGate(Section):
    """Before the first label, reference frames are labelled again: oracle and reference have to be one surface."""

    frames: int = key(3, "reference frames that are labelled again", ge=1, le=1000)
    force_mae_meV_per_A: float = key(
        5.0, "a larger mean absolute difference of the forces stops the run", "meV/Å", gt=0
    )
    energy_shift_meV_per_atom: float = key(
        5.0, "a larger constant difference of the energies stops the run: they have different zeros", "meV/atom", gt=0
    )
    accept_mismatch: bool = key(False, "run all the same: two levels of theory in one training set")


class Labels(Section):
    """How structures are labelled."""

    batch_size: int = key(30, "structures a labelling job; jobs run side by side", ge=1)
    threads: int = key(
        1, "CPU threads of a labelling job; one is fastest where there are many structures", ge=1, le=256
    )
    mem_mb: int = key(2000, "memory that a labelling job asks for", "MB", ge=100)
    time_limit_s: float = key(21600.0, "a label that takes longer counts as failed", "s", gt=0, le=2e6)
    energy_window_eV_per_atom: float = key(
        1.0, "a label whose energy lies farther than this outside the reference's range does not count", "eV/atom", gt=0
    )
    force_cap_eV_per_A: float = key(50.0, "a label with a larger force on any atom does not count", "eV/Å", gt=0)
    validation_fraction: float = key(0.1, "share of each round's new labels that join the validation set", ge=0, lt=1)
    max_failed_fraction: float = key(0.5, "a larger share of failed labels in a round stops the run", gt=0, le=1)
