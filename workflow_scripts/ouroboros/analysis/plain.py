"""Results as JSON knows them."""

import math
from collections.abc import Mapping
from dataclasses import asdict, is_dataclass

import numpy as np

DIGITS = 12  # an energy of -1e6 eV keeps its 1e-6 eV; a curve does not fill the file with rounding noise


def plain(value):
    """The same value in plain numbers, strings, lists and dictionaries.

    Args:
        value: any nesting of dataclasses, mappings, sequences, numpy arrays and scalars.

    Returns:
        A value that `json.dumps(..., allow_nan=False)` takes: NaN and infinity, which JSON lacks, become `None`.
    """
    if is_dataclass(value) and not isinstance(value, type):
        return plain(asdict(value))
    if isinstance(value, Mapping):
        return {str(key): plain(entry) for key, entry in value.items()}
    if isinstance(value, np.ndarray | list | tuple):
        return [plain(entry) for entry in value]
    if isinstance(value, np.generic):
        return plain(value.item())
    if isinstance(value, float):
        return float(f"{value:.{DIGITS}g}") if math.isfinite(value) else None
    return value
