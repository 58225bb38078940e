"""SchNetPack's task as a Lightning module that spends its time on the network."""

import math
import time
from collections.abc import Callable
from typing import Any

import schnetpack as spk
import torch
from schnetpack import properties
from torch.optim.lr_scheduler import ReduceLROnPlateau

from ..graphs import COUNTS, PARTS
from .checks import WEIGHTS
from .losses import summed_error
from .schedules import linear_warmup, plateau, schedule
from .sums import Sums, training_sums, validation_sums

Step = Callable[[dict[str, Any]], tuple[torch.Tensor, torch.Tensor]]


class Diverged(RuntimeError):
    """The loss became NaN or infinite, or far larger than that of a model that knows nothing."""


class ForceMatching(spk.AtomisticTask):
    """SchNetPack's task, with its loss, but nothing logged or looked up at a step.

    SchNetPack logs the loss and four metrics at every step, which on small molecules costs as much as the step itself.
    Here they are summed up and told once an epoch.
    """

    def __init__(
        self,
        model: torch.nn.Module,
        training: dict[str, Any],
        total_steps: int,
        ignorant_loss: float = float("inf"),
        clock: Callable[[], float] = time.perf_counter,
    ):
        """Prepare the loss and the optimiser.

        Args:
            model: gives energy, forces, and stress where it is to be trained.
            training: the `training` section of the config.
            total_steps: optimiser steps of the whole training.
            ignorant_loss: loss of a model that predicts zero for everything; a loss far above has diverged.
            clock: seconds since the training began, those before a kill included.
        """
        outputs = [
            spk.task.ModelOutput(name, summed_error(training["loss"], name), training[weight], metrics={})
            for name, weight in WEIGHTS.items()
            if training[weight] > 0
        ]
        optimiser = {"lr": training["learning_rate"], "weight_decay": training["weight_decay"], "fused": True}
        warmup = linear_warmup(training, total_steps)
        super().__init__(model, outputs, torch.optim.AdamW, optimiser, warmup_steps=warmup)
        self.training_settings, self.total_steps, self.ignorant_loss = training, total_steps, ignorant_loss
        self._far = 100 if training["loss"] == "mse" else 10  # an error ten times that of no model at all
        self.step: Step = self.eager_step  # of training; a compiled one takes its place
        self.history: list[dict[str, float]] = []
        self._clock = clock
        self._plateau: ReduceLROnPlateau | None = None
        self._plateau_state: dict[str, Any] | None = None
        self._train_sums, self._val_sums = Sums(), Sums()
        self._validated: dict[str, float] = {}

    def save_hyperparameters(self, *_: Any, **__: Any) -> None:
        """Not SchNetPack's way, which puts the whole network into every log; training.json has the settings."""

    def eager_step(self, batch: dict[str, Any]) -> tuple[torch.Tensor, torch.Tensor]:
        """Loss of a batch, and its `training_sums`."""
        prediction = self.model(batch.copy())
        loss = self.weighted(prediction, batch)
        return loss, training_sums(loss, prediction, batch)

    def weighted(self, prediction: dict[str, torch.Tensor], batch: dict[str, Any]) -> torch.Tensor:
        """SchNetPack's loss, the weighted sum of means; of a part of a step, its share in the whole, times the parts.

        Lightning divides the sum over the parts by their number, so that the gradient is that of the undivided step,
        whatever the sizes of the frames.
        """
        loss = prediction[properties.energy].new_zeros(())
        for name, (error, count) in self.summed(prediction, batch).items():
            if COUNTS in batch:
                count = batch[COUNTS][name]
            loss = loss + error * (batch.get(PARTS, 1) / count)
        return loss

    def summed(self, prediction: dict[str, torch.Tensor], batch: dict[str, Any]) -> dict[str, tuple[torch.Tensor, Any]]:
        """Of each label in the loss the sum of its errors, weighted, and the number of components that it is of."""
        sums = {}
        for output in self.outputs:
            name = output.name
            if name not in batch:
                continue
            target, count = batch[name], batch[name].numel()
            if name == properties.stress:  # the only label that a frame of a set may lack
                missing = target.isnan()
                target, count = torch.where(missing, prediction[name].detach(), target), (~missing).sum()
            sums[name] = output.calculate_loss({name: prediction[name]}, {name: target}), count
        return sums

    def on_train_epoch_start(self) -> None:
        """The order of the frames goes by the epoch."""
        self.trainer.train_dataloader.set_epoch(self.current_epoch)

    def training_step(self, batch: dict[str, Any], batch_idx: int) -> torch.Tensor:
        """The loss of one batch."""
        loss, sums = self.step(batch)
        if not self.history and not batch_idx and loss.isfinite():  # an untrained model may know less than nothing
            self.ignorant_loss = max(self.ignorant_loss, loss.item())
        self._watch(loss.detach(), "training", batch_idx)
        self._train_sums.add(sums, batch)
        return loss

    def validation_step(self, batch: dict[str, Any], batch_idx: int) -> None:
        """Loss and absolute errors; forces need gradients, which Lightning switches off here."""
        with torch.enable_grad():
            prediction = self.model(batch.copy())
            sums = self.summed(prediction, batch)
        self._watch(sum(error / count for error, count in sums.values()).detach(), "validation", batch_idx)
        none = prediction[properties.energy].new_zeros(())
        losses = [sums.get(output.name, (none, 0))[0] for output in self.outputs]
        self._val_sums.add(validation_sums(losses, prediction, batch), batch)

    def on_validation_epoch_end(self) -> None:
        """Tell the losses that schedule, early stopping and the choice of the best epoch go by; show progress."""
        self._validated = self._val_sums.validation_means([output.name for output in self.outputs])
        self._val_sums = Sums()
        self._refuse_nonfinite(self._validated["val_loss"], "validation")
        self.log_dict(self._validated)
        loss, mae = self._validated["val_loss"], self._validated["val_force_mae_meV_per_A"]
        print(
            f"epoch {self.current_epoch + 1}/{self.trainer.max_epochs} after {self._clock():.0f} s: "
            f"validation loss {loss:.3g}, force MAE {mae:.1f} meV/Å",
            flush=True,
        )

    def on_train_epoch_end(self) -> None:
        """Add the epoch's row to the history."""
        row, self._train_sums = self._train_sums.training_means(), Sums()
        self._refuse_nonfinite(row["train_loss"], "training")
        if self.current_epoch and row["train_loss"] > self._far * self.ignorant_loss:
            raise Diverged(self._too_large(row["train_loss"]))
        row["learning_rate"] = self.optimizers().param_groups[0]["lr"]
        if self._plateau and self._validated:
            self._plateau.step(self._validated["val_loss"])
        self.log_dict(row)
        validated, self._validated = self._validated, {}
        self.history.append({"epoch": self.current_epoch, **row, **validated, "seconds": self._clock()})

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Keep the history with the weights."""
        checkpoint["history"] = list(self.history)
        checkpoint["ignorant_loss"] = self.ignorant_loss
        checkpoint["plateau"] = self._plateau and self._plateau.state_dict()

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Go on with the history of the training that was interrupted."""
        self.history = list(checkpoint["history"])
        self.ignorant_loss = checkpoint["ignorant_loss"]
        self._plateau_state = checkpoint["plateau"]

    def configure_optimizers(self) -> Any:
        """AdamW and the schedule that the config names."""
        optimiser = self.optimizer_cls(self.parameters(), **self.optimizer_kwargs)
        self._plateau = plateau(optimiser, self.training_settings)
        if self._plateau and self._plateau_state:
            self._plateau.load_state_dict(self._plateau_state)
        return [optimiser], schedule(optimiser, self.training_settings, self.total_steps)

    def _watch(self, loss: torch.Tensor, what: str, batch_idx: int) -> None:
        if loss.is_cuda and batch_idx % 50:  # reading a number off a GPU waits for it
            return
        value = loss.item()
        self._refuse_nonfinite(value, what, f", batch {batch_idx + 1}")
        if value > self._far**4 * self.ignorant_loss:
            raise Diverged(self._too_large(value))

    def _refuse_nonfinite(self, loss: float, what: str, batch: str = "") -> None:
        if not math.isfinite(loss):
            raise Diverged(f"the {what} loss became NaN or infinite in epoch {self.current_epoch + 1}{batch}")

    def _too_large(self, loss: float) -> str:
        return (
            f"the training loss came to {loss:.3g} in epoch {self.current_epoch + 1}, "
            f"{loss / self.ignorant_loss:.3g} times that of a model that predicts nothing"
        )
