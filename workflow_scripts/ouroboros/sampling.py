"""What dynamics starts from and how often it is sampled."""

import numpy as np


def draw_starts(rows: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
    """Draw structures to start from, none a second time before all were drawn once.

    Args:
        rows: (n,) rows of the structures, at least one.
        count: how many are drawn.
        rng: decides their order.

    Returns:
        (count,) of the rows.

    Raises:
        ValueError: there is no structure.
    """
    if not len(rows):
        raise ValueError("there is no structure to start from")
    turns = max(-(-count // len(rows)), 1)
    return np.concatenate([rng.permutation(rows) for _ in range(turns)])[:count]


def steps_within(time_fs: float, timestep_fs: float) -> int:
    """Whole time steps that fit into a time; rounding errors of the quotient do not lose one."""
    return int(time_fs / timestep_fs + 1e-6)
