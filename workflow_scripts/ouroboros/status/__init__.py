"""How a run stands, from the files that it leaves: `python -m ouroboros.status my.yaml`."""

from .expected import Job, arms, ends, jobs_of
from .time_left import TimeLeft, time_left
from .view import view

__all__ = ["Job", "TimeLeft", "arms", "ends", "jobs_of", "time_left", "view"]
