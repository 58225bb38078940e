"""The experiment's settings: models, checks, and the files written from them."""

from .chemistry import oracle_settings
from .load import ConfigError, load_experiment

__all__ = ["ConfigError", "load_experiment", "oracle_settings"]
