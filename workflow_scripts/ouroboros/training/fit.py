"""Fit one committee member, and look after the training."""

import tempfile
import time
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytorch_lightning as pl
import schnetpack as spk
import torch

from ..faults import is_out_of_memory
from ..frames import Frames
from ..records import RANDOM_WEIGHTS
from .checks import TrainingError, diagnosis
from .course import Course, fingerprint
from .force_matching import Diverged
from .prepare import Start, a_look, first_look, prepare
from .record import circumstances
from .run import Run


@dataclass(frozen=True)
class Fit:
    """A trained member: the weights of the best epoch and how they came about.

    Attributes:
        model: in evaluation mode, on the CPU; gives energies (eV) less the offsets and forces (eV/Å), with
            `stress_weight` also stress (eV/Å³).
        energy_offsets: (100,) eV an atom of each atomic number.
        history: metrics.csv, one row an epoch: losses, mean absolute errors (meV, meV/Å, eV/Å³), learning rate, seconds
            since the beginning; validation is NaN in epochs without one.
        summary: training.json, plain values.
    """

    model: torch.nn.Module
    energy_offsets: np.ndarray
    history: pd.DataFrame
    summary: dict[str, Any]


def train_member(
    frames: Frames,
    model_settings: dict[str, Any],
    training: dict[str, Any],
    *,
    seed: int,
    device: str = "cpu",
    start_from: str | Path | None = None,
    tensorboard: str | Path | None = None,
    state: str | Path | None = None,
    bootstrap_seed: int | None = None,
    keep_every_s: float = 5.0,
) -> Fit:
    """Train one member and keep the weights of the epoch with the smallest validation loss.

    Args:
        frames: labelled frames (eV, Å, eV/Å, stress in eV/Å³) with a column `subset` of "train" and "validation", and
            where there is one `round`, by which faults are told.
        model_settings: the `model` section of the config.
        training: the `training` section of the config.
        seed: of the initial weights and the order of the batches.
        device: cpu or cuda.
        start_from: a `model.pt` whose weights and energy offsets are the start (warm start).
        tensorboard: folder of the TensorBoard log; None writes none.
        state: folder in which the training is kept while it runs; a call with the same data, settings and seed goes on
            from there. None keeps nothing.
        bootstrap_seed: draw the training frames with replacement by this seed; None takes each once.
        keep_every_s: the state is kept at the end of an epoch when the last one is older than so many seconds.

    Raises:
        TrainingError: a subset is empty, labels or energy offsets make training pointless, or the loss diverged, and
            once more at a tenth of the learning rate.
        ValueError: `start_from` holds another network, or is no model file.
        RuntimeError, MemoryError: memory does not suffice for a single frame at a time.
    """
    began = time.perf_counter()
    pl.seed_everything(seed, verbose=False)
    start = prepare(frames, model_settings, training, start_from, bootstrap_seed)
    begin_weights = {name: tensor.clone() for name, tensor in start.model.state_dict().items()}
    versions = [library.__version__ for library in (torch, pl, spk)]
    work = fingerprint(frames.checksum(), frames.columns["subset"].tolist(), model_settings, training, seed,
                       bootstrap_seed, versions, begin_weights)  # fmt: skip
    with ExitStack() as stack:
        folder = state or stack.enter_context(tempfile.TemporaryDirectory())
        course = Course(folder, work)
        before = course.take_up()

        def clock() -> float:
            return before + time.perf_counter() - began

        look: tuple[dict[str, float], list[str]] | None = None
        while True:
            settings = course.settings(training)
            try:
                look = look or first_look(start, settings)
                run = Run(start, settings, seed, device, course, keep_every_s, clock)
                run.go(tensorboard)
                break
            except Diverged as fault:
                _slow_down_or_stop(fault, start, begin_weights, training, course, clock())
            except (RuntimeError, MemoryError) as error:
                # a step of one frame cannot be split, but the batches of validation can
                if not is_out_of_memory(error) or settings["accumulation"] >= max(2, settings["batch_size"]):
                    raise
                course.split_steps(2 * settings["accumulation"], (str(error) or type(error).__name__).splitlines()[0])
            start.model.load_state_dict(begin_weights)
        summary, (sizes, warnings) = run.summary(), look
        summary |= {
            "seconds": clock(),
            "first_batch": sizes,
            "warnings": [*warnings, *summary.pop("warnings")],
            "interventions": course.interventions,
            "resumed_after_epochs": course.resumed,
            "seed": seed,
            "bootstrap_seed": bootstrap_seed,
            "started_from": "the member of the round before" if start_from else RANDOM_WEIGHTS,
            "model": dict(model_settings),
            "training": dict(training),
            **circumstances(device),
        }
    return Fit(start.model.eval(), start.energy_offsets, pd.DataFrame(run.task.history), summary)


def _slow_down_or_stop(
    fault: Diverged,
    start: Start,
    weights: dict[str, torch.Tensor],
    training: dict[str, Any],
    course: Course,
    seconds: float,
) -> None:
    start.model.load_state_dict(weights)
    at_once = a_look(course.settings(training))
    causes = "; ".join(diagnosis(start.graphs, start.validation, start.model.eval(), training, at_once))
    start.model.train()
    slower = training["learning_rate"] / 10
    if course.slowed_down():
        raise TrainingError(f"{fault}, at a tenth of training.learning_rate ({slower:g}) too. Likely causes: {causes}")
    course.slow_down(slower, f"{fault}. Likely causes: {causes}", seconds)
