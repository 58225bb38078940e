"""Accuracy against wall time on rMD17 ethanol: a committee trained here, stock SchNetPack beside it.

    .venv/bin/python bench/accuracy.py [--members 8] [--epochs 400] [--stock-seconds 900] [--folder results/accuracy]

950 training, 50 validation and 1,000 test frames, those of ../shared; each member holds back 50 of its own, so that a
committee has learned from all 1,000. Two trainings run side by side, one thread each:
the members of a PaiNN committee by `train_member` with the project's default settings and so many epochs; then two
members of stock SchNetPack 2.2 with the settings of its own configuration `rmd17` (PaiNN 128x3, batch 10, AdamW at
1e-3, squared errors weighted 0.01 and 0.99, halved on plateau, weights averaged) for `--stock-seconds`, about what one
of ours takes. Learning rate, batch size and epochs of ours were chosen on the validation frames; the test frames are
looked at once, at the end of a run (docs/training.md has all runs). A bench that was killed goes on where it was.
`validation.svg` in the folder shows the validation errors over time.

The last line is JSON:

    committee_force_mae_meV_per_A, committee_energy_mae_meV: of the mean of the members, on the test frames
    member_force_mae_meV_per_A, member_energy_mae_meV: lists
    seconds: wall time of the committee, from nothing to the last member, compiling included
    stock_force_mae_meV_per_A, stock_energy_mae_meV: lists, of the best epoch of each stock member
    stock_committee_force_mae_meV_per_A, stock_seconds
"""

import argparse
import json
import os
import subprocess
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "workflow_scripts"))
warnings.filterwarnings("ignore")

import numpy as np  # noqa: E402
import pandas as pd  # noqa: E402
import rmd17  # noqa: E402

from ouroboros.frames import Frames  # noqa: E402

N_TRAIN, N_VALIDATION, CUTOFF = 950, 50, 5.0


def read(name: str) -> Frames:
    """Frames of rMD17."""
    return Frames.from_atoms(rmd17.images(name))


def training_frames(number: int = 0) -> Frames:
    """The 1,000 frames, 50 of them drawn for validation, others for each member."""
    frames = read("train.xyz")
    subset = np.full(len(frames), "train", dtype="<U10")
    subset[np.random.default_rng(1 + number).permutation(len(frames))[N_TRAIN:]] = "validation"
    return frames.with_columns(subset=subset, round=0)


def settings(epochs: int) -> dict[str, Any]:
    """The project's defaults and so many epochs."""
    from ouroboros.config import load_experiment

    return load_experiment({"training": {"epochs": epochs}})


def changed_since(folder: Path, epochs: int) -> str:
    """Settings in which finished members differ from what would be trained now, but for keys that came later."""
    config, told = settings(epochs), set()
    for path in folder.glob("ours_*.json"):
        member = json.loads(path.read_text())
        told |= {
            f"{section}.{key} {value}"
            for section in ("model", "training")
            for key, value in member[section].items()
            if config[section].get(key) != value
        }
    return ", ".join(sorted(told))


def train_ours(number: int, epochs: int, folder: Path) -> None:
    """One member of the committee."""
    import torch

    from ouroboros.models import save_model
    from ouroboros.training import train_member

    torch.set_num_threads(1)
    config = settings(epochs)
    state = folder / f"state_{number}"
    fit = train_member(training_frames(number), config["model"], config["training"], seed=number, state=state)
    fit.history.to_csv(folder / f"ours_{number}.csv", index=False)
    (folder / f"ours_{number}.json").write_text(json.dumps(fit.summary, indent=2))
    save_model(folder / f"ours_{number}.pt", fit.model, config["model"], fit.energy_offsets)


