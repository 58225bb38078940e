"""Every random draw of an experiment, derived from its one `seed` and a path that says what the draw is for."""

import hashlib
import json
from operator import index

import numpy as np

WORD = 2**31


def derive(seed: int, *path: str | int) -> np.random.SeedSequence:
    """The seed sequence of one purpose: `derive(seed, "train", "round", 3, "member", 0)`.

    The whole path is hashed (SHA-256 of its JSON form), so that the same path gives the same numbers on every
    machine and in every process, which Python's own `hash` does not, and so that ("a", 12) and ("a", 1, 2), or 1
    and "1", are different purposes. NumPy mixes seed and hash (`numpy.random.SeedSequence`, `spawn_key`).

    Args:
        seed: the experiment's seed, an integer of 0 or more.
        path: words and integers that name the purpose.

    Raises:
        ValueError: the seed is negative.
        TypeError: a part of the path is neither text nor an integer.
    """
    if index(seed) < 0:
        raise ValueError(f"seed is {seed}, but a seed has to be 0 or more")
    parts = [part if isinstance(part, str) else index(part) for part in path]
    digest = hashlib.sha256(json.dumps(parts).encode()).digest()
    return np.random.SeedSequence(index(seed), spawn_key=np.frombuffer(digest, "<u4").tolist())


def generator(seed: int, *path: str | int) -> np.random.Generator:
    """A NumPy generator for one purpose; see `derive`."""
    return np.random.default_rng(derive(seed, *path))


def integer(seed: int, *path: str | int) -> int:
    """An integer in [0, 2**31) for libraries that take a plain seed (torch, ASE); see `derive`."""
    return int(derive(seed, *path).generate_state(1)[0]) % WORD
