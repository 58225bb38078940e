"""The experiment's settings: models, checks, and the files written from them."""

from .load import ConfigError, load_experiment

__all__ = ["ConfigError", "load_experiment"]
