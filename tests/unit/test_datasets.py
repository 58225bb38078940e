"""Data sets: they only grow, and validation frames are never trained on."""

import numpy as np
import pytest

from ouroboros.datasets import describe, grow, load_split, start_set
from ouroboros.frames import Frames


def identity(frames):
    """A hashable name for each frame."""
    return [frames.positions[frames.frame_of_atom == i].tobytes() for i in range(len(frames))]


@pytest.fixture
def start(frames):
    return start_set(
        frames, {"train_idx": np.array([3, 1, 8]), "val_idx": np.array([0, 5]), "test_idx": np.arange(9, 30)}
    )


def test_start_set_is_the_split_and_no_test_frame(frames, start):
    expected = identity(frames.take([3, 1, 8, 0, 5]))
    assert identity(start) == expected
    assert start.columns["subset"].tolist() == ["train"] * 3 + ["validation"] * 2
    assert start.columns["round"].tolist() == [0] * 5
    np.testing.assert_array_equal(start.energy, frames.energy[[3, 1, 8, 0, 5]])


def test_a_round_adds_its_labels_on_top(frames, start):
    labels = frames.take(np.arange(9, 19))
    grown = grow(start, labels, 1, 0.2, np.random.default_rng(0))
    assert identity(grown) == identity(start) + identity(labels)
    assert grown.columns["subset"][:5].tolist() == start.columns["subset"].tolist()
    assert grown.columns["round"].tolist() == [0] * 5 + [1] * 10
    assert (grown.columns["subset"][5:] == "validation").sum() == 2
    np.testing.assert_array_equal(grown.forces[-labels.forces.shape[0] :], labels.forces)


def test_stress_of_earlier_frames_and_of_new_labels_stays_with_its_frame(frames):
    stress = np.arange(len(frames) * 9.0).reshape(-1, 3, 3)
    stress[1] = np.nan
    labelled = Frames(**{**frames.__dict__, "stress": stress})
    start = start_set(labelled, {"train_idx": np.array([3, 1]), "val_idx": np.array([0])})
    grown = grow(start, labelled.take([7, 5]), 1, 0.0, np.random.default_rng(0))
    np.testing.assert_array_equal(grown.stress, stress[[3, 1, 0, 7, 5]])


def test_nothing_that_was_validated_on_is_ever_trained_on(frames, start):
    data, held_back = start, set()
    for round_ in (1, 2, 3):
        labels = frames.take(np.arange(6 * round_ + 3, 6 * round_ + 9))
        data = grow(data, labels, round_, 0.34, np.random.default_rng(round_))
        names, subset = identity(data), data.columns["subset"]
        held_back |= {name for name, part in zip(names, subset, strict=True) if part == "validation"}
        assert not held_back & {name for name, part in zip(names, subset, strict=True) if part == "train"}
        assert len(set(names)) == len(names)
    assert len(held_back) == 2 + 3 * 2


def test_whole_walkers_are_held_back(frames, start):
    walker = np.repeat([0, 1, 2, 3], [3, 1, 4, 2])
    labels = frames.take(np.arange(9, 19)).with_columns(walker=walker)
    for seed in range(5):
        subset = grow(start, labels, 1, 0.35, np.random.default_rng(seed)).columns["subset"][5:]
        assert 0 < (subset == "validation").sum() <= 3
        assert all(len(set(subset[walker == w])) == 1 for w in range(4))


def test_which_labels_are_held_back_is_random_and_reproducible(frames, start):
    labels = frames.take(np.arange(9, 39))

    def held_back(seed):
        return grow(start, labels, 1, 0.3, np.random.default_rng(seed)).columns["subset"][5:].tolist()

    assert held_back(1) == held_back(1)
    assert held_back(1) != held_back(2)
    assert held_back(1)[:9] != ["validation"] * 9


def test_a_round_without_labels_changes_nothing(frames, start):
    assert grow(start, frames.take([]), 1, 0.1, np.random.default_rng(0)) is start


def test_no_validation_share_trains_on_everything(frames, start):
    grown = grow(start, frames.take([20, 21]), 1, 0.0, np.random.default_rng(0))
    assert grown.columns["subset"][5:].tolist() == ["train", "train"]


def test_the_description_counts_frames(frames, start):
    grown = grow(start, frames.take(np.arange(9, 19)), 2, 0.2, np.random.default_rng(0))
    assert describe(grown) == {"train": 11, "validation": 4, "labels_of_round": {"0": 5, "2": 10}}


def test_a_grown_set_survives_its_file(frames, start, tmp_path):
    grown = grow(start, frames.take([20, 21, 22]), 1, 0.34, np.random.default_rng(0))
    grown.save(tmp_path / "dataset.npz")
    stored = Frames.load(tmp_path / "dataset.npz")
    assert stored.columns["subset"].tolist() == grown.columns["subset"].tolist()
    assert identity(stored) == identity(grown)


def test_split_file_is_read_as_schnetpack_writes_it(tmp_path):
    np.savez(tmp_path / "split.npz", train_idx=[1, 2], val_idx=[3], test_idx=[0])
    assert {name: values.tolist() for name, values in load_split(tmp_path / "split.npz").items()} == {
        "train_idx": [1, 2],
        "val_idx": [3],
        "test_idx": [0],
    }
