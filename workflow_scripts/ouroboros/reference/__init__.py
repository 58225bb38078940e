"""Reference data: generate, download or import, curate, split without leakage, store in SchNetPack's format."""

from .curate import curate
from .database import read_database, write_database
from .generate import generate_trajectory
from .leakage import Leakage, accepted_share, describe_leakage, nearest_training_distance, refuse_leakage
from .published_split import read_published
from .split import describe_split, make_split

__all__ = [
    "Leakage",
    "accepted_share",
    "curate",
    "describe_leakage",
    "describe_split",
    "generate_trajectory",
    "make_split",
    "nearest_training_distance",
    "read_database",
    "read_published",
    "refuse_leakage",
    "write_database",
]
