"""The optimiser's learning rate over the steps of a training."""

from typing import Any

import torch
from torch.optim.lr_scheduler import (
    CosineAnnealingLR,
    LinearLR,
    LRScheduler,
    OneCycleLR,
    ReduceLROnPlateau,
    SequentialLR,
)


def warmup_steps(training: dict[str, Any], total_steps: int) -> int:
    """Steps in which the learning rate rises; at least one."""
    return max(1, round(training["warmup_fraction"] * total_steps))


def linear_warmup(training: dict[str, Any], total_steps: int) -> int:
    """Steps of the warm-up that SchNetPack's task does, before plateau and constant; the others have their own."""
    if training["schedule"] not in ("plateau", "constant") or not training["warmup_fraction"]:
        return 0
    return warmup_steps(training, total_steps)


def schedule(optimiser: torch.optim.Optimizer, training: dict[str, Any], total_steps: int) -> list[dict[str, Any]]:
    """The schedule that the config names, as Lightning takes it; none for plateau and a constant rate.

    Args:
        optimiser: its learning rate is the peak.
        training: the `training` section of the config.
        total_steps: optimiser steps of the whole training.

    one_cycle is Smith and Topin's (arXiv:1708.07120) as torch has it, cosine that of Loshchilov and Hutter
    (arXiv:1608.03983) without restarts.
    """
    warmup = warmup_steps(training, total_steps)
    if total_steps < 3:  # no time to go up and down
        return []
    match training["schedule"]:
        case "one_cycle":
            rising = max(warmup / total_steps, 2 / total_steps)  # torch divides by steps - 1
            cycle = OneCycleLR(
                optimiser,
                max_lr=training["learning_rate"],
                total_steps=total_steps,
                pct_start=rising,
                cycle_momentum=False,
            )
            return [{"scheduler": cycle, "interval": "step"}]
        case "cosine":
            return [{"scheduler": _cosine(optimiser, warmup, total_steps), "interval": "step"}]
    return []


def plateau(optimiser: torch.optim.Optimizer, training: dict[str, Any]) -> ReduceLROnPlateau | None:
    """The schedule that goes by the validation loss, where the config names it.

    The task steps it itself: Lightning would not, in a training that goes on from the end of an epoch.
    """
    if training["schedule"] != "plateau":
        return None
    return ReduceLROnPlateau(optimiser, factor=training["plateau_factor"], patience=training["plateau_patience"])


def _cosine(optimiser: torch.optim.Optimizer, warmup: int, total_steps: int) -> LRScheduler:
    falling = CosineAnnealingLR(optimiser, T_max=max(1, total_steps - warmup))
    rising = LinearLR(optimiser, start_factor=1 / (warmup + 1), total_iters=warmup)
    return SequentialLR(optimiser, [rising, falling], milestones=[warmup])
