"""Seeds: stable numbers, different for every purpose."""

import numpy as np
import pytest

from ouroboros import seeds


def test_numbers_never_change():
    """A change here would change every result of every published seed."""
    assert seeds.integer(42, "train", "round", 3, "member", 0) == 1602544855
    assert seeds.generator(42, "split").integers(1000, size=3).tolist() == [77, 386, 514]


def test_every_purpose_has_its_own_numbers():
    paths = [(), ("a",), ("b",), ("a", 1), ("a", "1"), ("a", 12), ("a", 1, 2), (1, "a")]
    drawn = {seeds.integer(seed, *path) for seed in (0, 1, 2**40) for path in paths}
    assert len(drawn) == 3 * len(paths)
    assert all(0 <= number < 2**31 for number in drawn)


def test_numpy_integers_are_integers():
    assert seeds.integer(np.int64(7), "round", np.int32(2)) == seeds.integer(7, "round", 2)


def test_bad_seeds_and_paths():
    with pytest.raises(ValueError, match="seed is -1"):
        seeds.derive(-1, "split")
    with pytest.raises(TypeError):
        seeds.derive(1, 0.5)
