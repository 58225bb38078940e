"""Reading files that another process may be writing: what is not there, or not whole yet, is empty."""

from pathlib import Path
from typing import Any

import pandas as pd

from .. import records
from ..faults import end_of


def read_json(path: Path) -> dict[str, Any]:
    """A JSON file as plain values."""
    try:
        content = records.read_json(path)
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def read_table(path: Path, separator: str = ",") -> pd.DataFrame:
    """A table with a header."""
    try:
        return pd.read_csv(path, sep=separator)
    except (OSError, ValueError):  # pandas' own errors are ValueErrors
        return pd.DataFrame()


def last_lines(path: Path, size: int = 8192) -> list[str]:
    """The lines, none of them empty, at the end of a log, as far as `size` bytes reach."""
    return [line for line in end_of(path, size).splitlines() if line.strip()]


def written(path: Path) -> float | None:
    """When a file was written last, in seconds since 1970."""
    try:
        return path.stat().st_mtime
    except OSError:
        return None
