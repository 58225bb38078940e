"""A run that was killed goes on from its last saved state and ends as if nothing had happened."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from ase.build import bulk, molecule

from ouroboros.committee import Committee
from ouroboros.dynamics import NVE, Ensemble, Limits, SavedRun, fingerprint, langevin, run_walkers
from ouroboros.dynamics.progress import Progress, clock
from ouroboros.models import build_model

LIMITS = Limits(max_temperature_factor=6.0)
LIBRARY = Path(__file__).parents[3] / "workflow_scripts"


class Interrupted(SavedRun):
    """Killed after so many saves, one a step."""

    def __init__(self, folder, work, saves):
        super().__init__(folder, work, every_s=0.0)
        self.saves = saves

    def write(self, run):
        super().write(run)
        self.saves -= 1
        if self.saves == 0:
            raise KeyboardInterrupt


def starts():
    """The third is hot as soon as it moves: it stops on the way, and another takes its place."""
    strange = molecule("H2O")
    strange.set_distance(0, 1, 1.25, fix=0)
    return [molecule("H2O"), molecule("CH3OH"), strange]


def run(committee, saved, *, steps=40, bias=0.0, ensemble=NVE, structures=None):
    return run_walkers(
        structures or starts(),
        committee,
        temperatures_K=200.0,
        timestep_fs=0.5,
        steps=steps,
        stride=5,
        rng=np.random.default_rng(1),
        ensemble=ensemble,
        ramp_to_K=None if ensemble is NVE else 300.0,
        limits=LIMITS,
        spares=[] if structures else [molecule("H2O"), molecule("CH3OH")],
        velocity_stride=2,
        saved=saved,
        bias=bias,
    )


def assert_same(walks, expected):
    assert len(walks) == len(expected)
    for walk, other in zip(walks, expected, strict=True):
        for name in ("ended", "last_step", "replaces", "began_at", "bond_change", "step", "potential_eV", "kinetic_eV"):
            assert getattr(walk, name) == getattr(other, name), name
        for name in ("positions", "momenta", "velocities", "cells", "uncertainty", "energy_std", "force_std"):
            np.testing.assert_array_equal(getattr(walk, name), getattr(other, name))


@pytest.mark.parametrize(
    ("ensemble", "bias"),
    [(NVE, 0.0), (langevin(10.0), 0.2), (Ensemble("v_rescale"), 0.0), (Ensemble("nose_hoover"), 0.1)],
    ids=lambda value: getattr(value, "name", None),
)
@pytest.mark.parametrize("step", [1, 30])
def test_an_interrupted_run_ends_bit_for_bit_as_the_unbroken_one(committee, tmp_path, ensemble, bias, step):
    expected = run(committee, None, ensemble=ensemble, bias=bias)
    assert len(expected) > 3 and expected[3].replaces == 2, "nobody was replaced, so that this would not be tested"
    with pytest.raises(KeyboardInterrupt):
        run(committee, Interrupted(tmp_path, "a", step), ensemble=ensemble, bias=bias)
    assert_same(run(committee, SavedRun(tmp_path, "a"), ensemble=ensemble, bias=bias), expected)


def test_constant_pressure_goes_on_with_its_cell(model_settings, tmp_path):
    torch.manual_seed(0)
    committee = Committee([build_model(model_settings)], np.zeros((1, 100)), cutoff=4.0, stress=True)
    settings = {"ensemble": Ensemble("npt", barostat_time_fs=100.0), "structures": [bulk("Si", cubic=True)] * 2}
    expected = run(committee, None, **settings)
    with pytest.raises(KeyboardInterrupt):
        run(committee, Interrupted(tmp_path, "a", 17), **settings)
    walks = run(committee, SavedRun(tmp_path, "a"), **settings)
    assert np.abs(walks[0].cells[-1] - walks[0].cells[0]).max() > 1e-4
    assert_same(walks, expected)


KILLED = """
import sys
import numpy as np
import torch
torch.set_num_threads(1)
from test_saved import run
from ouroboros.committee import Committee
from ouroboros.dynamics import SavedRun, langevin
folder, *models = sys.argv[1:]
run(Committee.load(models), SavedRun(folder, "work", every_s=0.0), steps=300, ensemble=langevin(10.0))
"""


def test_a_killed_process_loses_nothing(committee, committee_files, tmp_path):
    """SIGKILL on the way; what the next process makes of it equals the run that nobody killed."""
    folder = tmp_path / "state"
    places = [str(LIBRARY), str(Path(__file__).parent), str(Path(__file__).parents[1])]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(places), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-c", KILLED, str(folder), *map(str, committee_files)]
    process = subprocess.Popen(command, env=environment)
    while not SavedRun(folder, "work").path.exists() or SavedRun(folder, "work").read()["step"] < 10:
        assert process.poll() is None, "it ended before it could be killed"
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    reached = SavedRun(folder, "work").read()["step"]
    assert 10 <= reached < 300
    unbroken = run(committee, None, steps=300, ensemble=langevin(10.0))
    assert_same(run(committee, SavedRun(folder, "work"), steps=300, ensemble=langevin(10.0)), unbroken)


def test_other_work_and_a_torn_file_begin_anew(committee, tmp_path, capsys):
    with pytest.raises(KeyboardInterrupt):
        run(committee, Interrupted(tmp_path, "a", 10))
    assert SavedRun(tmp_path, "b").read() is None
    assert SavedRun(tmp_path, "a").read()["step"] == 10
    expected = run(committee, None)
    assert_same(run(committee, SavedRun(tmp_path, "b")), expected)
    path = SavedRun(tmp_path, "a").path
    path.write_bytes(path.read_bytes()[:1000])
    assert_same(run(committee, SavedRun(tmp_path, "a")), expected)
    told = capsys.readouterr().out
    assert "belongs to other work" in told and "cannot be read" in told


def test_fingerprint_tells_files_and_settings_apart(tmp_path):
    one, other = tmp_path / "one", tmp_path / "other"
    one.write_text("1")
    other.write_text("2")
    prints = [fingerprint([one], {"a": 1}), fingerprint([other], {"a": 1}), fingerprint([one], {"a": 2})]
    assert len(set(prints)) == 3 and fingerprint([one], {"a": 1}) == prints[0]


@pytest.mark.parametrize("what", ["torch.__version__", "torch_sim.__version__", "source_digest"])
def test_fingerprint_tells_versions_apart(what, monkeypatch):
    before = fingerprint([], "cpu")
    monkeypatch.setattr(f"ouroboros.dynamics.saved.{what}", (lambda: "other") if what == "source_digest" else "other")
    assert fingerprint([], "cpu") != before != fingerprint([], "cuda")


# --- progress


def test_progress_tells_walker_steps_a_second_and_the_time_left(monkeypatch, capsys):
    now = [100.0]
    monkeypatch.setattr("ouroboros.dynamics.progress.time.monotonic", lambda: now[0])
    progress = Progress(steps=1000)
    for step in range(1, 1001):
        now[0] += 0.2
        progress.tell(step, going=7, started=9, walker_steps=8 * step)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "step 100/1000: 7 of 9 walkers going, 40 walker-steps/s, 3 min left"
    assert len(lines) == 10 and lines[-1].endswith(" 0 s left")
    slow = Progress(steps=10000)
    for step in range(1, 9):
        now[0] += 10.0
        slow.tell(step, going=1, started=1, walker_steps=step)
    assert len(capsys.readouterr().out.splitlines()) == 2, "every half minute while a tenth is far"


@pytest.mark.parametrize(("seconds", "words"), [(45, "45 s"), (90, "2 min"), (720, "12 min"), (12600, "3.5 h")])
def test_durations_fit_a_line(seconds, words):
    assert clock(seconds) == words
