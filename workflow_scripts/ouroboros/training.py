"""Fit one committee member with PyTorch Lightning on SchNetPack's task."""

import logging
import platform
import shutil
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytorch_lightning as pl
import schnetpack as spk
import torch
from pytorch_lightning.callbacks import EarlyStopping, ModelCheckpoint
from pytorch_lightning.loggers import CSVLogger, Logger, TensorBoardLogger
from schnetpack import properties

from . import __version__, seeds
from .energy_baseline import fit_energy_offsets
from .frames import Frames
from .graphs import GraphLoader, Graphs
from .models import build_model, load_model

FLUSH_EVERY = 100  # rows of the metrics log held back before they are written
logging.getLogger("pytorch_lightning").setLevel(logging.WARNING)  # banners and tips are no part of a rule's log
LOSSES = {"mse": torch.nn.MSELoss, "l1": torch.nn.L1Loss}


class ForceMatching(spk.AtomisticTask):
    """SchNetPack's task with per-epoch logging and a schedule that steps with the optimiser.

    SchNetPack logs four metrics at every step, which on small molecules costs as much as the step itself.
    """

    def __init__(self, model: torch.nn.Module, training: dict[str, Any], total_steps: int):
        loss, weights = LOSSES[training["loss"]], (training["energy_weight"], training["force_weight"])
        outputs = [
            spk.task.ModelOutput(name, loss(), weight, metrics={})
            for name, weight in zip((properties.energy, properties.forces), weights, strict=True)
        ]
        optimiser = {"lr": training["learning_rate"], "weight_decay": training["weight_decay"]}
        super().__init__(model, outputs, torch.optim.AdamW, optimiser)
        self.training_settings, self.total_steps = training, total_steps

    def save_hyperparameters(self, *_: Any, **__: Any) -> None:
        """Not SchNetPack's way, which puts the whole network into every log; training.json has the settings."""

    def training_step(self, batch: dict[str, torch.Tensor], batch_idx: int) -> torch.Tensor:
        """The loss of one batch."""
        loss = self._finite(self.loss_fn(self.model(batch.copy()), batch), "training")
        self.log("train_loss", loss, on_step=False, on_epoch=True, batch_size=len(batch[properties.idx]))
        return loss

    def validation_step(self, batch: dict[str, torch.Tensor], batch_idx: int) -> None:
        """Loss and mean absolute errors; forces need gradients, which Lightning switches off here."""
        with torch.enable_grad():
            prediction = self.model(batch.copy())
        frames, atoms = len(batch[properties.idx]), len(batch[properties.Z])
        self.log("val_loss", self._finite(self.loss_fn(prediction, batch), "validation"), batch_size=frames)
        errors = {name: (prediction[name] - batch[name]).abs().mean() * 1000 for name in ("energy", "forces")}
        self.log("val_energy_mae_meV", errors["energy"], batch_size=frames)
        self.log("val_force_mae_meV_per_A", errors["forces"], batch_size=atoms)

    def on_train_epoch_end(self) -> None:
        """Record the learning rate next to the losses of the epoch."""
        self.log("learning_rate", self.optimizers().param_groups[0]["lr"])

    def on_validation_epoch_end(self) -> None:
        """Show progress in the log of the rule."""
        force_mae = self.trainer.callback_metrics.get("val_force_mae_meV_per_A", float("nan"))
        print(f"epoch {self.current_epoch + 1}/{self.trainer.max_epochs}: validation {force_mae:.1f} meV/Å", flush=True)

    def _finite(self, loss: torch.Tensor, what: str) -> torch.Tensor:
        if not torch.isfinite(loss):
            raise TrainingError(
                f"the {what} loss became NaN or infinite in epoch {self.current_epoch}; lower training.learning_rate "
                f"({self.lr:g}) or set training.gradient_clip, and look for a bad label in the data"
            )
        return loss

    def configure_optimizers(self) -> Any:
        """AdamW and the schedule that the config names."""
        optimiser = self.optimizer_cls(self.parameters(), **self.optimizer_kwargs)
        settings = self.training_settings
        match settings["schedule"]:
            case "one_cycle":
                schedule = torch.optim.lr_scheduler.OneCycleLR(
                    optimiser,
                    max_lr=settings["learning_rate"],
                    total_steps=self.total_steps,
                    pct_start=max(settings["warmup_fraction"], 2 / self.total_steps),  # torch divides by steps - 1
                    cycle_momentum=False,
                )
                return [optimiser], [{"scheduler": schedule, "interval": "step"}]
            case "plateau":
                plateau = torch.optim.lr_scheduler.ReduceLROnPlateau(optimiser, factor=0.5, patience=5)
                every = settings["validate_every_epochs"]
                return [optimiser], [{"scheduler": plateau, "monitor": "val_loss", "frequency": every}]
        return optimiser


