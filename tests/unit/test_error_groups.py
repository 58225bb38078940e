"""Groups of frames by a column: every frame in one group, whatever the column holds."""

import numpy as np
import pytest

from ouroboros.error_groups import MOST, OTHERS, groups_of

COLUMNS = {
    "temperatures": np.repeat([300.0, 450.0, 600.0], 4),
    "whole numbers": np.array([2, 1, 2, 10]),
    "words": np.array(["b", "a", "b"]),
    "booleans": np.array([True, False, True]),
    "varying": np.random.default_rng(0).normal(300, 20, 500),
    "many times one value": np.concatenate([np.zeros(900), np.arange(1.0, 101.0)]),
    "a word each": np.array([f"name_{i}" for i in range(50)]),
    "large and alike": 1e7 + np.arange(5),
    "with gaps": np.array([1.0, np.nan, 2.0, np.nan]),
    "varying with gaps": np.where(np.arange(100) % 10 == 0, np.nan, np.arange(100.0)),
    "nothing but gaps": np.full(3, np.nan),
}


@pytest.mark.parametrize("name", COLUMNS)
def test_every_frame_is_in_one_group_and_no_group_is_empty(name):
    masks = list(groups_of(COLUMNS[name]).values())
    assert (np.sum(masks, axis=0) == 1).all()
    assert all(mask.any() for mask in masks)
    assert len(masks) <= MOST


def test_values_are_named_as_people_write_them_and_in_order():
    assert list(groups_of(COLUMNS["temperatures"])) == ["300", "450", "600"]
    assert list(groups_of(COLUMNS["whole numbers"])) == ["1", "2", "10"]
    assert list(groups_of(COLUMNS["words"])) == ["a", "b"]
    assert list(groups_of(COLUMNS["booleans"])) == ["False", "True"]
    assert len(groups_of(COLUMNS["large and alike"])) == 5
    assert list(groups_of(COLUMNS["with gaps"])) == ["1", "2", "no value"]


def test_names_have_digits_enough_to_tell_groups_apart():
    assert list(groups_of(np.array([1234567.0, 1234568.0]))) == ["1234567", "1234568"]
    names = list(groups_of(300 + 1e-7 * np.arange(100.0)))
    assert len(names) == 4 and names[0].startswith("300 to 300.000002")
    assert next(iter(groups_of(np.linspace(222.3601, 381.2673, 101)))) == "222.4 to 262.1"


def test_a_varying_number_is_divided_into_quarters():
    groups = groups_of(np.arange(100.0))
    assert list(groups) == ["0 to 24", "25 to 49", "50 to 74", "75 to 99"]
    assert [mask.sum() for mask in groups.values()] == [25] * 4
    assert np.flatnonzero(groups["25 to 49"]).tolist() == list(range(25, 50))


def test_equal_values_stay_together():
    groups = groups_of(COLUMNS["many times one value"])
    assert groups["0"].sum() == 900


def test_of_many_words_the_most_frequent_are_kept():
    words = np.array([f"w{i:02}" for i in range(40) for _ in range(40 - i)])
    groups = groups_of(words)
    assert list(groups)[:2] == ["w00", "w01"] and list(groups)[-1] == OTHERS
    assert groups[OTHERS].sum() == sum(range(1, 22))
