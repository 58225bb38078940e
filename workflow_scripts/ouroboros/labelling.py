"""Label a round's candidates: each looked up or computed, checked, and gathered with the reasons of all failures."""

import logging
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from ase import Atoms
from ase.calculators.singlepoint import SinglePointCalculator
from ase.stress import full_3x3_to_voigt_6_stress

from .claims import Claims
from .contacts import CLOSEST, check_geometry
from .energy_baseline import EnergyRange
from .label_store import LabelStore, label_key
from .label_worker import CRASHED, TIME_LIMIT, WAIT_S, LabelWorker, Outcome
from .oracles import Label, NotConverged, Oracle

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Checks:
    """When a label does not count. None of this is part of a label's identity: other limits judge stored labels anew.

    Attributes:
        force_cap: largest force on an atom, eV/Å.
        closest_contact: see `contacts`; a structure under it is not computed at all.
        energy_range: of the reference; None leaves energies unjudged.
        energy_window: eV/atom that an energy may lie outside that range.
    """

    force_cap: float
    closest_contact: float = CLOSEST
    energy_range: EnergyRange | None = None
    energy_window: float = float("inf")


def share(candidates: Sequence[Atoms], batch: int, n_batches: int) -> list[Atoms]:
    """The candidates of one of `n_batches` batches that cost about the same.

    The dearest first, each to the batch that has cost the least so far (Graham, SIAM J. Appl. Math. 1969, 17, 416);
    the cost of a structure is taken to grow with the third power of its nuclear charge, as DFT's about does.
    """
    cost = np.array([float(atoms.numbers.sum()) ** 3 for atoms in candidates])
    load, mine = np.zeros(n_batches), []
    for i in np.argsort(-cost, kind="stable"):
        cheapest = int(load.argmin())
        load[cheapest] += cost[i]
        if cheapest == batch:
            mine.append(i)
    return [candidates[i] for i in sorted(mine)]


def label_batch(
    candidates: Sequence[Atoms],
    oracle: Oracle,
    store: LabelStore,
    checks: Checks,
    worker: LabelWorker,
    report: Callable[[str], None] = print,
) -> tuple[list[Atoms], list[dict[str, Any]]]:
    """Label `candidates`, from the store where it has them.

    Args:
        candidates: structures; `info["candidate"]` names each (its place in the list where it has no name).
        oracle: names the labels.
        store: every new label is in it before the next one is begun.
        checks: which labels count.
        worker: computes what the store lacks, with the same oracle.
        report: gets a line of progress now and then.

    Returns:
        good: copies of the candidates, in order, with a SinglePointCalculator (energy in eV, forces in eV/Å, stress in
            eV/Å³ where the oracle gave one) and, in `info`, `candidate`, `label_key`, `level_of_theory`,
            `label_seconds`, `from_store`.
        failures: a row for each other candidate: `candidate`, `label_key`, `reason` (too_close, not_converged,
            oracle_error, crashed, time_limit, not_finite, force_cap, energy_outlier), `message`, `seconds`.
    """
    keys = [label_key(atoms, oracle.settings) for atoms in candidates]
    unsound = {i: p for i, a in enumerate(candidates) if (p := check_geometry(a, checks.closest_contact))}
    wanted = {keys[i]: atoms for i, atoms in enumerate(candidates) if i not in unsound}
    outcomes = _outcomes(wanted, store, worker, report)
    good: list[Atoms] = []
    failures: list[dict[str, Any]] = []
    for place, (atoms, key) in enumerate(zip(candidates, keys, strict=True)):
        candidate, seconds = atoms.info.get("candidate", place), 0.0
        if place in unsound:
            reason, problem = "too_close", unsound[place]
        else:
            outcome = outcomes[key]
            seconds = outcome.label.seconds
            reason, problem = (
                (outcome.fault, outcome.label.message) if outcome.fault else check_label(atoms, outcome.label, checks)
            )
        if reason:
            row = {"candidate": candidate, "label_key": key, "reason": reason, "message": problem, "seconds": seconds}
            failures.append(row)
            log.warning("candidate %s has no label: %s (%s)", candidate, reason, problem)
        else:
            good.append(_labelled(atoms, candidate, key, outcome))
    return good, failures


def _outcomes(
    wanted: dict[str, Atoms], store: LabelStore, worker: LabelWorker, report: Callable[[str], None]
) -> dict[str, Outcome]:
    """Each label by key; those that another process computes come last, when it has stored them."""
    found = {key: Outcome(label, from_store=True) for key in wanted if (label := store.get(key))}
    claims = Claims()
    for key in found:
        claims.clear(store.claim(key))  # a kill between storing a label and letting go of its claim leaves the claim
    queue, waited, began = [key for key in wanted if key not in found], 0, time.monotonic()
    while queue:
        key = queue.pop(0)
        outcome = worker.label(wanted[key], key)
        if outcome is None:
            queue.append(key)
            waited += 1
            if waited == len(queue):  # nothing left but what others compute
                log.info("waiting for %d labels that another job computes", len(queue))
            if waited >= len(queue):
                time.sleep(WAIT_S)
            continue
        waited, found[key] = 0, outcome
        if time.monotonic() - began > 60:
            began = time.monotonic()
            report(f"labels: {len(found)} of {len(wanted)}")
    return found


