"""The profiles agree with each other and with the rules."""

import re
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[2]
DEFAULT, SLURM = (yaml.safe_load((ROOT / f"profiles/{name}/config.yaml").read_text()) for name in ("default", "slurm"))
RULES = {
    name: text
    for path in sorted((ROOT / "rules").glob("*.smk"))
    for name, text in re.findall(
        r"^\s*(?:rule|checkpoint|use rule \w+ as) (\w+)(?::| with:)\n(.*?)(?=^\s*(?:rule|checkpoint|use rule) |\Z)",
        path.read_text(),
        re.MULTILINE | re.DOTALL,
    )
}
INHERIT = {"sweep_test": "test", "overfit_train": "train"}


def test_the_rules_are_found():
    assert {"train", "sweep_train", "decide", "explore", "score_pool", "label"} <= set(RULES)


def test_what_reruns_what_is_the_same_everywhere():
    for key in ("rerun-triggers", "rerun-incomplete", "quiet"):
        assert DEFAULT[key] == SLURM[key], key


def test_the_jobs_that_ask_for_a_gpu_are_those_that_go_to_its_partition():
    asking = {name for name, text in RULES.items() if "gpu=GPUS" in RULES.get(INHERIT.get(name, name), text)}
    assert asking == set(SLURM["set-resources"])
    assert {each["slurm_partition"] for each in SLURM["set-resources"].values()} == {"gpu"}


def test_memory_and_time_grow_with_each_try():
    for name, text in RULES.items():
        asked = re.findall(r"\b(?:mem_mb|runtime)=(?!config)(\S+)", text.split("params:")[0])
        assert all(amount.startswith("growing(") for amount in asked), name
    assert all("attempt" in SLURM["default-resources"][key] for key in ("mem_mb", "runtime"))
