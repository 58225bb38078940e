"""Fitting one committee member with PyTorch Lightning on SchNetPack's task."""

from .checks import TrainingError
from .fit import Fit, train_member
from .run import number_of_epochs

__all__ = ["Fit", "TrainingError", "number_of_epochs", "train_member"]
