"""Files that hold one frame after another: extended XYZ, ASE trajectories, databases of ASE and SchNetPack."""

import math
import re
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import ase.io
import numpy as np
from ase import Atoms
from ase.db import connect

from ..frames import SPIN_STATE, Frames
from ..units import (
    BOHR_IN_A,
    ENERGY_UNITS,
    FORCE_UNITS,
    GPA_IN_EV_PER_A3,
    HARTREE_IN_EV,
    KCAL_PER_MOL_IN_EV,
    LENGTH_UNITS,
    STRESS_UNITS,
)
from .foreign_keys import ContentError, Names, missing, wrong_shape
from .stress_reader import stress_tensors

SPELLINGS = {  # what `schnetpack.units` knows, in eV and Å
    "eV": 1.0,
    "meV": 1e-3,
    "kcal": KCAL_PER_MOL_IN_EV,
    "kJ": KCAL_PER_MOL_IN_EV / 4.184,
    "mol": 1.0,
    **dict.fromkeys(("Ha", "Hartree"), HARTREE_IN_EV),
    **dict.fromkeys(("Ry", "Rydberg"), HARTREE_IN_EV / 2),
    **dict.fromkeys(("A", "Ang", "Angs", "Angstrom"), 1.0),
    **dict.fromkeys(("Bohr", "a0"), BOHR_IN_A),
    "nm": 10.0,
    "GPa": GPA_IN_EV_PER_A3,
}
NO_STRESS = np.full((1, 3, 3), np.nan)


def read_images(path: Path, names: Names, kind: str) -> Frames:
    """Frames of an extended XYZ file or an ASE trajectory, in the file's units."""
    if path.stat().st_size == 0:
        return Frames.from_atoms([])

    def values() -> Iterator[tuple[Atoms, dict[str, Any]]]:
        for atoms in ase.io.iread(path, index=":", format=kind):
            results = atoms.calc.results if atoms.calc is not None else {}
            yield atoms, {**atoms.arrays, **atoms.info, **results}

    return _collected(values(), names)


def read_database(path: Path, names: Names) -> Frames:
    """Frames of an ASE or SchNetPack database, in the file's units.

    Raises:
        ContentError: the database tells its units, and they are not those that the user named.
    """
    with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)) as plain:
        # asked without ASE, which would make its tables in any file that has none
        if not plain.execute("SELECT name FROM sqlite_master WHERE name = 'systems'").fetchall():
            raise ContentError("it is a SQLite file of another program, not a database of ASE or SchNetPack")
    with connect(path, type="db", use_lock_file=False) as database:
        units = database.metadata.get("_property_unit_dict")
        if units:
            _check_schnetpack_units(units, database.metadata.get("_distance_unit"), names)

        def values() -> Iterator[tuple[Atoms, dict[str, Any]]]:
            for row in database.select():
                own = vars(row)  # row.key_value_pairs gives 0.0 for a key `charge`
                results = {name: own[name] for name in ("energy", "forces", "stress") if own.get(name) is not None}
                pairs = {name: own[name] for name in row._keys}
                yield Atoms(row.numbers, row.positions, cell=row.cell, pbc=row.pbc), {**results, **pairs, **row.data}

        return _collected(values(), names)


def _check_schnetpack_units(units: dict[str, str], length: str | None, names: Names) -> None:
    for config, stated, factor, found in (
        ("energy_unit", names.energy_unit, ENERGY_UNITS[names.energy_unit], units.get(names.energy_key)),
        ("force_unit", names.force_unit, FORCE_UNITS[names.force_unit], units.get(names.force_key)),
        ("length_unit", names.length_unit, LENGTH_UNITS[names.length_unit], length),
        ("energy_unit", names.energy_unit, ENERGY_UNITS[names.energy_unit], units.get(names.virial_key or "")),
        (
            "stress_unit",
            names.stress_unit,
            STRESS_UNITS.get(names.stress_unit or ""),
            units.get(names.stress_key or ""),
        ),
    ):
        if found and factor and not math.isclose(_factor(str(found)), factor, rel_tol=1e-5):
            raise ContentError(
                f"the file itself says {found}, but reference.files.{config} is {stated!r}: name the same unit"
            )


