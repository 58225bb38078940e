"""Real work of a run, some of it, timed: `python -m ouroboros.plan.measure oracle|model`, the config on standard input.

In processes of their own, as the jobs of a run are: a code that crashes costs a line, and the time that a job needs to
begin is measured too. The last line that one prints is JSON, seconds by what they are of.
"""

import json
import sys
import time
from collections.abc import Callable
from contextlib import chdir
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import psutil

from ..faults import sentence_of
from .estimate import training_of
from .structures import measured_frames

PATIENCE_S = 5.0  # for what is repeated, once its first steps are made; twice that for a training
BATCHES, EPOCHS = 4, 11  # of the training that is timed
STEPS, FRAMES = 60, 64  # of dynamics; frames that are predicted


def began() -> float:
    """Seconds that this process has taken so far."""
    return time.time() - psutil.Process().create_time()


def measure_oracle(settings: dict[str, Any]) -> dict[str, Any]:
    """Seconds of a label and of a step of dynamics with the oracle; none of a pool, whose labels are there.

    Raises:
        RuntimeError: the oracle has no label for the structure.
    """
    from ase import units
    from ase.md.verlet import VelocityVerlet

    from ..config import oracle_settings
    from ..label_store import LabelStore  # noqa: F401  # a part of what a job loads
    from ..oracles import make_oracle, with_files

    atoms = measured_frames(settings, 1).to_atoms()[0]
    atoms.calc = None
    formula = atoms.get_chemical_formula()
    if settings["oracle"]["kind"] == "pool":
        return {"begin": began(), "label": 0.0, "oracle_step": 0.0, "formula": formula}
    oracle, begin = make_oracle(with_files(oracle_settings(settings["oracle"]), {}, None)), began()
    with TemporaryDirectory() as folder, chdir(folder):  # codes that write files
        first = oracle.label(atoms)
        if not first.converged:
            raise RuntimeError(first.message)
        label = first if first.seconds > PATIENCE_S else oracle.label(atoms)  # the first also loads libraries
        step = label.seconds
        if step < PATIENCE_S / STEPS:
            atoms.calc = oracle.calculator()
            dynamics = VelocityVerlet(atoms, 0.5 * units.fs)
            dynamics.run(1)
            step = _per_step(dynamics.run, STEPS)
    return {"begin": begin, "label": label.seconds, "oracle_step": step, "formula": formula}


def measure_model(settings: dict[str, Any]) -> dict[str, Any]:
    """Seconds of a training step, a validation, a prediction, and of a step of exploration and production run."""
    import torch

    from .. import accuracy_figures, plots, trajectories  # noqa: F401  # parts of what a job loads
    from ..committee import Committee
    from ..models import build_model

    training, model, device = settings["training"], settings["model"], settings["device"]
    validation = settings["split"]["validation"]
    held_back = validation if isinstance(validation, int) else FRAMES
    frames, begin = measured_frames(settings, BATCHES * training["batch_size"] + held_back), began()
    subset = np.where(np.arange(len(frames)) < max(len(frames) - held_back, 1), "train", "validation")
    torch.manual_seed(0)
    measured = _training(frames.with_columns(subset=subset, round=0), model, training, device)
    stress = "npt" in (settings["exploration"]["ensemble"], settings["simulation"]["ensemble"])
    members = [build_model(model, stress) for _ in range(settings["committee"]["size"])]
    committee = Committee(members, np.zeros((len(members), 100)), model["cutoff_A"], device, stress)
    some = frames.take(np.arange(min(len(frames), FRAMES)))
    committee.predict(some)
    measured["predict"] = _timed(lambda: committee.predict(some)) / len(some)
    for section in ("exploration", "simulation"):
        measured[section] = _dynamics(frames, committee, settings[section])
    return {"begin": begin, **measured, "not_compiled_because": _compiled(settings)}


def _training(frames: Any, model: dict[str, Any], training: dict[str, Any], device: str) -> dict[str, float]:
    """Seconds of a step, uncompiled, and of a validation."""
    from ..training import train_member

    short = {**training, "compile": "never", "overfit_batches": None, "early_stopping_patience": None}
    steps = -(-int((frames.columns["subset"] == "train").sum()) // training["batch_size"])

    def epochs(number: int) -> np.ndarray:
        settings = {**short, "epochs": number, "validate_every_epochs": min(5, number)}
        return np.diff(train_member(frames, model, settings, seed=0, device=device).history["seconds"], prepend=0.0)

    rough = epochs(2)
    if rough[0] * EPOCHS > 2 * PATIENCE_S:
        return {"train_step": float(rough[0]) / steps, "validation": max(float(rough[1] - rough[0]), 0.0)}
    seconds = epochs(EPOCHS)[1:]  # the first epoch also sets things up
    validated = np.arange(1, EPOCHS) % 5 == 4
    plain = float(np.median(seconds[~validated]))
    return {"train_step": plain / steps, "validation": max(float(np.median(seconds[validated])) - plain, 0.0)}


def _dynamics(frames: Any, committee: Any, section: dict[str, Any]) -> float:
    """Seconds of a step of all walkers of a section of the config, watched as they are."""
    from ..calibration import gaussian
    from ..dynamics import Ensemble, Limits, run_walkers

    walkers, rng = section["walkers"], np.random.default_rng(0)
    starts = frames.take(np.resize(np.arange(len(frames)), walkers)).to_atoms()
    temperatures = np.resize(section.get("temperatures_K") or section["temperature_K"], walkers).tolist()
    endless = {"hard_limit_eV_per_A": np.inf, "max_temperature_factor": np.inf, "max_energy_jump_eV": np.inf}
    limits = Limits.from_settings({**section, **endless, "stop_at_bond_change": False}, gaussian())

    def run(steps: int) -> None:
        run_walkers(
            starts, committee, temperatures_K=temperatures, timestep_fs=section["timestep_fs"], steps=steps,
            stride=10, rng=rng, ensemble=Ensemble.from_settings(section), limits=limits, bias=section.get("bias", 0.0),
        )  # fmt: skip

    run(2)
    return _per_step(run, STEPS)


def _compiled(settings: dict[str, Any]) -> str:
    from ..training.compiled import reason_not_to_compile

    return reason_not_to_compile(settings["training"], settings["device"], training_of(settings)[0])


def _per_step(run: Callable[[int], Any], most: int) -> float:
    """Seconds of a step: by two steps, and by more where there is patience for them."""
    rough = _timed(lambda: run(2)) / 2
    steps = min(most, int(PATIENCE_S / rough))
    return _timed(lambda: run(steps)) / steps if steps > 2 else rough


def _timed(work: Callable[[], Any]) -> float:
    begin = time.perf_counter()
    work()
    return time.perf_counter() - begin


if __name__ == "__main__":
    what = {"oracle": measure_oracle, "model": measure_model}[sys.argv[1]]
    try:
        print(f"\n{json.dumps(what(json.load(sys.stdin)))}")
    except Exception as error:  # the caller has no use for a traceback
        sys.exit(sentence_of(error))
