"""Figures and reasons as JSON files, read and written in one way; and what makes a file durable."""

import json
import os
from pathlib import Path
from typing import Any

RANDOM_WEIGHTS = "random weights"  # in training.json, what a member that was not started warm started from


def read_json(path: str | Path) -> dict[str, Any]:
    """A JSON file as plain values."""
    return json.loads(Path(path).read_text(encoding="utf-8"))


def sync_folder(folder: str | Path) -> None:
    """Make a renamed file durable: its name is part of the folder, which has to reach the disk too."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_json(path: str | Path, content: dict[str, Any]) -> None:
    """Write plain values as indented JSON.

    Raises:
        ValueError: a number is NaN or infinite, which JSON does not have: a failure is to be told in words.
    """
    text = json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False)
    Path(path).write_text(text + "\n", encoding="utf-8")
