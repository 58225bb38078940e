"""`python -m ouroboros.plan my.yaml [options of Snakemake]`: jobs and their time, measured on this machine just now."""

import json
import os
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import yaml
from rich.console import Console
from rich.table import Table

from ..config import ConfigError, load_experiment, oracle_settings
from ..durations import clock
from ..machine import usable_processors
from .estimate import ASSUMED, MODEL_RULES, ORACLE_RULES, Cost, costs, labels_of_batch, labels_of_reference, shares
from .graph import Node, jobs_to_run, wall_seconds

WIDTH = 100
LEFT_OUT = (
    "An estimate, each kind of work measured alone. Left out: figures, tables and relaxations, Snakemake's own time "
    "between two jobs, failed labels, and that jobs side by side slow one another down."
)


def measure(what: str, settings: dict[str, Any], threads: int) -> dict[str, Any]:
    """What a process of its own measures; see `measure`.

    Raises:
        ConfigError: it came to no result, with its last words.
    """
    library = str(Path(__file__).parents[2])
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([library, *sys.path]), "OMP_NUM_THREADS": str(threads)}
    run = subprocess.run(
        [sys.executable, "-m", "ouroboros.plan.measure", what],
        input=json.dumps(settings), capture_output=True, text=True, env=environment,
    )  # fmt: skip
    if run.returncode:
        last = (run.stderr.strip().splitlines() or [f"it ended with {run.returncode}"])[-1]
        raise ConfigError(f"The {what} could not be tried: {last}")
    return json.loads(run.stdout.splitlines()[-1])


def told(settings: dict[str, Any]) -> str:
    """The oracle's kind and the settings that its time goes by."""
    oracle = oracle_settings(settings["oracle"])
    names = ("method", "functional", "basis", "calculator", "level_of_theory")
    return " ".join(str(value) for value in (oracle["kind"], *(oracle[name] for name in names if name in oracle)))


def table(jobs: Counter[str], cost: dict[str, Cost], begin: float) -> Table:
    """A line a rule; those that only begin and end share one."""
    shown = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="bold")
    for name in ("rule", "jobs", "seconds each", "made of"):
        shown.add_column(name, justify="right" if name in ("jobs", "seconds each") else "left")
    for rule, each in cost.items():
        if jobs[rule]:
            shown.add_row(rule, str(jobs[rule]), f"{each.seconds:.1f}", each.made_of)
    others = sum(count for rule, count in jobs.items() if rule not in cost)
    if others:
        shown.add_row("others", str(others), f"{begin:.1f}", "beginning alone")
    return shown


def labels_asked(settings: dict[str, Any], jobs: Counter[str]) -> str:
    """How many labels the jobs ask for at most, and what for."""
    generate = settings["reference"]["generate"]
    counts = {
        "for the reference": jobs["generate"] * labels_of_reference(generate)
        + 2 * generate["distorted"] * jobs["distort"],
        "of selected structures": round(jobs["label"] * labels_of_batch(settings)),
        "to check the oracle": jobs["check_oracle"] * settings["oracle_gate"]["frames"],
    }
    return ", ".join(f"{count} {why}" for why, count in counts.items() if count) or "none"


def total(settings: dict[str, Any], nodes: dict[int, Node], cost: dict[str, Cost], begin: float) -> str:
    """The wall time on this machine, as a sentence."""
    cores, own = usable_processors(), dict.fromkeys(MODEL_RULES, settings["threads"])
    own |= dict.fromkeys(ORACLE_RULES, settings["labels"]["threads"])
    seconds = {node.rule: cost[node.rule].seconds if node.rule in cost else begin for node in nodes.values()}
    gpu = MODEL_RULES if settings["device"] == "cuda" else ()
    wall = wall_seconds(nodes, seconds, cores, own, gpu)
    work = sum(seconds[node.rule] for node in nodes.values())
    bound = settings["rounds"]["mode"] == "until_converged"
    text = (
        f"{'at most' if bound else 'about'} {clock(wall)} on the {cores} cores of this machine ({clock(work)} of jobs)"
    )
    return text + (", less where an arm converges before its last round" if bound else "")


def main(config: Path, options: list[str]) -> int:
    """Count, measure and print."""
    console, began = Console(width=WIDTH, highlight=False), time.perf_counter()
    try:
        settings = load_experiment(yaml.safe_load(config.read_text(encoding="utf-8")) or {})
        nodes = jobs_to_run(settings, options)
        if not nodes:
            print(f"Nothing to be done: the run of {config} has come to its end.")
            return 0
        console.print(f"{settings['name']}: {len(nodes)} jobs to run. Labelling one structure ({told(settings)}) ...")
        oracle = measure("oracle", settings, settings["labels"]["threads"])
        console.print(f"{oracle['formula']}: {oracle['label']:.3g} s a label. Training and moving walkers a little ...")
        model = measure("model", settings, settings["threads"])
    except (OSError, ConfigError, yaml.YAMLError) as error:
        print(f"{error}\nThere is no plan for {config}.")
        return 1
    jobs, cost = Counter(node.rule for node in nodes.values()), costs(settings, oracle, model)
    console.print("", table(jobs, cost, oracle["begin"]), "", sep="\n")
    console.print(f"Labels  {labels_asked(settings, jobs)}")
    console.print(f"Total   {total(settings, nodes, cost, oracle['begin'])}", style="bold")
    if unknown := shares(settings):
        console.print(f"Reckoned with {ASSUMED} frames each, as a share is given: {', '.join(unknown)}.")
    if not model["not_compiled_because"]:
        console.print("The step will be compiled: half a minute a training, and about half the seconds given here.")
    console.print(f"{LEFT_OUT} (Measured in {clock(time.perf_counter() - began)}.)")
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.argv[2:]))
