"""Raw labelled frames with what is known of them: from the user's files, from a published set, from dynamics."""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..frames import SPIN_STATE, Frames
from ..label_files import read_labels
from ..records import read_json
from .catalogue import published
from .plausibility import check_units
from .readers import read_source
from .stress_plausibility import doubtful_stress

MD17_STEP_FS = 0.5  # Chmiela et al., Nat. Commun. 2018, 9, 3887
UNITS = ("energy_unit", "force_unit", "length_unit")
STRESS = ("stress_key", "stress_unit", "stress_sign", "virial_key")


def import_files(paths: Sequence[str], settings: dict[str, Any]) -> tuple[Frames, dict[str, Any]]:
    """Frames of the user's own files, converted, and a record of them, with `stress_doubt` where the stress is odd.

    Args:
        paths: the files.
        settings: the section `reference.files` of the config.

    Raises:
        ValueError: see `readers.read_source` and `plausibility.check_units`.
    """
    names = ("format", "energy_key", "force_key", "positions_key", "numbers_key", "columns", *UNITS, *STRESS)
    frames = read_source(paths, **{name: settings[name] for name in names})
    frames = _checked(frames, where=", ".join(paths))
    if not settings["accept_units"]:
        check_units(
            frames,
            energy_unit=settings["energy_unit"],
            force_unit=settings["force_unit"],
            where=", ".join(paths),
        )
    told = {name: settings[name] for name in ("level_of_theory", "licence", "citation")}
    converted = {name: settings[name] for name in (*UNITS, *STRESS) if settings[name]}
    doubt = doubtful_stress(frames)
    warned = {"stress_doubt": doubt} if doubt else {}
    return frames, {**told, "files": list(paths), "converted_from": converted, **warned, **_hash(paths)}


def import_published(path: str, record: dict[str, Any]) -> tuple[Frames, dict[str, Any]]:
    """Frames of MD17 or rMD17 as published, converted, and a record of them.

    Args:
        path: the npz.
        record: what the download left: `dataset`, `molecule`, `url`, `sha256`.
    """
    source = published(record["dataset"], record["molecule"])
    frames = read_source([path], format="npz", **source.keys)
    told = {name: getattr(source, name) for name in ("level_of_theory", "licence", "citation", "note")}
    frames = frames.with_columns(temperature_K=source.temperature_K)
    if "md17_index" in frames.columns:  # rMD17 does not keep the order of time; the split by time needs it
        frames = frames.with_columns(time_fs=MD17_STEP_FS * frames.columns["md17_index"])
    units = {name: source.keys[name] for name in UNITS}
    return frames, {**told, **record, "converted_from": units}


def _checked(frames: Frames, where: str) -> Frames:
    """Columns that mean something hold what they have to: whole charges and multiplicities, temperatures in K.

    Raises:
        ValueError: the first frame whose value is something else.
    """
    changed = {}
    for name in ("temperature_K", *SPIN_STATE):
        if name not in frames.columns:
            continue
        values, whole = frames.columns[name], name in SPIN_STATE
        good = np.isfinite(values) if values.dtype.kind in "iuf" else np.zeros(len(values), dtype=bool)
        if whole and good.any():
            good &= values == np.round(values)
        if not good.all():
            frame = int(np.argmin(good))
            raise ValueError(
                f"{where}: frame {frame} has the {name} {values[frame]!s}, which is no "
                f"{'whole ' if whole else ''}number: mend the file, or leave {name} out of reference.files.columns"
            )
        changed[name] = values.astype(int) if whole else values.astype(float)
    return frames.with_columns(**changed)


def read_raw(paths: Sequence[str], record: str | None) -> tuple[Frames, dict[str, Any]]:
    """The raw set and where it is from: imported frames with their record, or trajectories made by this run."""
    if record:
        return Frames.load(paths[0]), read_json(record)
    frames = Frames.from_atoms([atoms for path in paths for atoms in read_labels(path)])
    columns = dict(frames.columns)
    told = {name: "; ".join(sorted(set(columns.pop(name)))) for name in ("level_of_theory", "citation")}
    frames = Frames(**{**frames.__dict__, "columns": columns})
    return frames, {**told, "licence": "made by this run", **_hash(paths)}


def _hash(paths: Sequence[str]) -> dict[str, Any]:
    """SHA-256 of each file."""
    each = {}
    for path in paths:
        with Path(path).open("rb") as file:
            each[path] = hashlib.file_digest(file, "sha256").hexdigest()
    return {"sha256": each}
