"""The jobs that Snakemake would run, with what each waits for, and how long they take on so many cores."""

import heapq
import re
import subprocess
import sys
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import yaml

from ..config import ConfigError
from ..status.expected import have_ended

NODE = re.compile(r'^\s*(\d+)\[label = "(\w+).*style="(\w+(?:,\w+)*)"\];$', re.MULTILINE)
EDGE = re.compile(r"^\s*(\d+) -> (\d+)$", re.MULTILINE)


@dataclass(frozen=True)
class Node:
    """A job to run: its rule, and the jobs to run that it waits for."""

    rule: str
    after: tuple[int, ...]


def jobs_to_run(settings: dict[str, Any], options: Sequence[str] = ()) -> dict[int, Node]:
    """What Snakemake would run for a config, by its own plan; of what is there already, nothing.

    All rounds count, also those that `until_converged` may do without, until each arm has come to its end.

    Args:
        settings: a checked config.
        options: further arguments for Snakemake.

    Raises:
        ConfigError: Snakemake has no plan, with its own words.
    """
    rounds = settings["rounds"]
    if not have_ended(Path("results") / settings["name"], rounds):
        rounds = {**rounds, "mode": "fixed"}
    with TemporaryDirectory() as folder:
        config = Path(folder) / "plan.yaml"
        config.write_text(yaml.safe_dump({**settings, "rounds": rounds}, allow_unicode=True), encoding="utf-8")
        command = [sys.executable, "-m", "snakemake", "--configfile", str(config), "--dag", "dot", *options]
        run = subprocess.run(command, capture_output=True, text=True)
    if run.returncode:
        raise ConfigError(f"Snakemake has no plan for this config:\n{run.stderr.strip()}")
    return parse(run.stdout)


def parse(dot: str) -> dict[int, Node]:
    """The jobs in the graph that `snakemake --dag` prints; those that are dashed there are done."""
    rules = {int(number): rule for number, rule, style in NODE.findall(dot) if "dashed" not in style}
    after: dict[int, list[int]] = {number: [] for number in rules}
    for first, then in EDGE.findall(dot):
        if int(first) in rules and int(then) in rules:
            after[int(then)].append(int(first))
    return {number: Node(rule, tuple(after[number])) for number, rule in rules.items() if rule != "all"}


def wall_seconds(
    jobs: dict[int, Node],
    seconds: dict[str, float],
    cores: int,
    threads: dict[str, int],
    on_gpu: Collection[str] = (),
) -> float:
    """From the first job to the last, where each begins as soon as a core is free and what it waits for is done.

    Args:
        jobs: of `jobs_to_run`.
        seconds: of a job, by rule.
        cores: that there are.
        threads: that a job takes up, `cores` at most, by rule; 1 where a rule is not among them.
        on_gpu: rules whose jobs take up the one GPU.
    """
    waits = {number: len(job.after) for number, job in jobs.items()}
    then: dict[int, list[int]] = {number: [] for number in jobs}
    for number, job in jobs.items():
        for first in job.after:
            then[first].append(number)
    needs = {number: (min(threads.get(job.rule, 1), cores), int(job.rule in on_gpu)) for number, job in jobs.items()}
    ready = sorted(number for number, count in waits.items() if not count)
    running: list[tuple[float, int]] = []
    now, free, gpus = 0.0, cores, 1
    while ready or running:
        for number in list(ready):
            core, gpu = needs[number]
            if core <= free and gpu <= gpus:
                ready.remove(number)
                free, gpus = free - core, gpus - gpu
                heapq.heappush(running, (now + seconds[jobs[number].rule], number))
        now, done = heapq.heappop(running)
        free, gpus = free + needs[done][0], gpus + needs[done][1]
        for number in then[done]:
            waits[number] -= 1
            if not waits[number]:
                ready.append(number)
    return now
