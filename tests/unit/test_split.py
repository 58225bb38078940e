"""Split: every strategy gives what was asked, keeps apart what belongs apart, and says what it cannot give."""

import numpy as np
import pytest

from ouroboros.frames import Frames
from ouroboros.reference.database import read_database, write_database
from ouroboros.reference.held_out import split_by_trajectory
from ouroboros.reference.published_split import read_published
from ouroboros.reference.split import describe_split, make_split

SIDES = ("train_idx", "val_idx", "test_idx", "pool_idx")


def synthetic(lengths=(20,) * 7, temperatures=(300, 300, 300, 500, 500, 800, 800)):
    """Dimers with the columns of generated trajectories; frame i has the energy i."""
    n = sum(lengths)
    rng = np.random.default_rng(0)
    return Frames(
        numbers=np.tile([6, 8], n),
        positions=np.tile([[0, 0, 0], [1.1, 0, 0]], (n, 1)) + rng.normal(scale=0.05, size=(2 * n, 3)),
        n_atoms=np.full(n, 2),
        energy=np.arange(n, dtype=float),
        forces=rng.normal(size=(2 * n, 3)),
        cell=np.zeros((n, 3, 3)),
        pbc=np.zeros((n, 3), dtype=bool),
    ).with_columns(
        temperature_K=np.repeat(np.array(temperatures, dtype=float), lengths),
        trajectory=np.repeat(np.arange(len(lengths)), lengths),
        time_fs=np.concatenate([np.arange(length) * 10.0 for length in lengths]),
    )


def settings(strategy, train=30, validation=10, test=45, **others):
    return {"strategy": strategy, "train": train, "validation": validation, "test": test, **others}


def without(frames, *names):
    return Frames(**{**vars(frames), "columns": {name: v for name, v in frames.columns.items() if name not in names}})


PUBLISHED = np.arange(0, 60), np.arange(80, 140)
EVERY = [
    settings("random"),
    settings("trajectory", start_temperature_max_K=500),
    settings("time", gap_frames=1),
    settings("column", column="temperature_K"),
    settings("published", fold=1),
]
every_strategy = pytest.mark.parametrize("asked", EVERY, ids=lambda asked: asked["strategy"])


def split_of(asked, seed=7, frames=None):
    frames = synthetic() if frames is None else frames
    return make_split(frames.with_columns(raw_index=np.arange(len(frames))), asked, seed, PUBLISHED)


@every_strategy
def test_sizes_and_no_frame_twice(asked):
    split = split_of(asked)
    assert [len(split[name]) for name in SIDES[:3]] == [30, 10, 45]
    together = np.concatenate([split[name] for name in SIDES])
    assert len(np.unique(together)) == len(together) and together.min() >= 0 and together.max() < 140
    assert all(indices.dtype == np.int64 for indices in split.values())
    assert len(split["pool_idx"])


@every_strategy
def test_deterministic_and_different_by_seed(asked):
    first, again, other = (split_of(asked, seed) for seed in (1, 1, 2))
    for name in SIDES:
        np.testing.assert_array_equal(first[name], again[name])
    assert not np.array_equal(first["train_idx"], other["train_idx"])


@pytest.mark.parametrize("asked", EVERY[:2] + EVERY[3:], ids=lambda asked: asked["strategy"])
def test_a_larger_start_set_is_tested_on_the_same_frames(asked):
    np.testing.assert_array_equal(split_of(asked)["test_idx"], split_of({**asked, "train": 11})["test_idx"])


@pytest.mark.parametrize("asked", [EVERY[0], EVERY[3], EVERY[4]], ids=lambda asked: asked["strategy"])
def test_a_larger_start_set_holds_the_smaller_one(asked):
    large, small = split_of(asked), split_of({**asked, "train": 11})
    np.testing.assert_array_equal(large["train_idx"][:11], small["train_idx"])
    np.testing.assert_array_equal(large["val_idx"], small["val_idx"])
    np.testing.assert_array_equal(np.sort(np.concatenate([large["train_idx"][11:], large["pool_idx"]])),
                                  small["pool_idx"])  # fmt: skip


