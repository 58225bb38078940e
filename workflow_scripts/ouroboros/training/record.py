"""Where and with what a training ran."""

import hashlib
import platform
import subprocess
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import schnetpack as spk
import torch

from .. import __version__


def circumstances(device: str) -> dict[str, Any]:
    """Device and versions, for training.json."""
    cpu = f"cpu ({platform.processor() or platform.machine()}), {torch.get_num_threads()} threads"
    return {
        "device": torch.cuda.get_device_name() if device == "cuda" else cpu,
        "versions": {
            "ouroboros": __version__,
            "code": code_version(),
            "python": platform.python_version(),
            "torch": torch.__version__,
            "schnetpack": spk.__version__,
            "lightning": pl.__version__,
        },
    }


def code_version() -> str:
    """The library's sources as 12 hexadecimal digits, and the git commit where they are a checkout."""
    library, digest = Path(__file__).parents[1], hashlib.sha256()
    for source in sorted(library.rglob("*.py")):
        digest.update(source.read_bytes())
    command = ["git", "-C", str(library), "describe", "--always", "--dirty"]
    try:
        commit = subprocess.run(command, capture_output=True, text=True, timeout=10).stdout.strip()
    except (OSError, subprocess.TimeoutExpired):
        commit = ""
    return f"sources {digest.hexdigest()[:12]}" + (f", git {commit}" if commit else "")
