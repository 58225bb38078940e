"""How long a training is: needed by the training itself, and by plans, which load no torch."""

from typing import Any


def number_of_epochs(training: dict[str, Any], steps_per_epoch: int) -> int:
    """Epochs that `training.steps` makes, to whole validations, so that the last weights are validated."""
    if training["epochs"] is not None:
        return training["epochs"]
    epochs = max(1, round(training["steps"] / steps_per_epoch))
    every = min(training["validate_every_epochs"], epochs)
    return every * round(epochs / every)