@every_strategy
def test_the_first_training_frames_are_a_random_subset(asked):
    train = split_of(asked)["train_idx"]
    assert not np.array_equal(train, np.sort(train))
    half = np.isin(np.sort(train), train[:15])  # spread over the frames, not a block of them
    assert 3 < half[:15].sum() < 12


@every_strategy
def test_stock_schnetpack_loads_the_split(tmp_path, monkeypatch, asked):
    from schnetpack.data import AtomsDataModule

    monkeypatch.chdir(tmp_path)  # SchNetPack leaves a lock file
    write_database("reference.db", synthetic(), {})
    split = split_of(asked)
    np.savez("split.npz", **split)
    data = AtomsDataModule("reference.db", batch_size=5, split_file="split.npz", num_train=30, num_workers=0)
    data.setup()
    for name, own in zip(SIDES, (data.train_dataset, data.val_dataset, data.test_dataset), strict=False):
        assert [own[i]["energy"].item() for i in range(len(own))] == split[name].tolist()


def test_shares_are_of_all_frames():
    split = make_split(synthetic(), settings("random", 0.29, 0.1, 14), seed=1)
    assert [len(split[name]) for name in SIDES] == [40, 14, 14, 72]
    hundred = synthetic().take(np.arange(100))  # 0.29 × 100 is 28.999999999999996
    assert len(make_split(hundred, settings("random", 0.29, 1, 1), seed=1)["train_idx"]) == 29
    everything = make_split(synthetic((9,), (300,)), settings("random", 0.35, 0.35, 0.3), seed=1)
    assert [len(everything[name]) for name in SIDES] == [3, 3, 2, 1]


# --- trajectory ------------------------------------------------------------------------------------------------
def test_test_trajectories_are_never_seen():
    frames = synthetic()
    split = split_of(EVERY[1])
    trajectory, temperature = frames.columns["trajectory"], frames.columns["temperature_K"]
    seen = np.concatenate([split["train_idx"], split["val_idx"], split["pool_idx"]])
    assert not set(trajectory[seen]) & set(trajectory[split["test_idx"]])
    assert temperature[seen].max() == 500
    counts = np.unique(temperature[split["test_idx"]], return_counts=True)
    assert dict(zip(*map(np.ndarray.tolist, counts), strict=True)) == {300: 15, 500: 15, 800: 15}


@pytest.mark.parametrize("shuffled", [False, True])
def test_validation_comes_from_the_later_part_of_the_trajectories(shuffled):
    """Frames a few fs apart are nearly alike: drawn at random, validation would repeat training."""
    frames = synthetic()
    if shuffled:  # time is what `time_fs` says, not the stored order
        frames = frames.take(np.random.default_rng(0).permutation(len(frames)))
    split = split_of(EVERY[1], frames=frames)
    trajectory, time = frames.columns["trajectory"], frames.columns["time_fs"]
    learned = np.concatenate([split["train_idx"], split["pool_idx"]])
    for number in np.unique(trajectory[split["val_idx"]]):
        validated = split["val_idx"][trajectory[split["val_idx"]] == number]
        assert time[learned[trajectory[learned] == number]].max() < time[validated].min()


@pytest.mark.parametrize(("train", "validation"), [(50, 10), (10, 50), (59, 1), (1, 59)])
def test_every_frame_can_be_asked_for(train, validation):
    split = split_by_trajectory(synthetic(), train, validation, 40, start_temperature_max_K=500, seed=7)
    assert len(np.unique(np.concatenate([split["train_idx"], split["val_idx"]]))) == 60


