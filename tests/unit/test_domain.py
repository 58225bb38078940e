"""Which test frames count as in the domain of the start set."""

import numpy as np
import pytest

from ouroboros.domain import in_domain


@pytest.fixture
def hot(frames):
    return frames.take(np.arange(4)).with_columns(temperature_K=np.array([300.0, 450.0, 300.0, 600.0]))


@pytest.mark.parametrize(
    ("split", "expected"),
    [
        ({"strategy": "trajectory", "start_temperature_max_K": 300.0}, [True, False, True, False]),
        ({"strategy": "trajectory", "start_temperature_max_K": None}, [True] * 4),
        ({"strategy": "random"}, [True] * 4),
        ({"strategy": "column", "column": "source"}, [False] * 4),
    ],
)
def test_what_was_put_farther_out_is_told_apart(hot, split, expected):
    assert in_domain(hot, split).tolist() == expected


@pytest.mark.parametrize("hottest", [None, 300.0])
def test_structures_that_no_dynamics_made_are_out(hot, hottest):
    made = hot.with_columns(made=np.array(["dynamics", "dynamics", "turned", "stretched"]))
    split = {"strategy": "trajectory", "start_temperature_max_K": hottest}
    assert in_domain(made, split).tolist() == [True, hottest is None, False, False]


def test_frames_without_temperatures_are_all_in(frames):
    columns = {name: values for name, values in frames.columns.items() if name != "temperature_K"}
    bare = type(frames)(**{**frames.__dict__, "columns": columns})
    assert in_domain(bare, {"strategy": "trajectory", "start_temperature_max_K": 300.0}).all()