def _factor(unit: str) -> float:
    """A unit as SchNetPack spells it, "kcal / mol / Ang", in eV and Å; NaN when it is another."""
    factor = 1.0
    for operator, name in re.findall(r"([*/]?)\s*([^*/\s]+)", unit):
        factor *= SPELLINGS.get(name, math.nan) ** (-1 if operator == "/" else 1)
    return factor


def _collected(frames: Iterable[tuple[Atoms, dict[str, Any]]], names: Names) -> Frames:
    """Frames from structures and the values that each has."""
    structures: list[Atoms] = []
    energies: list[float] = []
    forces: list[np.ndarray] = []
    stress: list[np.ndarray] = []
    columns: dict[str, list[Any]] = {name: [] for name in names.columns}
    seen: dict[str, None] = {}
    stress_key = names.stress_source[1]
    asked = (names.energy_key, names.force_key, *((stress_key,) if stress_key else ()), *names.columns.values())
    found = dict.fromkeys(asked, 0)
    for atoms, values in frames:
        seen |= dict.fromkeys(values)
        for key in found:
            found[key] += key in values
        _demand_spin_state(values, names)
        structures.append(atoms)
        energies.append(_scalar(values.get(names.energy_key, np.nan), names.energy_key))
        forces.append(_force_block(values.get(names.force_key), len(atoms), names.force_key))
        stress.append(stress_tensors(values[stress_key], 1, names) if stress_key in values else NO_STRESS)
        for name, key in names.columns.items():
            columns[name].append(_plain(values.get(key), key) if key in values else None)
    if structures:
        periodic = any(a.pbc.any() for a in structures)
        _demand(found, list(seen), names, len(structures), periodic)
    bare = [Atoms(a.numbers, a.positions, cell=a.cell, pbc=a.pbc) for a in structures]
    frames_ = Frames.from_atoms(bare)
    labelled = {
        "energy": np.array(energies, dtype=float),
        "forces": np.concatenate(forces or [np.zeros((0, 3))]),
        "stress": np.concatenate(stress or [NO_STRESS[:0]]),
    }
    told = {name: np.array(values) for name, values in columns.items()}
    return Frames(**{**frames_.__dict__, **labelled, "columns": told})


def _demand_spin_state(values: dict[str, Any], names: Names) -> None:
    """A charge or multiplicity that nobody named would be ignored, and ions labelled as neutral molecules."""
    for name, usual in zip(SPIN_STATE, (0, 1), strict=True):
        value = values.get(name, usual)
        if name not in names.columns and np.ndim(value) == 0 and value != usual:
            raise ContentError(
                f"a frame has the {name} {value}, which would be ignored: add {name}: {name} to reference.files.columns"
            )


def _demand(found: dict[str, int], seen: list[str], names: Names, n: int, periodic: bool) -> None:
    """Energies, forces and the stress of periodic cells in some frames, columns in all."""
    where, stress_key = names.stress_source
    asked = {stress_key: where, names.energy_key: "energy_key", names.force_key: "force_key"}
    for key, count in found.items():
        where = f"reference.files.{asked[key]}" if key in asked else "reference.files.columns"
        if count == 0 and (key != stress_key or periodic):
            raise missing(key, where, seen)
        if key not in asked and count < n:
            raise ContentError(f"{n - count} of {n} frames have no {key!r}, which {where} names: leave it out")


def _scalar(value: Any, key: str) -> float:
    number = np.asarray(value, dtype=float)
    if number.size != 1:
        raise wrong_shape(key, number.shape, "an energy is one number", "energy_key")
    return float(number.reshape(()))


def _force_block(value: Any, n_atoms: int, key: str) -> np.ndarray:
    if value is None:
        return np.full((n_atoms, 3), np.nan)
    block = np.asarray(value, dtype=float)
    if block.shape != (n_atoms, 3):
        raise wrong_shape(key, block.shape, f"forces on {n_atoms} atoms are ({n_atoms}, 3)", "force_key")
    return block


def _plain(value: Any, key: str) -> Any:
    item = (
        value.item() if isinstance(value, np.generic) or (isinstance(value, np.ndarray) and value.size == 1) else value
    )
    if not isinstance(item, bool | int | float | str):
        raise ContentError(
            f"{key!r} is not one number or word a frame, so it cannot be a column: leave it out of "
            "reference.files.columns"
        )
    return item
