"""Reference data: generate or take over, curate, split without leakage, store in SchNetPack's database format."""

from .curate import curate
from .database import read_database, write_database
from .generate import generate_trajectory
from .leakage import nearest_training_distance
from .split import split_by_trajectory

__all__ = [
    "curate",
    "generate_trajectory",
    "nearest_training_distance",
    "read_database",
    "split_by_trajectory",
    "write_database",
]
