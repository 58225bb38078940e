"""Labelled frames in files of many kinds, under whatever names and in whatever units they are kept there."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from ase.db.core import check

from ..frames import Frames
from ..units import ENERGY_UNITS, FORCE_UNITS, LENGTH_UNITS, STRESS_UNITS
from .array_reader import read_arrays
from .foreign_keys import ContentError, Names
from .image_readers import read_database, read_images
from .stress_reader import SIGNS, converted_stress

FORMATS = {".xyz": "extxyz", ".extxyz": "extxyz", ".traj": "traj", ".db": "db", ".npz": "npz"}
OWN = ("source", "raw_index")  # columns that are always there


def read_source(
    paths: Sequence[str | Path],
    *,
    format: str | None = None,
    energy_key: str,
    force_key: str,
    positions_key: str = "R",
    numbers_key: str = "z",
    energy_unit: str,
    force_unit: str,
    length_unit: str,
    columns: dict[str, str] | None = None,
    stress_key: str | None = None,
    stress_unit: str | None = None,
    stress_sign: str | None = None,
    virial_key: str | None = None,
) -> Frames:
    """All frames of all files, in eV, Å, eV/Å and eV/Å³.

    Args:
        paths: files; their frames follow one another.
        format: "extxyz", "traj", "db" (of ASE or SchNetPack) or "npz"; None goes by each file's name.
        energy_key: in `info` or the calculator's results (extxyz, traj), in `data`, the key-value pairs or the
            results (db), or an array of (n,) or (n, 1) (npz).
        force_key: likewise, (n_atoms, 3) a frame; in an npz (n, n_atoms, 3).
        positions_key: npz only, (n, n_atoms, 3).
        numbers_key: npz only, (n_atoms,).
        energy_unit: of `units.ENERGY_UNITS`.
        force_unit: of `units.FORCE_UNITS`.
        length_unit: of `units.LENGTH_UNITS`, for positions and cells.
        columns: our name of a further value of each frame, and the file's.
        stress_key: where the energy may be; `stress_reader.stress_tensors` tells the shapes. None: no stress is read.
        stress_unit: of `units.STRESS_UNITS`; needed with `stress_key`.
        stress_sign: what is positive in the files, "tension" (as ASE has it) or "pressure"; needed with `stress_key`.
        virial_key: instead of `stress_key`, −volume × stress in `energy_unit`.

    Returns:
        Frames with those columns, `source` (the file's name) and `raw_index` (number of the frame among all, from 0).
        What a frame does not have is NaN.

    Raises:
        ValueError: a file is missing, cannot be read or holds nothing; no frame has a key; shapes or units are wrong.
    """
    names = Names(
        energy_key, force_key, positions_key, numbers_key, energy_unit, force_unit, length_unit, columns or {},
        stress_key, stress_unit, stress_sign, virial_key,
    )  # fmt: skip
    for key, value, known in (
        ("energy_unit", energy_unit, ENERGY_UNITS),
        ("force_unit", force_unit, FORCE_UNITS),
        ("length_unit", length_unit, LENGTH_UNITS),
        *((("stress_unit", stress_unit, STRESS_UNITS), ("stress_sign", stress_sign, SIGNS)) if stress_key else ()),
    ):
        if value not in known:
            raise ValueError(f"reference.files.{key} is {value!r}: choose one of {', '.join(known)}")
    if not paths:
        raise ValueError("reference.files.paths is empty: name the files that hold your labelled frames")
    _check_names(names.columns)
    parts = [_read_file(Path(path), format, names).with_columns(source=Path(path).name) for path in paths]
    frames = Frames.concatenate(parts).with_columns(raw_index=np.arange(sum(map(len, parts))))
    try:
        return _converted(_storable(frames), names)
    except ContentError as problem:
        raise ValueError(f"{', '.join(map(str, paths))}: {problem}") from None


def _check_names(columns: dict[str, str]) -> None:
    """Names of columns have to be ones that the reference database can hold, or curation would fail on them."""
    for name in columns:
        try:
            check({name: 0})
            fault = "always is in the set" if name in OWN else ""
        except ValueError:
            fault = "no database of ASE can hold: letters, digits and _ only, and no name that means something to ASE"
        if fault:
            raise ValueError(f"reference.files.columns names a column {name!r}, which {fault}; call it otherwise")


def _storable(frames: Frames) -> Frames:
    """The same with words as str; words that ASE's databases would read as numbers are an error."""
    columns = {}
    for name, values in frames.columns.items():
        values = np.char.decode(values, "utf-8") if values.dtype.kind == "S" else values
        if values.dtype.kind not in "biufU":
            raise ValueError(f"column {name!r} holds {values.dtype}, not numbers or words: leave it out")
        for word in np.unique(values).tolist() if values.dtype.kind == "U" else ():
            try:
                check({name: word})
            except ValueError:
                raise ValueError(
                    f"column {name!r} has the word {word!r}, which databases of ASE take for a number: store the "
                    "column as numbers in all frames, or as words that are none"
                ) from None
        columns[name] = values
    return Frames(**{**frames.__dict__, "columns": columns})


def _converted(frames: Frames, names: Names) -> Frames:
    length = LENGTH_UNITS[names.length_unit]
    changed = {
        "energy": frames.energy * ENERGY_UNITS[names.energy_unit],
        "forces": frames.forces * FORCE_UNITS[names.force_unit],
        "positions": frames.positions * length,
        "cell": frames.cell * length,
    }
    frames = Frames(**{**frames.__dict__, **changed})
    return Frames(**{**frames.__dict__, "stress": converted_stress(frames, names)})


def _read_file(path: Path, format: str | None, names: Names) -> Frames:
    if not path.is_file():
        raise ValueError(f"there is no file {path}: check reference.files.paths")
    if path.stat().st_size == 0:  # ASE would make a database of it
        raise ValueError(f"{path} holds no frames: leave it out of reference.files.paths")
    kind = format or FORMATS.get(path.suffix.lower())
    if format not in (None, *FORMATS.values()):
        raise ValueError(
            f"reference.files.format is {format!r}: choose one of {', '.join(dict.fromkeys(FORMATS.values()))}"
        )
    if kind is None:
        raise ValueError(
            f"{path} ends in {path.suffix or 'nothing'}, which says no format: set reference.files.format to one of "
            f"{', '.join(dict.fromkeys(FORMATS.values()))}"
        )
    try:
        if kind == "npz":
            frames = read_arrays(path, names)
        elif kind == "db":
            frames = read_database(path, names)
        else:
            frames = read_images(path, names, kind)
    except ContentError as problem:
        raise ValueError(f"{path}: {problem}") from None
    except Exception as error:  # readers raise whatever they stumble over
        reason = " ".join(str(error).split()) or type(error).__name__
        raise ValueError(
            f"{path} cannot be read as {kind} ({reason}): check the file, or reference.files.format"
        ) from error
    if not len(frames):
        raise ValueError(f"{path} holds no frames: leave it out of reference.files.paths")
    return frames
