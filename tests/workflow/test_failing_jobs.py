"""What the terminal shows where jobs stop: one that can say why, and one that is killed without a word."""

from pathlib import Path

import pytest
from conftest import TINY, changed, snakemake

from ouroboros import faults

# Kills the job that runs the dynamics: a label is computed in a process, and by a calculator, of its own.
KILLER = """
import os, signal
from ase.calculators.emt import EMT

class Killer(EMT):
    calls = 0

    def calculate(self, *arguments, **named):
        self.calls += 1
        if self.calls > 1:
            os.kill(os.getpid(), signal.SIGKILL)
        super().calculate(*arguments, **named)
"""


def test_a_fault_is_told_by_the_job_and_a_kill_by_snakemake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "killer.py").write_text(KILLER, encoding="utf-8")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path), prepend=":")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    oracle = {"kind": "ase", "ase": {"calculator": "killer.Killer", "level_of_theory": "EMT"}}
    wanted = ["results/tiny/environment.json", "results/tiny/reference/raw/trajectory_0.extxyz"]
    run = snakemake(tmp_path, changed(TINY, device="cuda", oracle=oracle), "--keep-going", targets=wanted)
    assert run.returncode != 0
    assert "Rule environment stopped: config key 'device' is cuda, but no GPU can be used here" in run.stdout
    assert f"It was {faults.TASKS['environment'].doing}." in run.stdout and "troubleshooting.md#no-gpu" in run.stdout
    assert "Rule generate stopped: it was killed (SIGKILL), most often because memory ran out" in run.stdout
    assert f"It was {faults.TASKS['generate'].doing}." in run.stdout and "#memory-runs-out" in run.stdout
    assert "results/tiny/logs/generate/0.log" in run.stdout
    assert run.stdout.count("  Next: ") == 2
    assert not any(noise in run.stdout for noise in ("Traceback", "CalledProcessError", ".snakemake/scripts"))
