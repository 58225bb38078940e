"""The targets that look closer at one round, time-step scan and vibrations, and the periodic example in small."""

import json
import runpy
import shutil
from pathlib import Path
from typing import Any

import ase.io
import numpy as np
import pandas as pd
import yaml
from ase import Atoms
from conftest import PROJECT, TINY, changed, snakemake

LOOK = {
    "analysis__timestep_scan": {"timesteps_fs": [0.25, 0.5, 1.0], "length_ps": 0.05, "walkers": 2},
    "analysis__vibrations__oracle_walkers": 2,
}


def read(path: Path) -> dict[str, Any]:
    return json.loads(path.read_text(encoding="utf-8"))


def test_scan_and_vibrations_of_the_last_round(finished: Path, tmp_path: Path):
    shutil.copytree(finished, tmp_path, dirs_exist_ok=True, ignore=shutil.ignore_patterns("cache"))
    config = changed(TINY, **LOOK)
    run = snakemake(tmp_path, config, targets=["timestep_scan", "vibrations"])
    assert run.returncode == 0, run.stdout
    folder = tmp_path / "results/tiny/committee-42/round_1"

    scan = read(folder / "timestep_scan/timestep_scan.json")
    assert [step["timestep_fs"] for step in scan["steps"]] == [0.25, 0.5, 1.0]
    assert all(step["n_stopped"] == 0 and step["n_walkers"] == 2 for step in scan["steps"])
    assert scan["verdict"]["passed"] and abs(scan["slope"] - 2) < 0.3  # a smooth network: the integrator's error alone
    assert scan["advice"] and scan["verdict"]["reason"] in run.stdout and scan["advice"][0] in run.stdout
    assert "velocity Verlet" in (folder / "timestep_scan/timestep_scan.svg").read_text()

    found = read(folder / "vibrations/vibrations.json")
    table = pd.read_csv(folder / "vibrations/vibrations.csv")
    assert len(table) == 3 and (table["oracle_per_cm"] > 1000).all()  # water: a bend and two stretches
    apart = table["difference_per_cm"].abs().mean()
    assert np.isclose(found["harmonic"]["deviation"]["mean_absolute_per_cm"], apart, atol=0.01)
    assert found["spectra"]["oracle"]["n_walkers"] == found["spectra"]["model"]["n_walkers"] == 2
    assert 0 < found["spectra"]["distance"] < 0.8  # the same starts: lines of two potentials near one another
    assert found["harmonic"]["minima_rmsd_A"] < 0.1 and "warning" not in found["harmonic"]
    assert len(ase.io.read(folder / "vibrations/oracle_nve.traj", ":")) == 2 * (200 // 4 + 1)
    assert (
        "Nothing to be done" in snakemake(tmp_path, config, "--dry-run", targets=["timestep_scan", "vibrations"]).stdout
    )
    # neither is part of a round: a run without them has nothing to do either, and their settings rerun no analysis
    assert "Nothing to be done" in snakemake(tmp_path, config, "--dry-run").stdout


def test_an_oracle_that_is_too_slow_for_md_still_gives_its_frequencies(finished: Path, tmp_path: Path):
    shutil.copytree(finished, tmp_path, dirs_exist_ok=True, ignore=shutil.ignore_patterns("cache"))
    config = changed(TINY, analysis__vibrations__oracle_hours=1e-9)
    run = snakemake(tmp_path, config, targets=["results/tiny/start-42/round_0/vibrations/vibrations.json"])
    assert run.returncode == 0, run.stdout
    assert "analysis.vibrations.oracle_hours" in run.stdout
    found = read(tmp_path / "results/tiny/start-42/round_0/vibrations/vibrations.json")
    assert len(found["harmonic"]["modes"]) == 3
    assert "oracle" not in found["spectra"] and "model" in found["spectra"]
    assert "analysis.vibrations.oracle_hours" in found["spectra"]["reason"]


def copper(number: int, temperature_K: float) -> list[Atoms]:
    """A trajectory of examples/copper_emt.py, shorter."""
    example = runpy.run_path(str(PROJECT / "examples/copper_emt.py"))
    return example["trajectory"](number, temperature_K, steps=100, n_frames=12)


def test_the_periodic_example_in_small(tmp_path: Path):
    frames = [frame for number, t in enumerate((1600.0, 1600.0, 2000.0, 2000.0)) for frame in copper(number, t)]
    assert len(frames) == 48 and all(frame.pbc.all() and np.isfinite(frame.get_stress()).all() for frame in frames)
    ase.io.write(tmp_path / "copper.extxyz", frames, format="extxyz")
    config = yaml.safe_load((PROJECT / "examples/copper_emt.yaml").read_text(encoding="utf-8"))
    config = changed(
        config,
        reference__files__paths=[str(tmp_path / "copper.extxyz")],
        reference__files__accept_units=True,  # so few frames, 50 fs apart, do not tell the work of the forces
        split__train=18,
        split__validation=4,
        split__test=10,
        model={"n_atom_basis": 16, "n_interactions": 1, "n_rbf": 8, "cutoff_A": 4.0},
        training={"steps": 300, "learning_rate": 0.01, "batch_size": 4, "stress_weight": 50.0},
        simulation__walkers=2,
        simulation__steps=200,
        simulation__stride=2,
        simulation__equilibration_ps=0.05,
        simulation__temperature_K=1600,
        simulation__velocities_every_fs=4.0,
        analysis__timestep_scan={"timesteps_fs": [1.0, 2.0], "length_ps": 0.05, "walkers": 1},
        analysis__vibrations__oracle_walkers=1,
    )
    home = "results/copper_emt/start-42/round_0"
    targets = [f"{home}/{name}" for name in ("analysis/analysis.json", "timestep_scan/timestep_scan.json")]
    run = snakemake(tmp_path, config, targets=[*targets, f"{home}/vibrations/vibrations.json"])
    assert run.returncode == 0, run.stdout
    found = read(tmp_path / home / "analysis/analysis.json")
    assert found["system"]["periodic"] and found["system"]["formula"] == "Cu32"
    assert found["system"]["degrees_of_freedom"]["kinetic"] == 3 * 32 - 3
    assert set(found["verdicts"]) == {"completion", "conservation", "temperature", "bonds", "distances"}
    for name in ("completion", "conservation", "bonds"):
        assert found["verdicts"][name]["passed"], found["verdicts"][name]
    assert abs(found["distances"]["first_peak_model_A"]["Cu-Cu"] - 2.55) < 0.15
    assert found["distances"]["reference_temperatures_K"] == [1600, 1600]
    assert found["distances"]["quantity"] == "g(r)" and found["spectrum"]["interval_fs"] == 4.0
    assert set(found["diffusion"]["msd_A2"]) == {"all", "Cu"}
    assert read(tmp_path / home / "test/metrics.json")["committee"]["stress_frames"] == 10
    vibrations = read(tmp_path / home / "vibrations/vibrations.json")
    assert "periodic" in vibrations["harmonic"]["reason"] and vibrations["spectra"]["oracle"]["n_walkers"] == 1
