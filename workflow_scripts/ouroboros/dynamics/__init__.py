"""Molecular dynamics of many walkers at once, each one watched at every step and stopped alone."""

from .ensembles import NVE, Ensemble, langevin
from .equilibration import equilibrate
from .limits import Limits
from .saved import SavedRun, fingerprint
from .walkers import run_walkers

__all__ = ["NVE", "Ensemble", "Limits", "SavedRun", "equilibrate", "fingerprint", "langevin", "run_walkers"]
