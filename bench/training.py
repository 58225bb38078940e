"""Samples a second in training, beside stock SchNetPack and beside the bare step.

    .venv/bin/python bench/training.py [--epochs 4] [--repeats 3] [--threads 2] [--frames 400]

Three sides train the same network on the same frames, batch 10, in turn:

    stock   SchNetPack 2.2: AtomsDataModule on its ASE database, neighbour list as a transform, AtomisticTask with the
            metrics of its MD17 configuration; with no worker and with two, the better one counts
    bare    forward and backward of the stock network on ready batches: no loader, no optimiser, no Lightning
    ours    train_member, once with the compiled step and once without (`_eager`)

Stock and bare run in a process that keeps denormal numbers (below 1e-38), as torch does by itself; ours takes them for
zero, and so does a second bare side (`_vs_bare_flushed`).

The first epoch of each run is left out (workers start, the step is compiled); what compiling takes is told apart.
Ethanol comes from rMD17 (../shared), aspirin is rattled and labelled with GFN2-xTB. Then the loss curves of stock and
ours for the same seed and batches, and the memory of 100,000 frames of aspirin. The last line is JSON:

    <case>_vs_stock, <case>_vs_bare, <case>_vs_bare_flushed: samples a second of ours, compiled, over those of the other
        side (medians)
    <case>_eager_vs_stock, ...: without compiling
    <case>_compile_s: seconds that compiling took, the compiler's cache being empty
    loss_curve_deviation: largest relative difference of the epochs' training losses, eager and compiled
    aspirin_100k_gib: peak memory of a process that holds 100,000 frames of aspirin and trains on them
"""

import argparse
import io
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
import warnings
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "workflow_scripts"))
warnings.filterwarnings("ignore")

import ase.io  # noqa: E402
import numpy as np  # noqa: E402
import pandas as pd  # noqa: E402
import pytorch_lightning as pl  # noqa: E402
import rmd17  # noqa: E402
import stock_schnetpack as stock  # noqa: E402
import torch  # noqa: E402
from ase import Atoms  # noqa: E402
from ase.calculators.singlepoint import SinglePointCalculator  # noqa: E402
from pytorch_lightning.loggers import CSVLogger  # noqa: E402

from ouroboros import seeds  # noqa: E402
from ouroboros.config import load_experiment  # noqa: E402
from ouroboros.energy_baseline import fit_energy_offsets  # noqa: E402
from ouroboros.frames import Frames  # noqa: E402
from ouroboros.graphs import GraphLoader, Graphs  # noqa: E402
from ouroboros.oracles import make_oracle  # noqa: E402
from ouroboros.training import train_member  # noqa: E402
from ouroboros.training.force_matching import ForceMatching  # noqa: E402
from ouroboros.training.prepare import prepare as prepare_training  # noqa: E402

CUTOFF, BATCH, SEED = 5.0, 10, 1
ASPIRIN = """21
PubChem, CID 2244, conformer 1
O  1.2333  0.5540  0.7792
O -0.6952 -2.7148 -0.7502
O  0.7958 -2.1843  0.8685
O  1.7813  0.8105 -1.4821
C -0.0857  0.6088  0.4403
C -0.7927 -0.5515  0.1244
C -0.7288  1.8464  0.4133
C -2.1426 -0.4741 -0.2184
C -2.0787  1.9238  0.0706
C -2.7855  0.7636 -0.2453
C -0.1409 -1.8536  0.1477
C  2.1094  0.6715 -0.3113
C  3.5305  0.5996  0.1635
H -0.1851  2.7545  0.6593
H -2.7247 -1.3605 -0.4564
H -2.5797  2.8872  0.0506
H -3.8374  0.8238 -0.5090
H  3.7290  1.4184  0.8593
H  4.2045  0.6969 -0.6924
H  3.7105 -0.3659  0.6426
H -0.2555 -3.5916 -0.7337
"""
NETWORKS = {"schnet": (128, 6), "painn": (128, 3)}
WEIGHTS = 0.01, 0.99
RATE = 1e-4


def aspirin(n: int) -> list[Atoms]:
    """Aspirin, rattled and labelled with GFN2-xTB."""
    oracle, molecule, images = make_oracle({"kind": "xtb"}), ase.io.read(io.StringIO(ASPIRIN), format="xyz"), []
    for seed in range(n):
        atoms = molecule.copy()
        atoms.rattle(0.05, seed=seed)
        label = oracle.label(atoms)
        atoms.calc = SinglePointCalculator(atoms, energy=label.energy, forces=label.forces)
        images.append(atoms)
    return images


