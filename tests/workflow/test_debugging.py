"""The targets that look for faults: one batch learnt by heart, and the quick run."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import yaml
from conftest import PROJECT, TINY, changed, job_counts, snakemake

from ouroboros.quick import verdict


def quick(folder: Path, config: dict, *options: str) -> subprocess.CompletedProcess[str]:
    (folder / "my.yaml").write_text(yaml.safe_dump(config), encoding="utf-8")
    command = [sys.executable, "-m", "ouroboros.quick", "my.yaml", "--snakefile", str(PROJECT / "Snakefile")]
    command += ["--profile", str(PROJECT / "profiles/default"), *options]
    return subprocess.run(command, cwd=folder, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)


def test_one_batch_is_learnt_by_heart_beside_the_run(finished: Path, tmp_path: Path):
    shutil.copytree(finished, tmp_path, dirs_exist_ok=True, ignore=shutil.ignore_patterns("cache"))
    run = snakemake(tmp_path, TINY, targets=["overfit"])
    assert run.returncode == 0, run.stdout
    assert "One batch is learnt by heart" in run.stdout
    path = tmp_path / "results/tiny/overfit/training.json"
    training = json.loads(path.read_text(encoding="utf-8"))
    assert training["training"]["overfit_batches"] == 1
    assert training["frames"]["train"] == training["training"]["batch_size"]
    assert "Nothing to be done" in snakemake(tmp_path, TINY, "--dry-run").stdout

    training["validation"]["force_mae_meV_per_A"] = 400.0  # as if it had not been
    path.write_text(json.dumps(training), encoding="utf-8")
    run = snakemake(tmp_path, TINY, targets=["overfit"])
    assert run.returncode != 0
    assert "Rule overfit stopped: one batch was not learnt by heart: force MAE 400.0 meV/Å" in run.stdout
    assert path.with_name("curves.svg").exists()  # to be looked at
    assert not path.with_name("verdict.json").exists()


def test_a_quick_run_goes_round_the_whole_loop_in_a_folder_of_its_own(tmp_path: Path):
    run = quick(tmp_path, changed(TINY, rounds__count=5, committee__size=4), "--dry-run")
    assert run.returncode == 0, run.stdout
    counts = job_counts(run.stdout)
    assert counts["train"] == 4 and counts["label"] == 1 and counts["report"] == 1  # two members, two rounds, one arm
    assert "The pipeline works" not in run.stdout
    assert [path.name for path in (tmp_path / "results").iterdir()] == ["tiny_quick"]


def test_a_quick_run_that_breaks_says_that_the_pipeline_does_not_work(tmp_path: Path):
    oracle = {"kind": "ase", "ase": {"calculator": "ase.calculators.lj.LennardJones", "level_of_theory": "LJ"}}
    oracle["ase"]["arguments"] = {"no_such_argument": 1}
    run = quick(tmp_path, changed(TINY, oracle=oracle))
    assert run.returncode != 0
    assert "The pipeline does not work yet" in run.stdout
    bad = quick(tmp_path, changed(TINY, training__learning_rat=1.0))
    assert bad.returncode != 0
    assert "did you mean 'learning_rate'?" in bad.stdout and "has not started" in bad.stdout
    assert "Traceback" not in bad.stdout


def test_the_verdict_of_a_quick_run_is_that_of_its_last_round(finished: Path, tmp_path: Path):
    home = tmp_path / "tiny"
    shutil.copytree(finished / "results/tiny", home)
    text, works = verdict(home, Path("my.yaml"), 12.3)
    assert works and "The pipeline works" in text and "6 new labels (0 failed, GFN2-xTB)" in text and "12 s" in text
    for path in home.glob("*-42/round_1/decision.json"):
        decision = json.loads(path.read_text(encoding="utf-8"))
        path.write_text(json.dumps(decision | {"state": "broken", "reason": "no walker kept a single frame"}))
    text, works = verdict(home, Path("my.yaml"), 12.3)
    assert not works and "no walker kept a single frame" in text
