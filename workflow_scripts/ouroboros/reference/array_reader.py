"""npz files as sGDML and rMD17 publish them: one composition, arrays for all frames at once."""

import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from ..frames import Frames
from .foreign_keys import ContentError, Names, missing, wrong_shape
from .stress_reader import stress_tensors


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
            **{where: key for where, key in (names.stress_source,) if key},
            **{f"columns.{name}": key for name, key in names.columns.items()},
        }
        for where, key in asked.items():
            if key not in stored:
                raise missing(key, f"reference.files.{where}", list(stored))
        arrays = {where: _array(stored, key, where) for where, key in asked.items()}
        cell = _lattice(stored)
    numbers = _numbers(arrays["numbers_key"], asked["numbers_key"])
    positions, energy, forces = arrays["positions_key"], arrays["energy_key"], arrays["force_key"]
    n_frames = len(positions) if positions.ndim else 0
    energy = energy[:, 0] if energy.shape == (n_frames, 1) else energy
    columns = {name: arrays[f"columns.{name}"] for name in names.columns}
    columns = {name: values[:, 0] if values.shape == (n_frames, 1) else values for name, values in columns.items()}
    n_atoms = numbers.size
    expected = {
        "positions_key": (positions, (n_frames, n_atoms, 3)),
        "force_key": (forces, (n_frames, n_atoms, 3)),
        "energy_key": (energy, (n_frames,)),
        **{f"columns.{name}": (values, (n_frames,)) for name, values in columns.items()},
    }
    for where, (array, shape) in expected.items():
        if array.shape != shape:
            right = f"{shape} is right for {n_frames} frames of {n_atoms} atoms"
            raise wrong_shape(asked[where], array.shape, right, where)
    stress = next((arrays[where] for where in ("stress_key", "virial_key") if where in arrays), None)
    return Frames(
        numbers=np.tile(numbers, n_frames),
        positions=positions.reshape(-1, 3).astype(float),
        n_atoms=np.full(n_frames, n_atoms, dtype=np.int64),
        energy=energy.astype(float),
        forces=forces.reshape(-1, 3).astype(float),
        cell=np.broadcast_to(np.zeros((3, 3)) if cell is None else cell, (n_frames, 3, 3)).copy(),
        pbc=np.full((n_frames, 3), cell is not None),
        columns=columns,
        stress=np.full((n_frames, 3, 3), np.nan) if stress is None else stress_tensors(stress, n_frames, names),
    )


def _array(stored: Any, key: str, where: str) -> np.ndarray:
    """One array of plain numbers (or words, for a column)."""
    try:
        array = stored[key]
    except ValueError:
        raise ContentError(
            f"{key!r} is not a plain array but pickled Python objects, which may run code and are never loaded: save "
            "it as numbers"
        ) from None
    if not where.startswith("columns.") and array.dtype.kind not in "iuf":
        raise ContentError(f"{key!r} holds {array.dtype}, not real numbers: check reference.files.{where}")
    return array


def _numbers(array: np.ndarray, key: str) -> np.ndarray:
    """(n_atoms,) int64 atomic numbers; a row for each frame will do when all are the same."""
    numbers = array[0] if array.ndim == 2 and len(array) and (array == array[0]).all() else array
    if numbers.ndim != 1:
        right = "an npz holds one composition, so atomic numbers are (n_atoms,); write extended XYZ for several"
        raise wrong_shape(key, array.shape, right, "numbers_key")
    if not (np.isin(numbers, np.arange(1, 119)).all() and len(numbers)):
        raise ContentError(f"{key!r} holds what is no atomic number: check reference.files.numbers_key")
    return numbers.astype(np.int64)


def _lattice(stored: Any) -> np.ndarray | None:
    """The cell of a periodic sGDML set, whose columns are the cell vectors (sGDML's manual), as rows."""
    if "lattice" not in stored:
        return None
    cell = np.asarray(stored["lattice"], dtype=float)
    if cell.shape != (3, 3) or not abs(np.linalg.det(cell)) > 0:
        raise ContentError(
            f"'lattice' has the shape {cell.shape}, but three independent cell vectors are needed: mend it"
        )
    return cell.T
