"""Which test frames are of the kind that the start set was drawn from, and which were put farther out on purpose."""

from typing import Any

import numpy as np

from .frames import Frames

IN_DOMAIN, OUT_OF_DOMAIN = "in_domain", "out_of_domain"
DYNAMICS = "dynamics"  # in the column `made`: of frames that a trajectory went through


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
    if split["strategy"] != "trajectory":
        return everywhere
    inside, hottest = everywhere, split.get("start_temperature_max_K")
    if "made" in frames.columns:
        inside = inside & (frames.columns["made"] == DYNAMICS)
    if hottest is not None and "temperature_K" in frames.columns:
        inside = inside & (frames.columns["temperature_K"] <= hottest)
    return inside
