"""What a training starts from: its frames, its weights, and a first look at both."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from schnetpack import properties
from schnetpack.md.utils import activate_model_stress

from ..energy_baseline import fit_energy_offsets
from ..frames import Frames
from ..graphs import Graphs
from ..models import build_model, load_model
from .bootstrap import resampled
from .checks import TrainingError, first_batch, refuse_missing_labels, scale_warnings

A_LOOK = 64  # frames at most
DTYPES = {"float32": torch.float32, "float64": torch.float64}


@dataclass(frozen=True)
class Start:
    """Everything that a training starts from.

    Attributes:
        model: with the weights of the start.
        energy_offsets: (100,) eV an atom of each element.
        graphs, validation: of the training and the validation frames, energies less the offsets.
    """

    model: torch.nn.Module
    energy_offsets: np.ndarray
    graphs: Graphs
    validation: Graphs


def prepare(
    frames: Frames,
    model_settings: dict[str, Any],
    training: dict[str, Any],
    start_from: str | Path | None,
    bootstrap_seed: int | None,
) -> Start:
    """Choose the frames, build or load the model, find the neighbours; see `train_member`."""
    frames = frames.with_columns(row=np.arange(len(frames)))
    refuse_missing_labels(frames, training["stress_weight"])
    train, validation = (frames.take(frames.columns["subset"] == name) for name in ("train", "validation"))
    if not len(train) or not (len(validation) or training["overfit_batches"]):
        raise TrainingError(
            f"the data set has {len(train)} frames for training and {len(validation)} frames for validation; "
            "at least one of each is needed, look at split.train and split.validation"
        )
    if training["overfit_batches"]:
        train = validation = train.take(
            np.arange(min(len(train), training["overfit_batches"] * training["batch_size"]))
        )
    stress, dtype = training["stress_weight"] > 0, DTYPES[training["precision"]]
    if start_from:
        model, offsets = _earlier(start_from, model_settings, stress)
    else:
        model, offsets = build_model(model_settings, stress), fit_energy_offsets(train)
    if bootstrap_seed is not None and not training["overfit_batches"]:
        train = resampled(train, bootstrap_seed)
    model = model.to(dtype).train()
    graphs, held_back = (Graphs(part, model_settings["cutoff_A"], offsets, dtype) for part in (train, validation))
    return Start(model, offsets, graphs, held_back)


def a_look(training: dict[str, Any]) -> int:
    """Frames to look at at a time: no more than a part of a step has."""
    return min(-(-training["batch_size"] // training["accumulation"]), A_LOOK)


def first_look(start: Start, training: dict[str, Any]) -> tuple[dict[str, float], list[str]]:
    """Sizes of what is predicted and of what is to be predicted in a first batch, and warnings, which are told.

    Raises:
        TrainingError: the energy offsets are not removed.
    """
    sizes = first_batch(start.model, start.graphs.batch(np.arange(min(len(start.graphs), a_look(training)))))
    warnings = scale_warnings(sizes, start.graphs.energy)
    for warning in warnings:
        print(f"Warning: {warning}", flush=True)
    return sizes, warnings


def _earlier(path: str | Path, model_settings: dict[str, Any], stress: bool) -> tuple[torch.nn.Module, np.ndarray]:
    earlier, settings, offsets = load_model(path)
    changed = [name for name in model_settings if settings.get(name) != model_settings[name]]
    if changed:
        raise ValueError(
            f"{path} was trained with another model.{', model.'.join(changed)}; "
            "train that round again, or set training.warm_start: false"
        )
    return activate_model_stress(earlier, properties.stress) if stress else earlier, offsets
