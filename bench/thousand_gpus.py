"""How a run fares on a large cluster: Snakemake's scheduler on pretended jobs, and the files that a run piles up.

    .venv/bin/python bench/thousand_gpus.py [--chains 12] [--rounds 5] [--hour 20] [--local-cores 2]

`chains` of arm and seed train 8 members each, explore and label, every job for as long as a real one may take, an hour
being `hour` seconds; the jobs leave empty files. There are as many slots as jobs want. Then real files: a label in the
store, a frame of a dataset.

The last line is JSON:

    jobs, wall_seconds, dag_seconds: until the first job begins
    head_cpu_ms_per_job, head_MiB: of Snakemake, which decides what runs when, DAG and all
    peak_active: jobs at work at a time
    ideal_seconds: the slowest chain, if each job began the moment its inputs were there
    local_wait_seconds: the mean time that a job of a local rule waits for a core where Snakemake runs; such jobs take
        `LOCAL_S` real seconds
    metadata_files, metadata_KiB: Snakemake's records of the jobs
    label_bytes, dataset_bytes_per_frame: ethanol
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from ase.build import molecule

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "workflow_scripts"), str(ROOT / "tests/workflow")]

from conftest import TINY, changed, command_for  # noqa: E402

from ouroboros.frames import Frames  # noqa: E402
from ouroboros.label_store import LabelStore, label_key  # noqa: E402
from ouroboros.oracles import make_oracle  # noqa: E402

HOURS = {"train": 3.0, "test": 0.1, "explore": 1.0, "simulate": 1.0, "select": 0.2, "label": 2.0, "analyse": 0.1}
REST_H = 0.05
LOCAL_S = 0.1  # real seconds: a script that takes some 3 s where an hour is two minutes
ROUND = ("train", "test", "explore", "select", "label")  # one waits for the other


def pretend(folder: Path, chains: int, rounds: int, hour: float, local_cores: int) -> dict[str, Any]:
    """Run the whole workflow of `chains` with jobs that only take their time."""
    seeds = list(range(-(-chains // 2)))
    config = changed(
        TINY, committee__size=8, rounds__count=rounds, rounds__mode="fixed", rounds__seeds=seeds,
        selection__per_round=40, labels__batch_size=4,
    )  # fmt: skip
    local = dict.fromkeys(local_rules(), LOCAL_S)
    told = {"seconds": {**{rule: hours * hour for rule, hours in HOURS.items()}, **local}, "rest": REST_H * hour}
    os.environ |= {
        "PRETEND_CLUSTER": json.dumps({**told, "local_cores": local_cores}),
        "PRETEND_CLUSTER_LOG": str(folder / "jobs"),
        "PYTHONPATH": str(ROOT / "bench/pretend_cluster"),
    }
    options = ["--executor", "pretend", "--cores", "100000", "--resources", "timed=100000"]
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    run = subprocess.run(command_for(folder, config, *options), capture_output=True, text=True)
    wall, after = time.monotonic() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    assert run.returncode == 0, (run.stdout + run.stderr)[-3000:]
    lines = [line.split() for line in (folder / "jobs").read_text().splitlines()]
    rules, times = [line[0] for line in lines], np.array([line[1:] for line in lines], dtype=float)
    handed, begin, ended = times.T
    is_local = np.array([rule in local for rule in rules])
    moments = np.concatenate([begin, ended])
    steps = np.concatenate([np.ones(len(begin)), -np.ones(len(ended))])
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    records = [path for path in (folder / ".snakemake/metadata").rglob("*") if path.is_file()]
    return {
        "jobs": len(rules),
        "wall_seconds": round(wall, 1),
        "dag_seconds": round(handed.min() - began, 1),
        "head_cpu_ms_per_job": round(1000 * cpu / len(rules), 1),
        "head_MiB": round(after.ru_maxrss / (1024 if sys.platform == "linux" else 1024**2)),
        "peak_active": int(np.cumsum(steps[np.argsort(moments)]).max()),
        "ideal_seconds": round(hour * rounds * sum(HOURS[rule] for rule in ROUND), 1),
        "local_wait_seconds": round(float((begin - handed)[is_local].mean()), 2),
        "metadata_files": len(records),
        "metadata_KiB": round(sum(path.stat().st_size for path in records) / 1024),
    }


def local_rules() -> list[str]:
    """The rules that the Snakefile keeps where Snakemake runs."""
    listed = (ROOT / "Snakefile").read_text(encoding="utf-8").split("localrules:")[1].split("\n\n")[0]
    return [name.strip() for name in listed.split(",") if name.strip()]


def file_sizes(folder: Path) -> dict[str, Any]:
    """Bytes of a label of ethanol in the store, and of a frame in a dataset of a thousand."""
    atoms = molecule("CH3CH2OH")
    oracle = make_oracle({"kind": "xtb"})
    label, key = oracle.label(atoms), label_key(atoms, oracle.settings)
    store = LabelStore(folder / "labels")
    store.put(key, atoms, label, oracle.settings)
    frames = Frames.from_atoms([labelled(atoms, label, seed) for seed in range(1000)])
    frames.save(folder / "frames.npz")
    return {
        "label_bytes": store.path(key).stat().st_size,
        "dataset_bytes_per_frame": round((folder / "frames.npz").stat().st_size / 1000),
    }


def labelled(atoms: Any, label: Any, seed: int) -> Any:
    """Another frame with a label: as random as real ones, so that compression gains no more."""
    from ase.calculators.singlepoint import SinglePointCalculator

    frame = atoms.copy()
    frame.rattle(0.05, seed=seed)
    noise = np.random.default_rng(seed).normal(size=label.forces.shape)
    frame.calc = SinglePointCalculator(frame, energy=label.energy + noise[0, 0], forces=label.forces + noise)
    return frame


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--chains", type=int, default=12)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--hour", type=float, default=20.0)
    parser.add_argument("--local-cores", type=int, default=2)
    a = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        figures = pretend(Path(name), a.chains, a.rounds, a.hour, a.local_cores) | file_sizes(Path(name))
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
