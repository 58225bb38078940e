"""A quick run is the user's experiment, cut down, in a folder of its own."""

from pathlib import Path

import pytest
import yaml

from ouroboros.config import ConfigError, load_experiment
from ouroboros.quick import quick_settings, write_quick

PROJECT = Path(__file__).parents[2]
CONFIGS = [*sorted((PROJECT / "examples").glob("*.yaml")), PROJECT / "config.yaml"]


@pytest.mark.parametrize("config", CONFIGS, ids=lambda path: path.stem)
def test_every_example_has_a_quick_run_with_its_own_data_model_and_oracle(
    config: Path, folder_of_examples: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(folder_of_examples)
    settings = load_experiment(yaml.safe_load(config.read_text(encoding="utf-8")))
    quick = quick_settings(settings)
    assert quick["name"] == settings["name"] + "_quick"
    for section in ("model", "oracle", "device", "threads"):
        assert quick[section] == settings[section]
    assert quick["reference"]["source"] == settings["reference"]["source"]
    assert quick["split"]["strategy"] == settings["split"]["strategy"]
    assert quick["split"]["train"] <= 16 and quick["training"]["steps"] <= 60
    assert quick["rounds"]["count"] == 2 and quick["selection"]["per_round"] == 2


def test_shares_become_numbers_and_small_numbers_stay():
    split = {"strategy": "random", "train": 0.8, "validation": 3, "test": 0.1}
    quick = quick_settings(load_experiment({"split": split, "committee": {"size": 2}}))
    assert [quick["split"][name] for name in ("train", "validation", "test")] == [16, 3, 10]


def test_an_experiment_of_that_name_is_never_written_into(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    Path("my.yaml").write_text("name: ethanol\n", encoding="utf-8")
    own = Path("results/ethanol_quick")
    own.mkdir(parents=True)
    with pytest.raises(ConfigError, match="results/ethanol_quick is there already and is no quick run"):
        write_quick(Path("my.yaml"))
    assert list(own.iterdir()) == []
    own.rmdir()
    written = write_quick(Path("my.yaml"))
    assert load_experiment(yaml.safe_load(written.read_text(encoding="utf-8")))["name"] == "ethanol_quick"
    assert write_quick(Path("my.yaml")) == written  # its own folder may be there


def test_grace_that_a_short_walker_would_never_leave_is_left_out():
    settings = load_experiment({"exploration": {"length_ps": 5.0, "grace_steps": 5000}})
    assert quick_settings(settings)["exploration"]["grace_steps"] == 0