def settings(kind: str, epochs: int, compile_: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Our sections model and training for the network and the loss of the stock side."""
    width, interactions = NETWORKS[kind]
    config = load_experiment({
        "model": {"representation": kind, "n_atom_basis": width, "n_interactions": interactions, "n_filters": width},
        "training": {
            "batch_size": BATCH, "loss": "mse", "energy_weight": WEIGHTS[0], "force_weight": WEIGHTS[1],
            "learning_rate": RATE, "schedule": "constant", "warmup_fraction": 0.0, "epochs": epochs,
            "validate_every_epochs": epochs, "compile": compile_,
        },
    })  # fmt: skip
    return config["model"], config["training"]


def run_stock(folder: Path, kind: str, epochs: int, workers: int, orders: Any = None) -> tuple[float, list[float]]:
    """Samples a second after the first epoch; and with `orders`, the mean training loss of each epoch."""
    os.chdir(folder)  # the data module leaves a lock where it runs
    pl.seed_everything(SEED, verbose=False)
    data = stock.data_module(folder / "frames.db", folder / "split.npz", BATCH, CUTOFF, workers, orders)
    how = {"optimizer_cls": torch.optim.AdamW, "optimizer_args": {"lr": RATE, "weight_decay": 0.0}}
    task = stock.task(stock.network(kind, *NETWORKS[kind], CUTOFF), torch.nn.MSELoss, WEIGHTS, **how)
    times = stock.EpochTimes(time.perf_counter)
    with tempfile.TemporaryDirectory() as scratch:
        trainer = pl.Trainer(
            accelerator="cpu", max_epochs=epochs, logger=CSVLogger(scratch, name="", version=""), callbacks=[times],
            enable_checkpointing=False, enable_progress_bar=False, enable_model_summary=False, inference_mode=False,
            check_val_every_n_epoch=epochs, num_sanity_val_steps=0, log_every_n_steps=1 if orders else 50,
        )  # fmt: skip
        trainer.fit(task, datamodule=data)
        rows = pd.read_csv(Path(scratch) / "metrics.csv")
    rate = (epochs - 1) * len(data.train_dataset) / (times.ends[-1] - times.ends[0]) if epochs > 1 else float("nan")
    losses = rows.dropna(subset="train_loss").groupby("epoch")["train_loss"].mean().tolist() if orders else []
    return rate, losses


def run_bare(frames: Frames, kind: str, seconds: float) -> float:
    """Samples a second of the stock network's forward and backward on ready batches."""
    model = stock.network(kind, *NETWORKS[kind], CUTOFF).train()
    model.postprocessors = torch.nn.ModuleList()
    batches = list(GraphLoader(Graphs(frames, CUTOFF, fit_energy_offsets(frames)), BATCH))
    began, done = 0.0, 0
    for number in range(10**9):
        batch = batches[number % len(batches)]
        prediction = model(batch.copy())
        parts = [torch.nn.functional.mse_loss(prediction[name], batch[name]) for name in ("energy", "forces")]
        model.zero_grad()
        (WEIGHTS[0] * parts[0] + WEIGHTS[1] * parts[1]).backward()
        if number == 3:
            began = time.perf_counter()
        elif number > 3:
            done += len(batch["energy"])
            if time.perf_counter() - began > seconds:
                return done / (time.perf_counter() - began)
    raise AssertionError


def run_ours(frames: Frames, kind: str, epochs: int, compile_: str) -> tuple[float, list[float], float | None]:
    """Samples a second after the first epoch, the training losses, and the seconds that compiling took."""
    model, training = settings(kind, epochs, compile_)
    fit = train_member(frames, model, training, seed=SEED)
    ends, n = fit.history["seconds"], fit.summary["frames"]["train"]
    rate = (epochs - 1) * n / (ends.iloc[-1] - ends.iloc[0]) if epochs > 1 else float("nan")
    return rate, fit.history["train_loss"].tolist(), fit.summary["compile_s"]


def prepare(folder: Path, images: list[Atoms]) -> Frames:
    """Write the stock side's database and split; nine tenths are trained on."""
    n = len(images) // 10 * 9
    stock.write_database(folder / "frames.db", images)
    empty = np.zeros(0, int)
    np.savez(folder / "split.npz", train_idx=np.arange(n), val_idx=np.arange(n, len(images)), test_idx=empty)
    subset = np.where(np.arange(len(images)) < n, "train", "validation")
    return Frames.from_atoms(images).with_columns(subset=subset)


def compare_speed(images: list[Atoms], kind: str, epochs: int, repeats: int, threads: int) -> dict[str, float]:
    """Ratios of one case."""
    plain, flushed = stock.process(threads), stock.process(threads, denormals=False)
    rates: dict[str, list[float]] = {}
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        frames = prepare(folder, images)
        train = frames.take(frames.columns["subset"] == "train")
        for _ in range(repeats):
            found = {
                f"stock, {n} workers": plain.submit(run_stock, folder, kind, epochs, n).result()[0] for n in (0, 2)
            }
            seconds = len(train) * (epochs - 1) / found["stock, 0 workers"] / 2
            for name, process in (("bare", plain), ("bare, flushed", flushed)):
                found[name] = process.submit(run_bare, train, kind, seconds).result()
            found["eager"] = run_ours(frames, kind, epochs, "never")[0]
            found["compiled"], _, compile_s = run_ours(frames, kind, epochs, "always")
            if compile_s is None:
                sys.exit("the step could not be compiled, so that there is nothing to compare: see above")
            told = ", ".join(f"{name} {rate:.0f}/s" for name, rate in found.items())
            print(f"  {told}; compiled in {compile_s:.1f} s", flush=True)
            for name, rate in found.items():
                rates.setdefault(name, []).append(rate)
            first_compiled = rates.setdefault("compiling", [])
            if not first_compiled:
                first_compiled.append(compile_s)
    plain.shutdown(), flushed.shutdown()
    middle = {name: float(np.median(values)) for name, values in rates.items()}
    best = max(middle["stock, 0 workers"], middle["stock, 2 workers"])
    ratios = {
        f"{which}vs_{other}": middle[ours] / against
        for which, ours in (("", "compiled"), ("eager_", "eager"))
        for other, against in (("stock", best), ("bare", middle["bare"]), ("bare_flushed", middle["bare, flushed"]))
    }
    return ratios | {
        "compile_s": middle["compiling"],
        "stock_samples_per_s": best,
        "bare_samples_per_s": middle["bare"],
    }


def compare_losses(images: list[Atoms], epochs: int = 3) -> float:
    """Largest relative difference of the epochs' losses, for the same seed and the same batches."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        frames = prepare(folder, images)
        n = int((frames.columns["subset"] == "train").sum())
        order = seeds.integer(SEED, "batches")
        orders = [np.random.default_rng([order, epoch]).permutation(n).tolist() for epoch in range(epochs)]
        with stock.process(torch.get_num_threads()) as plain:
            _, reference = plain.submit(run_stock, folder, "painn", epochs, 0, orders).result()
        curves = {mode: run_ours(frames, "painn", epochs, mode)[1] for mode in ("never", "always")}
    print("loss, stock:   ", " ".join(f"{loss:.8f}" for loss in reference))
    for mode, losses in curves.items():
        print(f"loss, {'eager' if mode == 'never' else 'compiled'}:", " ".join(f"{loss:.8f}" for loss in losses))
    return max(float(np.abs(np.array(losses) / reference - 1).max()) for losses in curves.values())


def hold_many(n: int) -> None:
    """In a process of its own: everything that a training on `n` frames of aspirin holds, all batches, and 20 steps."""
    few = Frames.from_atoms(aspirin(50))
    subset = np.where(np.arange(n) < n - 100, "train", "validation")
    frames = few.take(np.arange(n) % len(few)).with_columns(subset=subset)
    frames.positions[:] += np.random.default_rng(0).normal(scale=0.01, size=frames.positions.shape)
    model, training = settings("schnet", 1, "never")
    start = prepare_training(frames, model, training, None, None)
    loader = GraphLoader(start.graphs, 32, seed=0)
    task = ForceMatching(start.model, training, len(loader))
    optimiser = torch.optim.AdamW(task.parameters(), RATE)
    for number, batch in enumerate(loader):
        if number < 20:
            optimiser.zero_grad()
            task.eager_step(batch)[0].backward()
            optimiser.step()
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20)


def main() -> None:
    """Parse, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--epochs", type=int, default=4)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--frames", type=int, default=400)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--hold", type=int, default=0, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.hold:
        hold_many(arguments.hold)
        return
    torch.set_num_threads(arguments.threads)
    figures: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as cache:
        os.environ["TORCHINDUCTOR_CACHE_DIR"] = cache
        sets = {"ethanol": rmd17.images("train.xyz", f":{arguments.frames}"), "aspirin": aspirin(arguments.frames)}
        for molecule, images in sets.items():
            for kind in NETWORKS:
                print(f"{molecule}, {kind}, {arguments.threads} threads", flush=True)
                ratios = compare_speed(images, kind, arguments.epochs, arguments.repeats, arguments.threads)
                figures |= {f"{molecule}_{kind}_{name}": round(value, 3) for name, value in ratios.items()}
        figures["loss_curve_deviation"] = compare_losses(sets["ethanol"][:200])
    command = [sys.executable, str(ROOT / "bench/training.py"), "--hold", "100000"]
    held = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, cwd=ROOT)
    figures["aspirin_100k_gib"] = round(float(held.stdout), 2)
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
