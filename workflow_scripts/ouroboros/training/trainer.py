"""Lightning's Trainer as it is used here, and the state that a killed training goes on from."""

import logging
import os
import time
import warnings
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import Callback, Checkpoint, EarlyStopping, ModelCheckpoint, WeightAveraging
from pytorch_lightning.loggers import TensorBoardLogger
from torch.optim.swa_utils import get_ema_multi_avg_fn

from .course import Course

logging.getLogger("pytorch_lightning").setLevel(logging.WARNING)  # banners and tips are no part of a rule's log
warnings.filterwarnings("ignore", message="Checkpoint directory .* exists and is not empty")  # as it has to be
PRECISIONS: dict[str, Any] = {"float32": "32-true", "float64": "64-true"}


class KeepState(Checkpoint):
    """Write everything that the training goes on from, whole or not at all, at the end of an epoch.

    Being a Checkpoint, it comes after the task and after early stopping; a training that was told to stop is not kept,
    as Lightning would not remember that.
    """

    def __init__(self, path: Path, every_s: float):
        self.path, self.every_s, self._last = path, every_s, time.perf_counter()

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Keep the state when the last one is old enough."""
        if trainer.should_stop or time.perf_counter() - self._last < self.every_s:
            return
        part = self.path.with_suffix(".part")
        trainer.save_checkpoint(part)
        os.replace(part, self.path)
        self._last = time.perf_counter()


def count_batches_anew(state: Path, batches: int) -> None:
    """Tell a kept state how many batches an epoch has, or Lightning would take another number for half an epoch.

    It changes where the steps are split into more parts than when the state was kept.
    """
    checkpoint = torch.load(state, map_location="cpu", weights_only=False)
    done = checkpoint["loops"]["fit_loop"]["epoch_loop.batch_progress"]["current"]
    if done["ready"] != batches:
        done.update(dict.fromkeys(done, batches))
        torch.save(checkpoint, state.with_suffix(".part"))
        os.replace(state.with_suffix(".part"), state)


def make_trainer(
    training: dict[str, Any],
    device: str,
    epochs: int,
    parts: int,
    course: Course,
    keep_every_s: float,
    tensorboard: str | Path | None,
) -> pl.Trainer:
    """A Trainer that validates, stops, averages and keeps as the config says.

    Args:
        training: the `training` section of the config.
        device: cpu or cuda.
        epochs: passes over the training set.
        parts: batches that make one optimiser step.
        course: where state and best weights are kept.
        keep_every_s: the state is kept when the last one is older.
        tensorboard: folder of the TensorBoard log; None writes none.
    """
    callbacks: list[Callback] = [
        EarlyStopping("val_loss", patience=training["early_stopping_patience"] or epochs + 1),
        ModelCheckpoint(course.best.parent, course.best.stem, monitor="val_loss", enable_version_counter=False),
        KeepState(course.state, keep_every_s),
    ]
    if training["average_decay"]:
        callbacks.insert(
            0, WeightAveraging(use_buffers=False, multi_avg_fn=get_ema_multi_avg_fn(training["average_decay"]))
        )
    return pl.Trainer(
        accelerator="gpu" if device == "cuda" else "cpu",
        devices=1,
        precision=PRECISIONS[training["precision"]],
        max_epochs=epochs,
        check_val_every_n_epoch=min(training["validate_every_epochs"], epochs),
        accumulate_grad_batches=parts,
        gradient_clip_val=training["gradient_clip"],
        logger=_tensorboard(tensorboard, resumed=course.state.exists()),
        callbacks=callbacks,
        num_sanity_val_steps=0,
        enable_progress_bar=False,
        enable_model_summary=False,
        inference_mode=False,
        log_every_n_steps=1,  # nothing is logged by the step, but fewer batches than this would be warned of
    )


def _tensorboard(folder: str | Path | None, resumed: bool) -> Any:
    if folder is None:
        return False
    if not resumed:
        for old in Path(folder).glob("events.out.tfevents.*"):  # of an earlier try, which would lie over this one
            old.unlink()
    return TensorBoardLogger(Path(folder).parent, name=Path(folder).name, version="")
