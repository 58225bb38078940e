"""npz files as sGDML and rMD17 publish them: one composition, arrays for all frames at once."""

import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from ..frames import Frames
from .foreign_keys import ContentError, Names, missing, wrong_shape


def read_arrays(path: Path, names: Names) -> Frames:
    """Frames of an npz of one composition, in the file's units; no frame becomes an object of its own.

    Raises:
        ContentError: it is no npz, a key is missing or a shape is wrong.
    """
    if not zipfile.is_zipfile(path):
        raise ContentError("it is not an npz file, or it is cut short: get it again")
    with np.load(path, allow_pickle=False) as stored:
        asked = {
            "positions_key": names.positions_key,
            "numbers_key": names.numbers_key,
            "energy_key": names.energy_key,
            "force_key": names.force_key,
            **{f"columns.{name}": key for name, key in names.columns.items()},
        }
        for where, key in asked.items():
            if key not in stored:
                raise missing(key, f"reference.files.{where}", list(stored))
        numbers, positions, energy, forces = (
            stored[asked[name]] for name in ("numbers_key", "positions_key", "energy_key", "force_key")
        )
        columns = {name: stored[key] for name, key in names.columns.items()}
        cell, n_frames = _lattice(stored), len(positions)
    n_atoms = numbers.size
    expected = {
        "positions_key": (positions, (n_frames, n_atoms, 3)),
        "force_key": (forces, (n_frames, n_atoms, 3)),
        "energy_key": (energy.reshape(-1), (n_frames,)),
        **{f"columns.{name}": (values, (n_frames,)) for name, values in columns.items()},
    }
    for where, (array, shape) in expected.items():
        if array.shape != shape:
            right = f"{shape} is right for {n_frames} frames of {n_atoms} atoms"
            raise wrong_shape(asked[where], array.shape, right, where)
    return Frames(
        numbers=np.tile(numbers.reshape(-1).astype(np.int64), n_frames),
        positions=positions.reshape(-1, 3).astype(float),
        n_atoms=np.full(n_frames, n_atoms, dtype=np.int64),
        energy=energy.reshape(-1).astype(float),
        forces=forces.reshape(-1, 3).astype(float),
        cell=np.broadcast_to(np.zeros((3, 3)) if cell is None else cell, (n_frames, 3, 3)).copy(),
        pbc=np.full((n_frames, 3), cell is not None),
        columns=columns,
    )


def _lattice(stored: Any) -> np.ndarray | None:
    """The cell of a periodic sGDML set, whose columns are the cell vectors (sGDML's manual), as rows."""
    return stored["lattice"].T if "lattice" in stored else None
