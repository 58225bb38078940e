"""Labelled structures and failed labels as files: extended XYZ that reads back bit for bit, and CSV."""

import csv
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import ase.io
import numpy as np
from ase import Atoms
from ase.io.extxyz import key_val_dict_to_str, key_val_str_to_dict
from ase.stress import voigt_6_to_full_3x3_stress

LABELS = ("energy", "forces", "stress")
FAILURE_COLUMNS = ("candidate", "label_key", "reason", "message", "seconds")


def write_labels(path: str | Path, images: Sequence[Atoms]) -> None:
    """Write structures, `info` and labels as extended XYZ that reads back bit for bit; no frames, an empty file.

    ASE's own writer rounds positions and forces to eight decimals: measured, 5e-9 Å and 5e-9 eV/Å are lost, enough
    to give a structure another key in the label store. Here each number is the shortest text that reads back to the
    same float64. ASE and other tools read the file as usual.
    """
    with Path(path).open("w", encoding="utf-8") as file:
        for atoms in images:
            file.write(_extxyz(atoms))


def read_labels(path: str | Path) -> list[Atoms]:
    """Read extended XYZ, labels in SinglePointCalculators; an empty file is no frames."""
    if Path(path).stat().st_size == 0:  # which ASE refuses to read
        return []
    images = list(ase.io.iread(path, index=":", format="extxyz"))
    for atoms in images:
        atoms.info = {k: v.item() if isinstance(v, np.generic) else v for k, v in atoms.info.items()}
    return images


def write_failures(path: str | Path, failures: Sequence[dict[str, Any]]) -> None:
    """Write failures as CSV; the header is there even when there are none."""
    with Path(path).open("w", newline="", encoding="utf-8") as file:
        table = csv.DictWriter(file, FAILURE_COLUMNS)
        table.writeheader()
        table.writerows(failures)


def read_failures(path: str | Path) -> list[dict[str, Any]]:
    """Read what `write_failures` wrote; `candidate` comes back as text."""
    with Path(path).open(newline="", encoding="utf-8") as file:
        return [{**row, "seconds": float(row["seconds"])} for row in csv.DictReader(file)]


def _extxyz(atoms: Atoms) -> str:
    results = atoms.calc.results if atoms.calc is not None else {}
    columns, kinds = [atoms.positions], "species:S:1:pos:R:3"
    if "forces" in results:
        columns, kinds = [*columns, results["forces"]], f"{kinds}:forces:R:3"
    info = {key: _safe(key, value) for key, value in atoms.info.items() if key not in LABELS}
    if "energy" in results:
        info["energy"] = float(results["energy"])
    info["pbc"] = atoms.pbc
    lattice = f'Lattice="{" ".join(map(repr, atoms.cell.array.ravel().tolist()))}" ' if atoms.cell.any() else ""
    rows = np.hstack(columns).tolist()
    lines = [f"{symbol} {' '.join(map(repr, row))}" for symbol, row in zip(atoms.symbols, rows, strict=True)]
    stress = f'stress="{_nine(results["stress"])}" ' if "stress" in results else ""
    header = f"{lattice}Properties={kinds} {stress}{key_val_dict_to_str(info)}"
    return "\n".join([str(len(atoms)), header, *lines, ""])


def _nine(stress: np.ndarray) -> str:
    """A stress of six numbers (Voigt) as nine, which is what ASE and other tools expect in extended XYZ."""
    full = voigt_6_to_full_3x3_stress(stress) if np.shape(stress) == (6,) else np.asarray(stress, dtype=float)
    return " ".join(map(repr, full.ravel().tolist()))


def _safe(key: str, value: Any) -> Any:
    """Text that ASE would read as something else ("3_12" as 312, "T" as True), in its JSON form."""
    if not isinstance(value, str):
        return value
    read = key_val_str_to_dict(key_val_dict_to_str({key: value})).get(key)
    return value if isinstance(read, str) and read == value else f"_JSON {json.dumps(value)}"
