"""Which test frames are of the kind that the start set was drawn from, and which were put farther out on purpose."""

from typing import Any

import numpy as np

from .frames import Frames

IN_DOMAIN, OUT_OF_DOMAIN = "in_domain", "out_of_domain"


def in_domain(frames: Frames, split: dict[str, Any]) -> np.ndarray:
    """(n_frames,) of booleans.

    Out of domain are, of whole trajectories held out, those hotter than the start set may be, and structures that no
    dynamics made; of groups held out by a column all; every other split draws test and start set alike.

    Args:
        frames: of the test set.
        split: the `split` section of the config.
    """
    everywhere = np.ones(len(frames), dtype=bool)
    if split["strategy"] == "column":
        return ~everywhere
    hottest = split.get("start_temperature_max_K")
    if split["strategy"] != "trajectory" or hottest is None or "temperature_K" not in frames.columns:
        return everywhere
    return frames.columns["temperature_K"] <= hottest  # structures that no dynamics made have none