def train_stock(number: int, seconds: float, folder: Path) -> None:
    """One member of stock SchNetPack, stopped by the clock; its best epoch predicts the test frames."""
    import pytorch_lightning as pl
    import schnetpack as spk
    import stock_schnetpack as stock
    import torch
    from pytorch_lightning.callbacks import ModelCheckpoint, Timer
    from pytorch_lightning.loggers import CSVLogger

    from ouroboros.graphs import GraphLoader, Graphs

    torch.set_num_threads(1)
    torch.set_flush_denormal(False)  # as it is where SchNetPack runs alone
    pl.seed_everything(number, verbose=False)
    frames, scratch = training_frames(number), folder / f"stock_{number}"
    scratch.mkdir(exist_ok=True)
    os.chdir(scratch)  # the data module leaves a lock where it runs
    for old in scratch.glob("*"):
        old.unlink()
    stock.write_database(scratch / "frames.db", frames.to_atoms())
    parts = [np.flatnonzero(frames.columns["subset"] == name) for name in ("train", "validation")]
    empty = np.zeros(0, int)
    np.savez(scratch / "split.npz", train_idx=parts[0], val_idx=parts[1], test_idx=empty)
    data = stock.data_module(scratch / "frames.db", scratch / "split.npz", 10, CUTOFF, workers=0)
    how = {
        "optimizer_cls": torch.optim.AdamW,
        "optimizer_args": {"lr": 1e-3, "weight_decay": 0.0},
        "scheduler_cls": spk.train.ReduceLROnPlateau,
        "scheduler_args": {"mode": "min", "factor": 0.5, "patience": 75, "threshold": 0.0, "threshold_mode": "rel",
                           "cooldown": 10, "min_lr": 0.0, "smoothing_factor": 0.0},
        "scheduler_monitor": "val_loss",
    }  # fmt: skip
    task = stock.task(stock.network("painn", 128, 3, CUTOFF), torch.nn.MSELoss, (0.01, 0.99), **how)
    times = stock.EpochTimes(time.perf_counter)
    best = ModelCheckpoint(scratch, "best", monitor="val_loss")
    began = time.perf_counter()
    clock = Timer({"seconds": seconds}, interval="epoch")
    trainer = pl.Trainer(
        accelerator="cpu", max_epochs=100000, logger=CSVLogger(scratch, name="", version=""), inference_mode=False,
        callbacks=[times, spk.train.ExponentialMovingAverage(0.995), best, clock], enable_progress_bar=False,
        enable_model_summary=False, num_sanity_val_steps=0,
    )  # fmt: skip
    trainer.fit(task, datamodule=data)
    rows = pd.read_csv(scratch / "metrics.csv").dropna(subset="val_loss")
    rows = rows.assign(seconds=[end - began for end in times.ends[: len(rows)]])
    rows = rows.assign(val_force_mae_meV_per_A=1000 * rows["val_forces_mae"])
    rows[["epoch", "val_force_mae_meV_per_A", "seconds"]].to_csv(folder / f"stock_{number}.csv", index=False)
    task.load_state_dict(torch.load(best.best_model_path, weights_only=False)["state_dict"])
    model, test = task.model.eval(), read("test_MD.xyz")
    batches = GraphLoader(Graphs(test, CUTOFF), 100)
    found = [model(batch) for batch in batches]
    energy, forces = (
        torch.cat([part[name] for part in found]).detach().double().numpy() for name in ("energy", "forces")
    )
    np.savez(folder / f"stock_{number}.npz", energy=energy, forces=forces)


def two_at_a_time(commands: list[list[str]], tick: Callable[[float], Any] = lambda seconds: None) -> None:
    """Run the commands, two side by side, one thread each; `tick` is told the seconds so far."""
    began = time.perf_counter()
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    running: list[subprocess.Popen] = []
    waiting = list(commands)
    while waiting or running:
        while waiting and len(running) < 2:
            running.append(subprocess.Popen(waiting.pop(0), env=environment, stdout=subprocess.DEVNULL))
        time.sleep(0.5)
        tick(time.perf_counter() - began)
        running = [process for process in running if not ended(process)]
    tick(time.perf_counter() - began)


