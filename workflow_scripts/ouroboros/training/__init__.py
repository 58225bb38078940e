"""Fitting one committee member with PyTorch Lightning on SchNetPack's task."""

from .checks import TrainingError
from .fit import Fit, train_member

__all__ = ["Fit", "TrainingError", "train_member"]