def check_label(atoms: Atoms, label: Label, checks: Checks) -> tuple[str, str]:
    """Reason and message why a label does not count; two empty strings for a sound one."""
    if not label.converged:
        return ("not_converged" if label.reusable else "oracle_error"), label.message
    if not (np.isfinite(label.energy) and np.isfinite(label.forces).all()):
        return "not_finite", "energy or forces are not finite numbers"
    largest = np.linalg.norm(label.forces, axis=1).max()
    if largest > checks.force_cap:
        return "force_cap", f"largest force {largest:.1f} eV/Å, above the cap of {checks.force_cap:g} eV/Å"
    outlier = checks.energy_range.outlier(atoms, label.energy, checks.energy_window) if checks.energy_range else ""
    return ("energy_outlier", outlier) if outlier else ("", "")


def _labelled(atoms: Atoms, candidate: Any, key: str, outcome: Outcome) -> Atoms:
    label = outcome.label
    labelled = Atoms(atoms.numbers, atoms.positions, cell=atoms.cell, pbc=atoms.pbc, info=dict(atoms.info))
    labelled.calc = SinglePointCalculator(labelled, energy=label.energy, forces=label.forces)
    if label.stress is not None:
        labelled.calc.results["stress"] = full_3x3_to_voigt_6_stress(label.stress)
    labelled.info.update(
        candidate=candidate,
        label_key=key,
        level_of_theory=label.level_of_theory,
        label_seconds=label.seconds,
        from_store=outcome.from_store,
    )
    return labelled


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


def refuse_broken(failures: Sequence[dict[str, Any]], n: int, max_failed_fraction: float) -> None:
    """Stop a batch in which too many labels broke instead of getting an answer: running it again is the cure.

    Args:
        failures: of `label_batch`.
        n: candidates of the batch.
        max_failed_fraction: the largest share that is accepted.

    Raises:
        RuntimeError: more of them crashed, took too long or met a broken program.
    """
    broken = [row for row in failures if row["reason"] in (CRASHED, TIME_LIMIT, "oracle_error")]
    if len(broken) > max_failed_fraction * n:
        first = broken[0]
        raise RuntimeError(
            f"{len(broken)} of {n} labels broke (the first, {first['candidate']}: {first['reason']}, "
            f"{first['message']}); mend that and run again: all other labels are stored, only these are tried again"
        )


def refuse_unlabelled(failures: Sequence[dict[str, Any]], n: int, level_of_theory: str) -> None:
    """Stop before the first training where the oracle cannot label frames of the reference.

    Args:
        failures: of `label_batch`.
        n: frames that were to be labelled.
        level_of_theory: of the oracle.

    Raises:
        NotConverged: an SCF did not converge, for most of them.
        ValueError: other reasons.
    """
    if failures:
        raise _failure([row["reason"] for row in failures])(
            f"the oracle {level_of_theory} cannot label {len(failures)} of {n} reference frames "
            f"({failures[0]['reason']}: {failures[0]['message']}); mend the section `oracle` of the config"
        )


def _failure(reasons: Sequence[str]) -> type[ValueError]:
    """What to raise where labels failed for these reasons."""
    return NotConverged if 2 * reasons.count("not_converged") > len(reasons) else ValueError


def refuse_many_failures(summary: dict[str, Any], max_failed_fraction: float, where: str) -> None:
    """Stop a run whose oracle fails too often.

    Args:
        summary: of `gather`.
        max_failed_fraction: the largest share of failures that is still accepted.
        where: the summary's file, for the message.

    Raises:
        NotConverged: more labels failed, or not one is left, for most of them because of their SCF.
        ValueError: for other reasons.
    """
    failed, asked, reasons = summary["n_failed"], summary["n_requested"], summary["failed_by_reason"]
    if summary["failed_fraction"] > max_failed_fraction or (asked and not summary["n_labelled"]):
        told = ", ".join(f"{reason} {count}" for reason, count in reasons.items())
        raise _failure([reason for reason, count in reasons.items() for _ in range(count)])(
            f"{failed} of {asked} labels failed ({told}), labels.max_failed_fraction is "
            f"{max_failed_fraction:g}; look at label_failures.csv beside {where}, mend the oracle, and run again with "
            "--forcerun label: labels that there are come from the store"
        )
