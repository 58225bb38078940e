"""Losses and errors of an epoch, summed up where the network runs and told once."""

from typing import Any

import torch
from schnetpack import properties

from ..graphs import COUNTS, PARTS


class Sums:
    """A vector that is summed up over the batches of an epoch, and the frames and atoms that it is of."""

    def __init__(self) -> None:
        self._total = torch.zeros(())
        self._frames = self._atoms = 0

    def add(self, sums: torch.Tensor, batch: dict[str, Any]) -> None:
        """Count in a batch and its (n,) `training_sums` or `validation_sums`."""
        self._total = sums + self._total.to(sums)
        self._frames += len(batch[properties.idx])
        self._atoms += len(batch[properties.Z])

    def training_means(self) -> dict[str, float]:
        """`train_loss`, the mean of the steps' losses by their frames, and the mean errors."""
        loss, *errors = self._total.tolist()
        return self._means("train", loss / self._frames, errors)

    def validation_means(self, names: list[str]) -> dict[str, float]:
        """`val_loss`, that of the whole set as if it were one batch, and the mean errors.

        Args:
            names: of the labels in the loss.
        """
        total = self._total.tolist()
        losses, errors = total[: len(names)], total[len(names) :]
        counts = self._counts(errors)
        loss = sum(error / counts[name] for name, error in zip(names, losses, strict=True) if counts[name])
        return self._means("val", loss, errors)

    def _means(self, subset: str, loss: float, errors: list[float]) -> dict[str, float]:
        counts = self._counts(errors)
        means = {
            "loss": loss,
            "energy_mae_meV": 1000 * errors[0] / counts[properties.energy],
            "force_mae_meV_per_A": 1000 * errors[1] / counts[properties.forces],
        }
        if counts[properties.stress]:
            means["stress_mae_eV_per_A3"] = errors[2] / counts[properties.stress]
        return {f"{subset}_{name}": mean for name, mean in means.items()}

    def _counts(self, errors: list[float]) -> dict[str, float]:
        """Numbers of components of each label; those of the stress are told with its error."""
        with_stress = errors[3] if len(errors) > 2 else 0
        return {properties.energy: self._frames, properties.forces: 3 * self._atoms, properties.stress: with_stress}


def training_sums(loss: torch.Tensor, prediction: dict[str, torch.Tensor], batch: dict[str, Any]) -> torch.Tensor:
    """(3,) or with stress (5,): the loss times the frames that it is of, then the `absolute_errors`."""
    frames = len(batch[properties.energy])
    if COUNTS in batch:
        frames = batch[COUNTS][properties.energy] / batch[PARTS]
    return torch.cat([(loss * frames).detach()[None], absolute_errors(prediction, batch)])


def validation_sums(
    losses: list[torch.Tensor], prediction: dict[str, torch.Tensor], batch: dict[str, Any]
) -> torch.Tensor:
    """The weighted sum of errors of each label in the loss, then the `absolute_errors`."""
    return torch.cat([torch.stack(losses).detach(), absolute_errors(prediction, batch)])


def absolute_errors(prediction: dict[str, torch.Tensor], batch: dict[str, Any]) -> torch.Tensor:
    """(2,) sums of the absolute errors of energy, eV, and forces, eV/Å.

    Where the model gives stress (4,): that of the stress, eV/Å³, and the number of its labelled components too.
    """
    errors = [(prediction[name] - batch[name]).abs().sum() for name in (properties.energy, properties.forces)]
    if properties.stress in prediction:
        stress = prediction[properties.stress]
        label = batch.get(properties.stress, torch.full_like(stress, torch.nan))
        given = ~label.isnan()
        errors += [torch.where(given, stress - label, 0.0).abs().sum(), given.sum().to(stress)]
    return torch.stack(errors).detach()
