"""Whether a program converged, read from its output: for `oracle.ase.converged`.

Each function takes a calculator that has run and the structure, and gives True, False with a message, or None where
the output does not tell. The markers of CP2K (2023.1) and Quantum ESPRESSO (6.7) were checked with the programs
themselves, those of ORCA are taken from its output as published.
"""

from pathlib import Path
from typing import Any

from ase import Atoms

Verdict = bool | tuple[bool, str] | None


def cp2k(calculator: Any, atoms: Atoms) -> Verdict:
    """CP2K up to 2023.2 goes on with an SCF that has not converged, and ASE takes its forces without a word."""
    return _read(
        Path(f"{calculator.label}.out"),
        good=("SCF run converged", "outer SCF loop converged"),
        bad=("SCF run NOT converged",),
    )


def espresso(calculator: Any, atoms: Atoms) -> Verdict:
    """Quantum ESPRESSO's pw.x stops with an error code where its SCF does not converge; this tells which error."""
    return _read(
        Path(calculator.directory) / calculator.template.outputname,
        good=("convergence has been achieved",),
        bad=("convergence NOT achieved",),
    )


def orca(calculator: Any, atoms: Atoms) -> Verdict:
    """ORCA goes on for a gradient where its SCF has nearly converged, and stops with an error where it has not."""
    return _read(
        Path(calculator.directory) / calculator.template.outputname,
        good=("ORCA TERMINATED NORMALLY",),
        bad=("SCF NOT CONVERGED AFTER", "Wavefunction not fully converged"),
    )


def _read(path: Path, good: tuple[str, ...], bad: tuple[str, ...]) -> Verdict:
    if not path.is_file():
        return None
    text = path.read_text(encoding="utf-8", errors="replace")
    for marker in bad:
        if marker in text:
            return False, f"SCF not converged ({path.name} says: {marker})"
    return True if any(marker in text for marker in good) else None
