"""The section `training` of the config: how one member is fitted."""

from typing import Literal

from .section import Section, key


class Training(Section):
    """Fitting one member, with PyTorch Lightning; docs/training.md tells how the defaults were found."""

    # the step
    batch_size: int = key(5, "frames of one optimiser step", ge=1, le=100000)
    accumulation: int = key(
        1, "work the frames of a step off in so many parts: the same step with less memory", ge=1, le=100000
    )
    precision: Literal["float32", "float64"] = key("float32", "of weights and data")
    loss: Literal["mse", "l1", "l2norm"] = key(
        "l2norm",
        "mse: mean squared error; l1: mean absolute error; l2norm: the same, of forces the length of the error",
    )
    energy_weight: float = key(0.05, "weight of the energy in the loss (error in eV)", ge=0, le=1000)
    force_weight: float = key(0.95, "weight of the forces in the loss (error in eV/Å)", ge=0, le=1000)
    stress_weight: float = key(
        0.0, "weight of the stress of periodic cells in the loss (error in eV/Å³, so a large number)", ge=0, le=1e6
    )
    compile: Literal["auto", "always", "never"] = key(
        "auto",
        "compile the step (CPU): half a minute, then twice as fast; auto: from 5000 steps on, with a C++ compiler",
    )
    # the optimiser
    learning_rate: float = key(3e-3, "AdamW's peak learning rate", gt=0, lt=1)
    weight_decay: float = key(0.0, "AdamW's weight decay", ge=0, lt=1)
    gradient_clip: float | None = key(None, "largest gradient norm; null: not clipped", gt=0)
    schedule: Literal["one_cycle", "cosine", "plateau", "constant"] = key(
        "one_cycle",
        "one_cycle: up along a cosine, then down to zero; cosine: linear warm-up, cosine to zero; "
        "plateau: lowered when validation stalls; constant",
    )
    warmup_fraction: float = key(
        0.1, "share of all steps that the learning rate rises; plateau and constant: linearly, 0 for none", ge=0, lt=1
    )
    plateau_factor: float = key(0.5, "plateau: the learning rate is multiplied by this", gt=0, lt=1)
    plateau_patience: int = key(5, "plateau: validations without a better loss before that", ge=0)
    average_decay: float | None = key(
        None, "keep an exponential moving average of the weights with this decay a step; null: none", gt=0, lt=1
    )
    # the length
    steps: int = key(1500, "optimiser steps a member and round, to whole validations", ge=1)
    epochs: int | None = key(None, "passes over the training set; null: as many as `steps` makes", ge=1)
    validate_every_epochs: int = key(10, "epochs between validations", ge=1)
    early_stopping_patience: int | None = key(
        None, "validations without a better loss before training stops; null: never", ge=1
    )
    # from round to round
    warm_start: bool = key(True, "from round 1 on, start from the member's weights of the round before")
    from_scratch_every: int | None = key(
        None, "with warm_start: every so many rounds start from random weights, as a check; null: never", ge=1
    )
    # what a job asks for, on a cluster
    mem_mb: int = key(4000, "memory that a training job asks for", "MB", ge=100)
    runtime_min: int = key(1440, "time that it asks for", "min", ge=1)
    # looking for faults
    overfit_batches: int | None = key(
        None, "train and validate on this many batches only: the loss has to fall to almost zero; null: off", ge=1
    )
