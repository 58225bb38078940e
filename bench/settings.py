"""Settings compared by committees on frames held out of rMD17's training set; the test frames have no part in it.

    .venv/bin/python bench/settings.py [--epochs 100] [--members 2] [--folder results/settings]
                                       [--try model.n_rbf=40 --try model.n_rbf=40,training.energy_weight=0.01 ...]

The project's defaults, then each `--try`, train on 680 of the 1,000 frames of train.xyz, keep the best of their epochs
by 20 others, and predict 300 more. Two trainings run side by side, one thread each. A bench that was killed goes on
where it was. A row a setting, and as the last line JSON, by setting:

    member_meV_per_A, committee_meV_per_A: mean absolute force error of the members, of their mean
    shared_meV_per_A: the error that all such members have in common: the root of what is left of the mean squared
        error when the spread of the members is taken out (Krogh and Vedelsby, NIPS 7, 1995), which no larger committee
        takes away; with two members to a few per cent
    energy_meV: mean absolute energy error of the mean
    seconds: of a member
"""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

import accuracy
import numpy as np
import yaml

N_TRAIN, N_VALIDATION = 680, 20


def frames_of(held_out: bool) -> Any:
    """Training and validation frames, or the ones held out."""
    frames = accuracy.read("train.xyz")
    order = np.random.default_rng(1).permutation(len(frames))
    subset = np.full(len(frames), "train", dtype="<U10")
    subset[order[N_TRAIN : N_TRAIN + N_VALIDATION]] = "validation"
    chosen = np.sort(order[N_TRAIN + N_VALIDATION :] if held_out else order[: N_TRAIN + N_VALIDATION])
    return frames.with_columns(subset=subset, round=0).take(chosen)


def sections_of(setting: str, epochs: int) -> dict[str, dict[str, Any]]:
    """`model.n_rbf=40,training.loss=mse` as sections of a config."""
    sections: dict[str, dict[str, Any]] = {"model": {}, "training": {"epochs": epochs}}
    for assignment in setting.split(",") if setting != "defaults" else []:
        key, value = assignment.split("=")
        section, name = key.split(".")
        sections[section][name] = yaml.safe_load(value)
    return sections


def train(setting: str, number: int, epochs: int, file: Path) -> None:
    """One member, and what it predicts for the frames held out."""
    import torch

    from ouroboros.committee import Committee
    from ouroboros.config import load_experiment
    from ouroboros.models import save_model
    from ouroboros.training import train_member

    torch.set_num_threads(1)
    config = load_experiment(sections_of(setting, epochs))
    fit = train_member(frames_of(False), config["model"], config["training"], seed=number, state=file.with_suffix(""))
    save_model(file.with_suffix(".pt"), fit.model, config["model"], fit.energy_offsets)
    found = Committee.load([file.with_suffix(".pt")]).predict(frames_of(True))
    np.savez(file, energy=found.energy, forces=found.forces, seconds=fit.summary["seconds"])


def figures(files: list[Path]) -> dict[str, float]:
    """Errors of one setting's members, see above."""
    truth, found = frames_of(True), [np.load(file) for file in files]
    forces = np.array([each["forces"] for each in found]) - truth.forces
    mean, spread = forces.mean(axis=0), forces.var(axis=0, ddof=1)
    shared = max(0.0, float((mean**2 - spread / len(files)).mean()))
    return {
        "member_meV_per_A": round(1000 * float(np.abs(forces).mean()), 2),
        "committee_meV_per_A": round(1000 * float(np.abs(mean).mean()), 2),
        "shared_meV_per_A": round(1000 * shared**0.5, 2),
        "energy_meV": round(1000 * float(np.abs(np.mean([e["energy"] for e in found], 0) - truth.energy).mean()), 2),
        "seconds": round(float(np.mean([each["seconds"] for each in found]))),
    }


def main() -> None:
    """Train what is missing, print a row a setting."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--epochs", type=int, default=100)
    parser.add_argument("--members", type=int, default=2)
    parser.add_argument("--folder", type=Path, default=accuracy.ROOT / "results/settings")
    parser.add_argument("--try", dest="settings", action="append", default=[], metavar="KEY=VALUE,...")
    parser.add_argument("--train", nargs=2, help=argparse.SUPPRESS)
    a = parser.parse_args()
    folder = (a.folder / f"{a.epochs}_epochs").resolve()
    folder.mkdir(parents=True, exist_ok=True)
    if a.train:
        setting, number = a.train
        train(setting, int(number), a.epochs, folder / f"{setting}_{number}.npz")
        return
    again = [sys.executable, __file__, "--epochs", str(a.epochs), "--folder", str(a.folder), "--train"]
    found = {}
    for setting in ["defaults", *a.settings]:
        files = [folder / f"{setting}_{number}.npz" for number in range(a.members)]
        missing = [number for number, file in enumerate(files) if not file.exists()]
        accuracy.two_at_a_time([[*again, setting, str(number)] for number in missing])
        found[setting] = figures(files)
        print(f"{setting}: {found[setting]}", flush=True)
    print(json.dumps(found))


if __name__ == "__main__":
    main()