@dataclass(frozen=True)
class Fit:
    """A trained member: the weights of the best epoch and how they came about."""

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
) -> Fit:
    """Train one member and keep the weights of the epoch with the smallest validation loss.

    Args:
        frames: labelled frames with a column `subset` of "train" and "validation".
        model_settings: the `model` section of the config.
        training: the `training` section of the config.
        seed: of the initial weights and the order of the batches.
        device: cpu or cuda.
        start_from: a `model.pt` whose weights and energy offsets are the start (warm start).
        tensorboard: folder of the TensorBoard log; None writes none.

    Raises:
        TrainingError: the loss became NaN or infinite.
    """
    began = time.perf_counter()
    pl.seed_everything(seed, verbose=False)
    train, validation = (frames.take(frames.columns["subset"] == name) for name in ("train", "validation"))
    if start_from:
        model, started, offsets = load_model(start_from)
        changed = [name for name in model_settings if started.get(name) != model_settings[name]]
        if changed:
            raise ValueError(
                f"{start_from} was trained with another model.{', model.'.join(changed)}; "
                "train that round again, or set training.warm_start: false"
            )
    else:
        model, offsets = build_model(model_settings), fit_energy_offsets(train)
    graphs = [Graphs(part, model_settings["cutoff_A"], offsets) for part in (train, validation)]
    loader = GraphLoader(graphs[0], training["batch_size"], np.random.default_rng(seeds.integer(seed, "batches")))
    epochs = number_of_epochs(training, len(loader))
    with tempfile.TemporaryDirectory() as scratch:
        task = ForceMatching(model.train(), training, total_steps=epochs * len(loader))
        trainer = _trainer(training, device, epochs, scratch, tensorboard)
        trainer.fit(task, loader, GraphLoader(graphs[1], max(training["batch_size"], 64)))
        history = _history(scratch)
        best = torch.load(Path(scratch) / "best.ckpt", weights_only=True)
    task.load_state_dict(best["state_dict"])
    chosen = history.loc[history["val_loss"].idxmin()]
    stopped_early = trainer.current_epoch < epochs
    summary = {
        "frames": {"train": len(train), "validation": len(validation)},
        "best_epoch": int(chosen["epoch"]),
        "epochs": trainer.current_epoch,
        "steps": trainer.global_step,
        "stop_reason": "validation loss stalled" if stopped_early else "all epochs done",
        "validation": {
            name: float(chosen[f"val_{name}"]) for name in ("loss", "energy_mae_meV", "force_mae_meV_per_A")
        },
        "seconds": time.perf_counter() - began,
        "device": torch.cuda.get_device_name() if device == "cuda" else f"cpu, {torch.get_num_threads()} threads",
        "seed": seed,
        "started_from": "the member of the round before" if start_from else "random weights",
        "model": dict(model_settings),
        "training": dict(training),
        "parameters": sum(p.numel() for p in model.parameters()),
        "versions": {
            "ouroboros": __version__,
            "python": platform.python_version(),
            "torch": torch.__version__,
            "schnetpack": spk.__version__,
            "lightning": pl.__version__,
        },
    }
    return Fit(model.eval(), offsets, history, summary)


def number_of_epochs(training: dict[str, Any], steps_per_epoch: int) -> int:
    """Epochs that `training.steps` makes, to whole validations, so that the last weights are validated."""
    if training["epochs"] is not None:
        return training["epochs"]
    epochs = max(1, round(training["steps"] / steps_per_epoch))
    every = min(training["validate_every_epochs"], epochs)
    return every * round(epochs / every)


class TrainingError(RuntimeError):
    """A training that cannot go on; the message says what to change."""


def _trainer(
    training: dict[str, Any], device: str, epochs: int, scratch: str, tensorboard: str | Path | None
) -> pl.Trainer:
    patience = training["early_stopping_patience"] or epochs + 1
    loggers: list[Logger] = [CSVLogger(scratch, name="", version="", flush_logs_every_n_steps=FLUSH_EVERY)]
    if tensorboard:
        shutil.rmtree(tensorboard, ignore_errors=True)  # of an earlier try: its curves would lie over these
        loggers.append(TensorBoardLogger(Path(tensorboard).parent, name=Path(tensorboard).name, version=""))
    return pl.Trainer(
        accelerator="gpu" if device == "cuda" else "cpu",
        devices=1,
        max_epochs=epochs,
        check_val_every_n_epoch=min(training["validate_every_epochs"], epochs),
        gradient_clip_val=training["gradient_clip"],
        logger=loggers,
        callbacks=[
            ModelCheckpoint(scratch, "best", monitor="val_loss", save_weights_only=True),
            EarlyStopping("val_loss", patience=patience),
        ],
        num_sanity_val_steps=0,
        enable_progress_bar=False,
        enable_model_summary=False,
        inference_mode=False,
        log_every_n_steps=1,  # nothing is logged by the step, but fewer batches than this would be warned of
    )


def _history(scratch: str) -> pd.DataFrame:
    """One row an epoch, training and validation values side by side."""
    rows = pd.read_csv(Path(scratch) / "metrics.csv")
    return rows.drop(columns="step").groupby("epoch", as_index=False).first()
