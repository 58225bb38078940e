"""Seconds to score and to select from ten thousand explored frames of aspirin.

    .venv/bin/python bench/selection.py [--frames 10000] [--threads 2] [--network painn]

A committee of four (untrained, 128 wide), 1,000 trained frames, 60 structures wanted, the default settings with every
frame a candidate. Scoring is energies and forces of every member for all frames; in a run `explore` has done it
already. The last line is JSON: `score_s`, `features_s`, `<strategy>_select_s`, and `total_s` of the strategy committee.
"""

import argparse
import io
import json
import tempfile
import time
from pathlib import Path

import ase.io
import dynamics  # sets the path, and warnings aside
import numpy as np
import torch
from training import ASPIRIN

from ouroboros.committee import Committee
from ouroboros.config import load_experiment
from ouroboros.frames import Frames
from ouroboros.selection import STRATEGIES, select


def rattled(n: int, seed: int) -> Frames:
    """Aspirin, each atom displaced by some 0.1 Å."""
    molecule = ase.io.read(io.StringIO(ASPIRIN), format="xyz")
    shifts = np.random.default_rng(seed).normal(scale=0.1, size=(n, len(molecule), 3))
    images = [molecule.copy() for _ in range(n)]
    for atoms, shift in zip(images, shifts, strict=True):
        atoms.positions += shift
    return Frames.from_atoms(images)


def main() -> None:
    """Score, select, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--frames", type=int, default=10000)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--network", choices=("painn", "schnet"), default="painn")
    a = parser.parse_args()
    torch.set_num_threads(a.threads)
    explored, trained = rattled(a.frames, 0), rattled(1000, 1)
    with tempfile.TemporaryDirectory() as folder:
        committee = Committee.load(dynamics.write_models(Path(folder), a.network)[0])
    times = {}

    def timed(name: str, began: float) -> None:
        times[name] = round(time.perf_counter() - began, 2)
        print(f"{name}: {times[name]} s", flush=True)

    began = time.perf_counter()
    prediction = committee.predict(explored)
    timed("score_s", began)
    columns = {
        "walker": np.arange(a.frames) // 100,
        "step": np.arange(a.frames) % 100,
        "uncertainty": prediction.max_force_std,
        "max_force": 1.0,
    }
    began = time.perf_counter()
    features = committee.features(explored), committee.features(trained)
    timed("features_s", began)
    settings = load_experiment({"selection": {"low_eV_per_A": 0.0}})["selection"]
    for strategy in STRATEGIES:
        began, rng = time.perf_counter(), np.random.default_rng(0)
        found = select(explored.with_columns(**columns), trained, strategy, settings, rng, features)
        timed(f"{strategy}_select_s", began)
        assert len(found.chosen) == settings["per_round"], found.counts
    total = times["score_s"] + times["features_s"] + times["committee_select_s"]
    print(json.dumps(times | {"total_s": round(total, 2)}))


if __name__ == "__main__":
    main()
