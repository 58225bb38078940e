"""The jobs that a config asks for, and the files by which each is known.

What the rules say is said here again, for a look at a run that must not wait for Snakemake; a test holds the two
together.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..decision import CONTINUE
from ..last_rounds import in_a_word
from .lenient import read_json

START = "start"
TIMED = (  # the rules that keep the time of their jobs, in their order
    "generate", "distort", "train", "test", "explore", "score_pool", "simulate", "select", "label", "prospective",
)  # fmt: skip
OF_ROUND = {  # rule: the file that it writes last
    "dataset": "dataset.json",
    "test": "test/uncertainty.svg",
    "explore": "explore/walkers.csv",
    "simulate": "simulate/thermo.csv",
    "analyse": "analysis/analysis.json",
}
OF_ARM = {
    "select": "select/map.svg",
    "draw_selected": "select/structures.svg",
    "decide": "decision.json",
    "check_decision": "decision_checked.json",
}
OF_LABELS = {
    "gather": "labels.json",
    "check_labels": "labels_checked.json",
    "prospective": "prospective/uncertainty.svg",
}


@dataclass(frozen=True)
class Job:
    """One job of the run.

    Attributes:
        rule: its rule.
        output: the file that it writes last, in the folder of the results.
        name: of its log and its times, below `logs` and `benchmarks` there.
    """

    rule: str
    output: str
    name: str


def arms(rounds: dict[str, Any]) -> list[str]:
    """The arms that the section `rounds` of the config asks for."""
    return [f"{strategy}-{seed}" for seed in rounds["seeds"] for strategy in rounds["strategies"]]


def ends(home: Path, rounds: dict[str, Any]) -> dict[str, int]:
    """The last round of each arm, so far as decisions are known; until then the last that there may be."""
    last = rounds["count"] - 1
    if rounds["mode"] == "fixed":
        return dict.fromkeys(arms(rounds), last)
    found = {}
    for arm in arms(rounds):
        found[arm] = next((r for r in range(last + 1) if _state(home, arm, r) != CONTINUE), last)
    return found


def have_ended(home: Path, rounds: dict[str, Any]) -> bool:
    """Whether every arm has a decision that ends it."""
    return all(_state(home, arm, r) != CONTINUE for arm, r in ends(home, rounds).items())


def _state(home: Path, arm: str, r: int) -> str:
    """What a round has decided; to go on, where it has not decided yet."""
    return read_json(home / arm / f"round_{r}/decision.json").get("state", CONTINUE)


def computed_in(arm: str, r: int) -> str:
    """The folder of an arm's round that holds what does not depend on the strategy, as in `rules/common.smk`."""
    return f"{START}-{arm.rsplit('-', 1)[1]}/round_0" if r == 0 else f"{arm}/round_{r}"


def jobs_of(settings: dict[str, Any], last: dict[str, int]) -> list[Job]:
    """All jobs of a run, those of the reference first.

    Args:
        settings: a checked config.
        last: the last round of each arm; see `ends`.
    """
    shared = dict.fromkeys(computed_in(arm, r) for arm, end in last.items() for r in range(end + 1))
    found = [*_reference(settings), Job("environment", "environment.json", "environment")]
    for folder in shared:
        found += _computed(settings, folder)
    for arm, end in last.items():
        for r in range(end + 1):
            found += _own(settings, f"{arm}/round_{r}", labelled=r < end)
        report = f"{arm}/report/rounds_{end}"
        found.append(Job("show_structures", f"{report}/structures.html", f"{arm}/show_structures_{end}"))
        found.append(Job("report", f"{report}/model_card.md", f"{arm}/report_{end}"))
    rounds = in_a_word(last.values())
    return [*found, Job("compare", f"comparison/rounds_{rounds}/learning_curve.svg", f"compare_{rounds}")]


def _reference(settings: dict[str, Any]) -> Iterator[Job]:
    source, generate = settings["reference"]["source"], settings["reference"]["generate"]
    if source == "generate":
        for k in range(len(generate["temperatures_K"]) * generate["trajectories_per_temperature"]):
            yield Job("generate", f"reference/raw/trajectory_{k}.extxyz", f"generate/{k}")
        if generate["distorted"]:
            yield Job("distort", "reference/raw/distorted.extxyz", "distort")
    else:
        if source == "download":
            yield Job("download", "reference/raw/published.json", "download")
        yield Job("import_reference", "reference/raw/frames.json", "import_reference")
    yield Job("curate", "reference/reference.json", "curate")
    yield Job("split", "reference/split.json", "split")
    yield Job("leakage", "reference/leakage.json", "leakage")
    if settings["rounds"]["count"] > 1:  # a run that asks for no label has no use for the oracle
        yield Job("check_oracle", "reference/oracle_check.json", "check_oracle")
    yield Job("check_reference", "reference/reference_checked.json", "check_reference")


def _computed(settings: dict[str, Any], folder: str) -> Iterator[Job]:
    for m in range(settings["committee"]["size"]):
        yield Job("train", f"{folder}/model_{m}/model.pt", f"{folder}/train_{m}")
    for rule, output in OF_ROUND.items():
        name = "score_pool" if rule == "explore" and settings["oracle"]["kind"] == "pool" else rule
        yield Job(name, f"{folder}/{output}", f"{folder}/{name}")


def _own(settings: dict[str, Any], folder: str, labelled: bool) -> Iterator[Job]:
    for rule, output in OF_ARM.items():
        yield Job(rule, f"{folder}/{output}", f"{folder}/{rule}")
    if labelled:
        for b in range(-(-settings["selection"]["per_round"] // settings["labels"]["batch_size"])):
            yield Job("label", f"{folder}/label/batch_{b}_failures.csv", f"{folder}/label_{b}")
        for rule, output in OF_LABELS.items():
            yield Job(rule, f"{folder}/{output}", f"{folder}/{rule}")
