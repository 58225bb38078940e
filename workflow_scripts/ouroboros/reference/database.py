"""The reference as an ASE database in the layout of SchNetPack's `ASEAtomsData`, which opens in any ASE tool."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms
from ase.db import connect

from ..frames import Frames

UNITS = {"energy": "eV", "forces": "eV/Ang"}
STRESS_UNIT = "eV/Ang/Ang/Ang"  # of a property that is there only where some frame has it
DISTANCE_UNIT = "Ang"
NO_STRESS = np.full((1, 3, 3), np.nan)


def write_database(path: str | Path, frames: Frames, metadata: dict[str, Any]) -> None:
    """Write `frames` as SchNetPack expects them: `data` holds energy (1,) and forces (n, 3), columns are key-values.

    Where a frame has a stress, `data` of all frames holds it, (1, 3, 3) in the sign of ASE and SchNetPack, NaN where
    there is none: SchNetPack reads the same properties of each row.

    One connection and no label calculators: 0.2 ms a frame against 3 ms when each opens its own. The
    file appears under its name only when it is complete, and replaces an older one.

    Args:
        path: ends in `.db`.
        frames: labelled; the names of columns must be ones that ASE databases allow.
        metadata: anything JSON can hold; units and `atomrefs` are added.
    """
    path = Path(path)
    temporary = path.with_name(f".{path.stem}.{os.getpid()}.tmp.db")
    temporary.unlink(missing_ok=True)
    with_stress = frames.has_stress.any()
    try:
        with connect(temporary, use_lock_file=False) as database:
            database.metadata = {
                "atomrefs": {},
                **metadata,
                "_property_unit_dict": UNITS | ({"stress": STRESS_UNIT} if with_stress else {}),
                "_distance_unit": DISTANCE_UNIT,
            }
            for i, (start, n) in enumerate(zip(frames.starts, frames.n_atoms, strict=True)):
                block = slice(start, start + n)
                data = {"energy": frames.energy[i : i + 1], "forces": np.ascontiguousarray(frames.forces[block])}
                database.write(
                    Atoms(frames.numbers[block], frames.positions[block], cell=frames.cell[i], pbc=frames.pbc[i]),
                    key_value_pairs={name: values[i].item() for name, values in frames.columns.items()},
                    data=data | ({"stress": frames.stress[i : i + 1]} if with_stress else {}),
                )
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def read_database(path: str | Path, indices: Sequence[int] | np.ndarray | None = None) -> Frames:
    """Read a SchNetPack database: all frames, or those at `indices` (from 0, as in split.npz) in that order.

    Raises:
        ValueError: the file is missing, in other units, or has no frame of some index.
    """
    if not Path(path).is_file():  # connect would make an empty one
        raise ValueError(f"there is no database at {path}: run the rule that writes it")
    with connect(path, use_lock_file=False) as database:
        units = database.metadata.get("_property_unit_dict", {}), database.metadata.get("_distance_unit")
        known = UNITS | {"stress": units[0].get("stress") and STRESS_UNIT}
        if {name: units[0].get(name) for name in known} != known or units[1] != DISTANCE_UNIT:
            known = UNITS | {"stress": STRESS_UNIT}
            raise ValueError(f"{path} is in the units {units[0]} and {units[1]}, not in {known} and {DISTANCE_UNIT}")
        n = database.count()
        if indices is None:
            rows = list(database.select())
        else:
            indices = np.asarray(indices, dtype=int)
            if len(indices) and not (indices.min() >= 0 and indices.max() < n):
                raise ValueError(f"{path} holds {n} frames, but frame {indices.max()} was asked for: redo the split")
            rows = [database.get(int(i) + 1) for i in indices]
    # vars(row), as row.key_value_pairs would give the row's total initial charge for a column `charge`
    names = set.intersection(*(set(row.key_value_pairs) for row in rows)) if rows else set()
    return Frames(
        numbers=np.concatenate([row.numbers for row in rows] or [np.zeros(0)]).astype(np.int64),
        positions=np.concatenate([row.positions for row in rows] or [np.zeros((0, 3))]),
        n_atoms=np.array([row.natoms for row in rows], dtype=np.int64),
        energy=np.array([row.data["energy"].item() for row in rows], dtype=float),
        forces=np.concatenate([row.data["forces"] for row in rows] or [np.zeros((0, 3))]),
        cell=np.array([row.cell for row in rows]).reshape(-1, 3, 3),
        pbc=np.array([row.pbc for row in rows], dtype=bool).reshape(-1, 3),
        columns={name: np.array([vars(row)[name] for row in rows]) for name in sorted(names)},
        stress=np.array([row.data.get("stress", NO_STRESS) for row in rows], dtype=float).reshape(-1, 3, 3),
    )