def test_short_temperatures_are_made_up_for():
    frames = synthetic()
    everything = split_by_trajectory(frames, 30, 10, 80, 500, seed=1)  # 20 + 20 + 40: all there is
    counts = np.unique(frames.columns["temperature_K"][everything["test_idx"]], return_counts=True)[1]
    assert counts.tolist() == [20, 20, 40]


def test_trajectories_without_temperatures_or_with_no_limit():
    frames = without(synthetic(), "temperature_K", "time_fs")
    named = frames.with_columns(trajectory=np.array([f"run_{i}" for i in frames.columns["trajectory"]]))
    for each in (frames, named):
        split = split_by_trajectory(each, 40, 20, 60, start_temperature_max_K=300, seed=3)
        held_out = set(each.columns["trajectory"][split["test_idx"]])
        assert len(held_out) == 3 and not held_out & set(each.columns["trajectory"][split["train_idx"]])
    hot = split_by_trajectory(synthetic(), 60, 20, 60, start_temperature_max_K=None, seed=3)
    assert set(synthetic().columns["temperature_K"][hot["train_idx"]]) == {300, 500, 800}


# --- time ------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("gap", [0, 3])
def test_blocks_of_time_do_not_touch(gap):
    frames = synthetic((100, 40, 200), (300, 300, 500))
    shuffled = frames.take(np.random.default_rng(1).permutation(len(frames)))
    split = make_split(shuffled, settings("time", 50, 20, 30, gap_frames=gap), seed=1)
    trajectory, step = shuffled.columns["trajectory"], shuffled.columns["time_fs"] / 10
    learned = np.concatenate([split["train_idx"], split["pool_idx"]])
    for number, length in enumerate((100, 40, 200)):
        own = [np.sort(step[i[trajectory[i] == number]]) for i in (learned, split["val_idx"], split["test_idx"])]
        assert own[1].min() - own[0].max() > 2 * gap and own[2].min() - own[1].max() > 2 * gap
        assert [len(block) for block in own[1:]] == pytest.approx([20 * length / 340, 30 * length / 340], abs=2)
        assert np.ptp(np.diff(own[2])) <= 1  # evenly spaced
        np.testing.assert_array_equal(own[0], np.arange(len(own[0])))  # all of the first block may be learned
        assert len(own[0]) == pytest.approx((length - 4 * gap) / 2, abs=1.5)
        assert own[2].max() > length - 5


def test_every_frame_of_blocks_can_be_asked_for():
    frames = synthetic((5, 1, 2, 19, 1, 12), (300,) * 6)
    split = make_split(frames, settings("time", 23, 6, 11), seed=1)
    assert len(np.unique(np.concatenate(list(split.values())))) == 40
    one = make_split(without(frames, "trajectory", "time_fs"), settings("time", 23, 6, 11), seed=1)
    assert np.sort(one["train_idx"]).tolist() == list(range(23)) and one["test_idx"].tolist() == list(range(29, 40))


def test_trajectories_shorter_than_the_gaps_are_left_out():
    frames = synthetic((8, 40), (300, 300))
    split = make_split(frames, settings("time", 10, 5, 5, gap_frames=2), seed=1)
    assert min(indices.min() for indices in split.values()) >= 8
    with pytest.raises(ValueError, match=r"hold 32: lower"):
        make_split(frames, settings("time", 20, 5, 8, gap_frames=2), seed=1)


# --- column ----------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(("column", "values"), [("temperature_K", [800, 300]), ("source", ["nms", "md"])])
def test_named_values_are_held_out(column, values):
    frames = synthetic((20,) * 7, (300, 300, 300, 500, 500, 800, 800))
    frames = frames.with_columns(source=np.repeat(["md", "opt", "nms"], (60, 40, 40)))
    split = make_split(frames, settings("column", 20, 10, 90, column=column, test_values=values), seed=1)
    kind = frames.columns[column]
    counts = np.unique(kind[split["test_idx"]], return_counts=True)
    assert dict(zip(*map(np.ndarray.tolist, counts), strict=True)) == dict(zip(values, (40, 50), strict=True))
    rest = np.concatenate([split[name] for name in ("train_idx", "val_idx", "pool_idx")])
    assert len(rest) == 40 and not set(kind[rest]) & set(values)


