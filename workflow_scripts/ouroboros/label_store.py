"""A content-addressed store of labels: paid work survives any kill and any change that does not concern it.

One JSON file a label, `labels/<key[:2]>/<key>.json`, which a person can read and any tool can parse. Many processes
may write at once: each file is complete under a temporary name in its own folder before it takes its place in one
step. A killed writer leaves at most a `.<key>.<random>.tmp`, which nobody reads.
"""

import hashlib
import json
import logging
import os
import uuid
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms

from .oracles import Label, structure_settings
from .records import sync_folder

FORMAT = "ouroboros label 1"

log = logging.getLogger(__name__)


def label_key(atoms: Atoms, settings: dict[str, Any]) -> str:
    """The identity of a label: 64 hexadecimal digits.

    SHA-256 over, one after another: the line "ouroboros label 1 <n_atoms>"; atomic numbers (n,) as int64; positions
    (n, 3) in Å as float64; cell (3, 3) in Å as float64; pbc (3,) as uint8; all little-endian, rows first; then the
    oracle's settings, charge, multiplicity and the code's version among them, as JSON with sorted keys. Exact bytes:
    a structure that differs in the last bit, or whose atoms are in another order, is another structure. Only −0.0
    counts as 0.0. Charge and multiplicity are those that count for the structure (`oracles.spin_state`): its own in
    `info` go before the settings'. Velocities, tags and the rest of `info` do not matter.

    Raises:
        ValueError: `info` holds a charge or multiplicity that is no whole number.
    """
    digest = hashlib.sha256(f"{FORMAT} {len(atoms)}\n".encode())
    digest.update(np.ascontiguousarray(atoms.numbers, "<i8").tobytes())
    digest.update(np.ascontiguousarray(atoms.positions + 0.0, "<f8").tobytes())
    digest.update(np.ascontiguousarray(atoms.cell.array + 0.0, "<f8").tobytes())
    digest.update(np.ascontiguousarray(atoms.pbc, "u1").tobytes())
    digest.update(json.dumps(structure_settings(settings, atoms), sort_keys=True).encode())
    return digest.hexdigest()


class LabelStore:
    """The labels in one folder, by key."""

    def __init__(self, folder: str | Path):
        """Nothing is read or made until the first label."""
        self.folder = Path(folder)

    def path(self, key: str) -> Path:
        """Where the label of `key` is, or would be."""
        return self.folder / key[:2] / f"{key}.json"

    def claim(self, key: str) -> Path:
        """Where a process says that it is computing the label of `key`; beside it, so that NFS shows both anew."""
        return self.path(key).with_suffix(".claim")

    def get(self, key: str) -> Label | None:
        """The label of `key`; None when it has to be computed.

        A file that is cut short, edited or otherwise not what was written is set aside as `<key>.json.broken`, with
        a warning, and counts as absent.
        """
        path = self.path(key)
        try:
            return _parse(path.read_bytes(), key)
        except FileNotFoundError:
            return None
        except ValueError as problem:
            return self._set_aside(path, key, problem)

    def _set_aside(self, path: Path, key: str, problem: ValueError) -> Label | None:
        """Move a broken file away; the label, if another process has mended the place meanwhile."""
        aside = path.with_name(f"{path.name}.broken")
        try:
            path.replace(aside)
            label = _parse(aside.read_bytes(), key)
        except FileNotFoundError:  # another reader was quicker
            return None
        except ValueError:
            log.warning("%s is not a whole label (%s): set aside, it will be computed again", path, problem)
            return None
        aside.replace(path)
        return label

    def put(self, key: str, atoms: Atoms, label: Label, settings: dict[str, Any]) -> None:
        """Store the label of `atoms` under `key`, durable when this returns.

        A failed label is kept only where trying again is pointless: an SCF that does not converge does so again
        with the same settings, and other settings give another key. What broke (`reusable` False: a crash, a full
        disk, a licence server that was down) is not kept, so it is tried again. A failure never replaces a label
        that is there.
        """
        path = self.path(key)
        if not label.reusable or (not label.converged and path.exists()):
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_name(f".{key}.{uuid.uuid4().hex}.tmp")
        try:
            with temporary.open("x", encoding="utf-8") as file:
                file.write(_text(_record(key, atoms, label, settings)))
                file.flush()
                os.fsync(file.fileno())  # or a power cut could leave an empty file under the final name
            temporary.replace(path)
            sync_folder(path.parent)
        finally:
            temporary.unlink(missing_ok=True)


def _record(key: str, atoms: Atoms, label: Label, settings: dict[str, Any]) -> dict[str, Any]:
    # JSON has no NaN: a missing energy is null
    has_energy, has_forces = np.isfinite(label.energy), np.isfinite(label.forces).all()
    stress = {} if label.stress is None else {"stress_eV_per_A3": np.asarray(label.stress, dtype=float).tolist()}
    return {
        "format": FORMAT,
        "key": key,
        "created_utc": datetime.now(UTC).isoformat(timespec="seconds"),
        "level_of_theory": label.level_of_theory,
        "oracle": structure_settings(settings, atoms),
        "seconds": label.seconds,
        "converged": bool(label.converged),
        "message": label.message,
        "energy_eV": float(label.energy) if has_energy else None,
        "symbols": list(atoms.symbols),
        "positions_A": atoms.positions.tolist(),
        "cell_A": atoms.cell.array.tolist(),
        "pbc": atoms.pbc.tolist(),
        "forces_eV_per_A": np.asarray(label.forces, dtype=float).tolist() if has_forces else None,
        **stress,
    }


def _text(record: dict[str, Any]) -> str:
    """JSON with one atom a line; Python writes floats so that they read back bit for bit."""
    lines = [f"{json.dumps(name)}: {_value(value)}" for name, value in record.items()]
    lines.append(f'"checksum": "{_checksum(record)}"')
    return "{\n" + ",\n".join(lines) + "\n}\n"


def _value(value: Any) -> str:
    if isinstance(value, list) and value and isinstance(value[0], list):
        return "[\n  " + ",\n  ".join(json.dumps(row) for row in value) + "\n]"
    return json.dumps(value, ensure_ascii=False)


def _checksum(record: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(record, sort_keys=True).encode()).hexdigest()


def _parse(content: bytes, key: str) -> Label:
    """The label in a file's content; ValueError says why there is none."""
    record = json.loads(content)  # text that is not JSON or not UTF-8 raises a ValueError too
    if not isinstance(record, dict) or record.get("format") != FORMAT:
        raise ValueError(f"it is not in the format {FORMAT!r}")
    if record.pop("checksum", None) != _checksum(record):
        raise ValueError("its checksum does not match its content")
    if record["key"] != key:
        raise ValueError("it holds the label of another structure")
    energy, forces, stress = record["energy_eV"], record["forces_eV_per_A"], record.get("stress_eV_per_A3")
    return Label(
        energy=np.nan if energy is None else energy,
        forces=np.full((len(record["symbols"]), 3), np.nan) if forces is None else np.array(forces).reshape(-1, 3),
        converged=record["converged"],
        level_of_theory=record["level_of_theory"],
        seconds=record["seconds"],
        message=record["message"],
        stress=None if stress is None else np.array(stress),
    )