def ended(process: subprocess.Popen) -> bool:
    """Whether a training is done; the first that fails ends the bench."""
    if process.poll():
        sys.exit(f"{' '.join(map(str, process.args))} failed: see above")
    return process.returncode is not None


def draw(folder: Path) -> None:
    """Validation errors over the wall time of a member."""
    from ouroboros.figure import figure, plain_log

    with figure(folder / "validation.svg", width=5.5) as axes:
        for kind, colour in (("stock", "C1"), ("ours", "C0")):
            for path in sorted(folder.glob(f"{kind}_*.csv")):
                rows = pd.read_csv(path).dropna(subset="val_force_mae_meV_per_A")
                name = {"stock": "stock SchNetPack 2.2", "ours": "here"}[kind] if path.stem.endswith("_0") else None
                axes.semilogy(
                    rows["seconds"] / 60, rows["val_force_mae_meV_per_A"], color=colour, alpha=0.7, label=name
                )
        axes.set(xlabel="wall time of a member on one core (min)", ylabel="validation force MAE (meV/Å)")
        plain_log(axes.yaxis)
        axes.legend()


def main() -> None:
    """Train, test, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--members", type=int, default=8)
    parser.add_argument("--epochs", type=int, default=400)
    parser.add_argument("--stock-seconds", type=float, default=900)
    parser.add_argument("--folder", type=Path, default=ROOT / "results/accuracy")
    parser.add_argument("--ours", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--stock", type=int, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    folder = arguments.folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    if arguments.ours is not None:
        train_ours(arguments.ours, arguments.epochs, folder)
        return
    if arguments.stock is not None:
        train_stock(arguments.stock, arguments.stock_seconds, folder)
        return
    again = [sys.executable, __file__, "--folder", str(folder)]
    if told := changed_since(folder, arguments.epochs):
        sys.exit(f"{folder} holds members of other settings ({told}): take another --folder, or the same settings")
    ours = [n for n in range(arguments.members) if not (folder / f"ours_{n}.pt").exists()]
    clock = folder / "seconds.json"
    before = json.loads(clock.read_text()) if clock.exists() else 0.0
    commands = [[*again, "--ours", str(n), "--epochs", str(arguments.epochs)] for n in ours]
    two_at_a_time(commands, tick=lambda seconds: clock.write_text(json.dumps(before + seconds)))
    seconds = json.loads(clock.read_text())
    stock = [n for n in range(2) if not (folder / f"stock_{n}.npz").exists()]
    two_at_a_time([[*again, "--stock", str(n), "--stock-seconds", str(arguments.stock_seconds)] for n in stock])
    print(
        json.dumps(
            figures(folder, arguments.members) | {"seconds": round(seconds), "stock_seconds": arguments.stock_seconds}
        )
    )
    draw(folder)


def figures(folder: Path, members: int) -> dict[str, Any]:
    """Errors on the test frames."""
    from ouroboros.committee import Committee

    test = read("test_MD.xyz")
    predicted = Committee.load([folder / f"ours_{n}.pt" for n in range(members)]).predict(test)

    def mae(values: np.ndarray, labels: np.ndarray) -> float:
        return round(float(1000 * np.abs(values - labels).mean()), 3)

    found = {
        "committee_force_mae_meV_per_A": mae(predicted.forces, test.forces),
        "committee_energy_mae_meV": mae(predicted.energy, test.energy),
        "member_force_mae_meV_per_A": [mae(forces, test.forces) for forces in predicted.member_forces],
        "member_energy_mae_meV": [mae(energy, test.energy) for energy in predicted.member_energy],
    }
    stock = [np.load(folder / f"stock_{n}.npz") for n in range(2)]
    return found | {
        "stock_force_mae_meV_per_A": [mae(each["forces"], test.forces) for each in stock],
        "stock_energy_mae_meV": [mae(each["energy"], test.energy) for each in stock],
        "stock_committee_force_mae_meV_per_A": mae(np.mean([each["forces"] for each in stock], axis=0), test.forces),
    }


if __name__ == "__main__":
    main()