def test_drawn_groups_are_whole_and_leave_enough():
    frames = synthetic()
    kind, drawn = frames.columns["temperature_K"], set()
    for seed in range(20):
        split = make_split(frames, settings("column", 70, 20, 25, column="temperature_K"), seed)
        rest = np.concatenate([split[name] for name in ("train_idx", "val_idx", "pool_idx")])
        held_out = set(kind) - set(kind[rest])
        assert set(kind[split["test_idx"]]) == held_out and len(rest) == 100
        drawn |= held_out
    assert drawn == {500, 800}  # without the 60 frames at 300 K, 80 would be left for 90


# --- published -------------------------------------------------------------------------------------------------
def write_fold(folder, train, test, fold=1):
    for part, numbers in (("train", train), ("test", test)):
        (folder / f"index_{part}_0{fold}.csv").write_text("".join(f"{i}\n" for i in numbers))


def test_published_indices_are_kept(tmp_path):
    write_fold(tmp_path, [9, 2, 4, 30, 11], [1, 8, 25, 3], fold=2)
    published = read_published(tmp_path, 2)
    assert [numbers.tolist() for numbers in published] == [[9, 2, 4, 30, 11], [1, 8, 25, 3]]
    raw = np.array([1, 2, 3, 4, 5, 8, 9, 11, 20])  # curation dropped the rest, 30 and 25 among them
    frames = synthetic((9,), (300,)).with_columns(raw_index=raw)
    split = make_split(frames, settings("published", 2, 1, 2, fold=2), 3, published)
    assert set(raw[np.concatenate([split["train_idx"], split["val_idx"]])]) < {9, 2, 4, 11}
    assert set(raw[split["test_idx"]]) < {1, 8, 3}
    left = {9, 2, 4, 11} - set(raw[np.concatenate([split["train_idx"], split["val_idx"]])])
    assert set(raw[split["pool_idx"]]) == {5, 20} | left  # no published test frame, drawn or not
    assert split["published_missing"].tolist() == [25, 30]
    assert describe_split(frames, split)["published_missing"] == 2


@pytest.mark.parametrize(
    ("train", "test", "words"),
    [
        (None, [1], "there is no .*index_train_01.csv: choose"),
        (["index", "1"], [2], "index_train_01.csv has to hold one frame number a line, but 'index' stands there"),
        ([1.5], [2], "but '1.5' stands there"),
        ([-1], [2], "but '-1' stands there"),
        ([], [2], "but nothing stands there"),
        ([1, 1], [2], "index_train_01.csv names a frame more than once"),
        ([1, 2], [2, 3], "1 frames stand both in the train and in the test indices of split.fold 1"),
    ],
)
def test_bad_published_files_in_one_sentence(tmp_path, train, test, words):
    write_fold(tmp_path, train or [], test)
    if train is None:
        (tmp_path / "index_train_01.csv").unlink()
    with pytest.raises(ValueError, match=words) as error:
        read_published(tmp_path, 1)
    assert "\n" not in str(error.value)


