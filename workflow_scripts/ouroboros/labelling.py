"""Label a round's candidates: each looked up or computed, checked, and gathered with the reasons of all failures."""

import csv
import json
import logging
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import ase.io
import numpy as np
from ase import Atoms
from ase.calculators.singlepoint import SinglePointCalculator
from ase.io.extxyz import key_val_dict_to_str, key_val_str_to_dict

from .contacts import CLOSEST, check_geometry
from .label_store import LabelStore, label_key
from .oracles import Label, Oracle

FAILURE_COLUMNS = ("candidate", "reason", "message", "seconds")

log = logging.getLogger(__name__)


def label_batch(
    candidates: Sequence[Atoms], oracle: Oracle, store: LabelStore, checks: dict[str, float]
) -> tuple[list[Atoms], list[dict[str, Any]]]:
    """Label `candidates`, from the store where it has them.

    Args:
        candidates: structures; `info["candidate"]` names each (its place in the list where it has no name).
        oracle: computes what the store lacks.
        store: gets every new label before the next one is begun.
        checks: `force_cap_eV_per_A`, the largest force on an atom that still counts as a sound label; optionally
            `closest_contact` (see `contacts`), under which a structure is not computed at all. Neither is part of
            a label's identity: another cap judges the stored labels anew.

    Returns:
        good: copies of the candidates with a SinglePointCalculator (energy in eV, forces in eV/Å) and, in `info`,
            `candidate`, `label_key`, `level_of_theory`, `label_seconds`, `from_store`.
        failures: a row for each other candidate: `candidate`, `reason` (too_close, not_converged, oracle_error,
            not_finite, force_cap), `message`, `seconds`.
    """
    good, failures = [], []
    for place, atoms in enumerate(candidates):
        candidate = atoms.info.get("candidate", place)
        problem = check_geometry(atoms, checks.get("closest_contact", CLOSEST))
        if problem:
            failures.append({"candidate": candidate, "reason": "too_close", "message": problem, "seconds": 0.0})
            continue
        key = label_key(atoms, oracle.settings)
        label = store.get(key)
        from_store = label is not None
        if label is None:
            label = oracle.label(atoms)
            store.put(key, atoms, label, oracle.settings)
        reason, problem = check_label(label, checks["force_cap_eV_per_A"])
        if reason:
            failures.append({"candidate": candidate, "reason": reason, "message": problem, "seconds": label.seconds})
            continue
        labelled = Atoms(atoms.numbers, atoms.positions, cell=atoms.cell, pbc=atoms.pbc, info=dict(atoms.info))
        labelled.calc = SinglePointCalculator(labelled, energy=label.energy, forces=label.forces)
        labelled.info.update(
            candidate=candidate,
            label_key=key,
            level_of_theory=label.level_of_theory,
            label_seconds=label.seconds,
            from_store=from_store,
        )
        good.append(labelled)
    for row in failures:
        log.warning("candidate %s has no label: %s (%s)", row["candidate"], row["reason"], row["message"])
    return good, failures


def check_label(label: Label, force_cap_eV_per_A: float) -> tuple[str, str]:
    """Reason and message why a label does not count; two empty strings for a sound one."""
    if not label.converged:
        return ("not_converged" if label.reusable else "oracle_error"), label.message
    if not (np.isfinite(label.energy) and np.isfinite(label.forces).all()):
        return "not_finite", "energy or forces are not finite numbers"
    largest = np.linalg.norm(label.forces, axis=1).max()
    if largest > force_cap_eV_per_A:
        return "force_cap", f"largest force {largest:.1f} eV/Å, above the cap of {force_cap_eV_per_A:g} eV/Å"
    return "", ""


def gather(
    batches: Iterable[tuple[list[Atoms], list[dict[str, Any]]]],
) -> tuple[list[Atoms], list[dict[str, Any]], dict[str, Any]]:
    """The labels and failures of all batches, in order, and a summary of the round.

    Args:
        batches: (good, failures) of each, as `label_batch` gives them.

    Returns:
        good, failures, and a summary: `n_requested`, `n_labelled`, `n_failed`, `failed_fraction` (0 when nothing
        was requested), `failed_by_reason`, `n_from_store`, `oracle_seconds` (what these labels cost when they were
        computed, whichever run that was: a killed and resumed round reports the same cost as a straight one),
        `level_of_theory` (None without a label).

    Raises:
        ValueError: the labels are of more than one level of theory.
    """
    batches = list(batches)
    good = [atoms for labelled, _ in batches for atoms in labelled]
    failures = [row for _, failed in batches for row in failed]
    levels = sorted({atoms.info["level_of_theory"] for atoms in good})
    if len(levels) > 1:
        raise ValueError(
            f"the labels of one round are of different levels of theory ({', '.join(levels)}): "
            "delete the batches of the wrong one and label them again"
        )
    requested = len(good) + len(failures)
    reasons = [row["reason"] for row in failures]
    seconds = [atoms.info["label_seconds"] for atoms in good] + [float(row["seconds"]) for row in failures]
    summary = {
        "n_requested": requested,
        "n_labelled": len(good),
        "n_failed": len(failures),
        "failed_fraction": len(failures) / requested if requested else 0.0,
        "failed_by_reason": {reason: reasons.count(reason) for reason in sorted(set(reasons))},
        "n_from_store": sum(bool(atoms.info["from_store"]) for atoms in good),
        "oracle_seconds": float(sum(seconds)),
        "level_of_theory": levels[0] if levels else None,
    }
    return good, failures, summary


def refuse_many_failures(summary: dict[str, Any], max_failed_fraction: float, where: str) -> None:
    """Stop a run whose oracle fails too often.

    Args:
        summary: of `gather`.
        max_failed_fraction: the largest share of failures that is still accepted.
        where: the summary's file, for the message.

    Raises:
        ValueError: more labels failed, or not one is left.
    """
    failed, asked = summary["n_failed"], summary["n_requested"]
    if summary["failed_fraction"] > max_failed_fraction or (asked and not summary["n_labelled"]):
        raise ValueError(
            f"{failed} of {asked} labels failed ({summary['failed_by_reason']}), labels.max_failed_fraction is "
            f"{max_failed_fraction:g}; look at label_failures.csv beside {where}, mend the oracle, and run again"
        )


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
    info = {key: _safe(key, value) for key, value in atoms.info.items() if key not in ("energy", "forces")}
    if "energy" in results:
        info["energy"] = float(results["energy"])
    info["pbc"] = atoms.pbc
    lattice = f'Lattice="{" ".join(map(repr, atoms.cell.array.ravel().tolist()))}" ' if atoms.cell.any() else ""
    rows = np.hstack(columns).tolist()
    lines = [f"{symbol} {' '.join(map(repr, row))}" for symbol, row in zip(atoms.symbols, rows, strict=True)]
    return "\n".join([str(len(atoms)), f"{lattice}Properties={kinds} {key_val_dict_to_str(info)}", *lines, ""])


def _safe(key: str, value: Any) -> Any:
    """Text that ASE would read as something else ("3_12" as 312, "T" as True), in its JSON form."""
    if not isinstance(value, str):
        return value
    read = key_val_str_to_dict(key_val_dict_to_str({key: value})).get(key)
    return value if isinstance(read, str) and read == value else f"_JSON {json.dumps(value)}"
