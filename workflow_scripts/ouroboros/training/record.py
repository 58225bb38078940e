"""Where and with what a training ran."""

import platform
from typing import Any

import pytorch_lightning as pl
import schnetpack as spk
import torch

from .. import __version__
from ..code_version import code_version


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