# --- what cannot be had ----------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("asked", "words"),
    [
        (settings("random", 100, 20, 30), ["split.train 100", "split.test 30", "150 frames", "holds 140", "lower"]),
        (settings("random", 0.7, 0.2, 0.2), ["split.train 0.7", "154 frames", "holds 140"]),
        (settings("random", 0), ["split.train is 0"]),
        (settings("random", test=1.5), ["split.test is 1.5", "share between 0 and 1"]),
        (settings("random", validation=True), ["split.validation is True"]),
        (settings("random", validation=0.001), ["split.validation 0.001 of 140 frames", "raise"]),
        (settings("shuffle"), ["split.strategy is 'shuffle'", "trajectory, time, column, published and random"]),
        (
            settings("trajectory", 50, 11, 40, start_temperature_max_K=500),
            ["split.train 50", "split.validation 11", "61 frames", "3 trajectories", "hold 60"],
        ),
        (
            settings("trajectory", 30, 10, 81, start_temperature_max_K=500),
            ["split.test 81", "80 frames", "4 trajectories"],
        ),
        (settings("time", gap_frames=4), ["split.train 30", "split.gap_frames 4", "hold 28", "lower"]),
        (settings("column", column="colour"), ["split.column is 'colour'", "temperature_K, time_fs", "choose"]),
        (
            settings("column", column="temperature_K", test_values=[300, "hot"]),
            ["split.test_values names 'hot'", "300.0, 500.0, 800.0"],
        ),
        (
            settings("column", 30, 10, 41, column="temperature_K", test_values=[500]),
            ["split.test 41", "40 frames of the 1 values named in split.test_values", "lower"],
        ),
        (
            settings("column", 70, 11, 41, column="temperature_K", test_values=[300]),
            ["split.train 70", "81 frames", "80", "lower"],
        ),
        (
            settings("column", 100, 10, 20, column="temperature_K"),
            ["split.test 20", "0 frames of the 0 values drawn (of the 3", "lower"],
        ),
        (settings("published", 55, 6, 10), ["split.train 55", "61 frames", "60 were published", "0 published frames"]),
        (settings("published", 30, 6, 61), ["split.test 61", "60 frames", "lower"]),
    ],
)
def test_impossible_requests_in_one_sentence(asked, words):
    with pytest.raises(ValueError) as error:
        split_of(asked)
    assert not [word for word in words if word not in str(error.value)] and "\n" not in str(error.value), error.value


def test_one_trajectory_cannot_be_split():
    with pytest.raises(
        ValueError, match=r"0 trajectories left for training at or below 500 K .* there are 300 K\) hold 0"
    ):
        split_by_trajectory(synthetic((20,), (300,)), 5, 5, 5, 500, seed=1)


@pytest.mark.parametrize(("strategy", "column"), [("trajectory", "trajectory"), ("published", "raw_index")])
def test_missing_columns_in_one_sentence(strategy, column):
    with pytest.raises(ValueError, match=f"split.strategy '{strategy}' needs the column '{column}'"):
        make_split(without(synthetic(), column), settings(strategy), 1, PUBLISHED)
    with pytest.raises(ValueError, match="needs published indices, which only rMD17 has"):
        make_split(synthetic(), settings("published"), 1)


# --- the record ------------------------------------------------------------------------------------------------
def test_description_of_a_split(tmp_path):
    import json

    frames = synthetic().with_columns(source=np.array(["a", "b"] * 70))
    write_database(tmp_path / "reference.db", frames, {})
    frames = read_database(tmp_path / "reference.db")
    split = make_split(frames, EVERY[1], seed=7)
    figures = describe_split(frames, split, "source")
    assert json.loads(json.dumps(figures)) == figures
    n_pool = len(split["pool_idx"])
    expected = {"train": 30, "val": 10, "test": 45, "pool": n_pool, "left_out": 55 - n_pool}
    assert {name: figures[name] for name in expected} == expected
    assert figures["test_by_temperature_K"] == {"300": 15, "500": 15, "800": 15}
    assert sum(figures["test_by_source"].values()) == 45 and set(figures["test_by_source"]) == {"a", "b"}
    assert figures["trajectories"]["test"] == 4 and figures["trajectories"]["shared"] == 0
    mixed = describe_split(frames, make_split(frames, settings("random"), seed=7))
    assert mixed["trajectories"]["shared"] == 7
    bare = without(frames, *frames.columns)
    assert set(describe_split(bare, make_split(bare, settings("random"), seed=1))) == set(expected)
