"""A small run of the pipeline that is killed with `kill -9`, Snakemake and all that it started, and begun again."""

import math
import os
import random
import re
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
import torch
from conftest import PROJECT, command_for

from ouroboros.records import read_json

LOOK_EVERY_S = 0.02


class KilledRun:
    """The run in its folder, what it was killed at, and what stood on disk at each kill.

    Attributes:
        kills: the rules that were at work, for each kill.
        labels: of each label that was there at a kill, what it was: its content's time stamp and inode.
        checkpoints: (training, epoch kept last, times it had gone on, when) for each that was there at a kill.
    """

    def __init__(self, folder: Path, config: dict[str, Any], rng: random.Random):
        """Nothing runs until the first `until`."""
        self.folder, self.config, self.rng = folder, config, rng
        self.home = folder / "results" / config["name"]
        self.kills: list[set[str]] = []
        self.labels: dict[Path, tuple[int, int]] = {}
        self.checkpoints: list[tuple[Path, int, int, float]] = []

    def kill_in(self, stage: str, within_s: float, once: str = "", patience_s: float = math.inf) -> bool:
        """Begin or go on, and kill everything at a random moment of a job of the stage.

        Args:
            stage: a rule, by the name of its script.
            within_s: the kill comes so long at most after a job of the stage was first seen.
            once: and not before there is a file of this pattern among the results.
            patience_s: if no job of the stage is seen for so long, as all may be done, whatever is at work is killed.

        Returns:
            Whether a job of the stage was at work at the kill; without one, the run may have come to its end.
        """
        process, began = self._start(), time.monotonic()
        while process.poll() is None:
            working, late = at_work(process), time.monotonic() - began > patience_s
            if (working and late) or (stage in working and (not once or any(self.home.glob(once)))):
                time.sleep(self.rng.uniform(0, within_s))
                working = kill_all(process)
                self._take_down(working)
                return stage in working
            time.sleep(LOOK_EVERY_S)
        assert process.returncode == 0, self.terminal()
        return False

    def finish(self) -> None:
        """Go on to the end."""
        process = self._start()
        assert process.wait() == 0, self.terminal()

    def terminal(self) -> str:
        """What the last start printed."""
        return (self.folder / "terminal.txt").read_text(encoding="utf-8")

    def _start(self) -> subprocess.Popen:
        """What `make resume` does: see that nobody works here, take the lock away, run."""
        alive = subprocess.run(
            [sys.executable, "-m", "ouroboros.living_jobs"], cwd=self.folder, env=_environment(), text=True,
            stderr=subprocess.PIPE,
        )  # fmt: skip
        assert alive.returncode == 0, alive.stderr
        unlocked = subprocess.run(
            command_for(self.folder, self.config, "--unlock"), capture_output=True, text=True, env=_environment()
        )
        assert unlocked.returncode == 0, unlocked.stderr
        with (self.folder / "terminal.txt").open("w") as log:
            command = command_for(self.folder, self.config)
            return subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT, env=_environment())

    def _take_down(self, working: set[str]) -> None:
        self.kills.append(working)
        for label in (self.home / "labels").rglob("*.json"):
            self.labels.setdefault(label, (label.stat().st_mtime_ns, label.stat().st_ino))
        for state in (self.home / "states").rglob("last.ckpt"):
            history = torch.load(state, map_location="cpu", weights_only=False)["history"]
            resumed = read_json(state.with_name("course.json")).get("resumed", [])
            training = state.parent.relative_to(self.home / "states")
            self.checkpoints.append((training, history[-1]["epoch"] + 1, len(resumed), time.time()))

    def labels_recomputed(self) -> int:
        """Labels that were there at a kill and were written again, or are gone."""
        now = {label: label.stat() for label in self.labels if label.exists()}
        return sum(
            label not in now or (now[label].st_mtime_ns, now[label].st_ino) != was for label, was in self.labels.items()
        )

    def epochs_repeated(self) -> int:
        """Epochs that were trained again though a checkpoint held them."""
        repeated = 0
        for training, epoch, times, when in self.checkpoints:
            folder = self.home / training
            if (folder / "model.pt").stat().st_mtime > when:  # else it was done
                resumed = read_json(folder / "training.json")["resumed_after_epochs"]
                repeated += max(0, epoch - (resumed[times] if len(resumed) > times else 0))
        return repeated


def at_work(process: subprocess.Popen) -> set[str]:
    """The rules whose scripts run below Snakemake."""
    found = set()
    with suppress(psutil.Error):
        for child in psutil.Process(process.pid).children(recursive=True):
            with suppress(psutil.Error):
                for word in child.cmdline():
                    if ".snakemake/scripts/" in word:
                        found.add(word.split(".snakemake/scripts/")[1].split()[0].split(".")[1])
    return found


def kill_all(process: subprocess.Popen) -> set[str]:
    """SIGKILL for Snakemake and all below it, at once as far as that goes; gives the rules that were at work."""
    snakemake = psutil.Process(process.pid)
    with suppress(psutil.Error):
        snakemake.suspend()  # so that it starts nothing more
    working, everyone = at_work(process), []
    with suppress(psutil.Error):
        everyone = snakemake.children(recursive=True)
    for each in [*everyone, snakemake]:
        with suppress(psutil.Error):
            each.kill()
    psutil.wait_procs(everyone, timeout=30)
    process.wait()
    return working


def _environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(PROJECT / "workflow_scripts")}


def differences(one: Path, other: Path) -> list[str]:
    """Results of two runs of one config that are not the same, in figures or in bytes."""
    names = sorted(
        path.relative_to(one)
        for pattern in ("*/round_*/labels.extxyz", "*/round_*/select/selection.csv", "*/round_*/test/metrics.json",
                        "*/round_*/analysis/analysis.json", "*/round_*/decision.json", "*/report/*/rounds.csv")
        for path in one.glob(pattern)
    )  # fmt: skip
    return [str(name) for name in names if _content(one / name) != _content(other / name)]


def _content(path: Path) -> Any:
    if not path.exists():
        return None
    if path.suffix == ".extxyz":  # all but the time that a label took, and whether it was there already
        return re.sub(r"(label_seconds|from_store)=\S+", "", path.read_text(encoding="utf-8"))
    return read_json(path) if path.suffix == ".json" else path.read_bytes()
