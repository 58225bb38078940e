"""The experiment's settings: models, checks, and the files written from them."""

from .chemistry import oracle_settings
from .load import ConfigError, load_experiment
from .sweep import sweep_runs, with_changes

__all__ = ["ConfigError", "load_experiment", "oracle_settings", "sweep_runs", "with_changes"]
