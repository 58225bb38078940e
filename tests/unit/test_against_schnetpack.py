"""Training beside stock SchNetPack 2.2: the same seed and batches give the same losses and weights."""

import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import pytorch_lightning as pl
import torch
from ase.build import bulk
from ase.calculators.emt import EMT
from ase.calculators.singlepoint import SinglePointCalculator
from pytorch_lightning.loggers import CSVLogger

from ouroboros import seeds
from ouroboros.frames import Frames
from ouroboros.training import train_member

sys.path.insert(0, str(Path(__file__).parents[2] / "bench"))
import stock_schnetpack as stock

SEED, BATCH, EPOCHS = 5, 4, 3


@pytest.fixture
def methanol(frames):
    """One composition, as SchNetPack takes off the mean energy of the set."""
    methanol = frames.take(frames.n_atoms == 6)
    train, validation = (np.flatnonzero(methanol.columns["subset"] == name) for name in ("train", "validation"))
    return methanol.take(np.concatenate([train[: len(train) // BATCH * BATCH], validation]))


def stock_losses(frames, folder, kind, width, interactions, cutoff):
    """Training loss of each step, validation loss and MAE (meV/Å) of each epoch, and the weights in the end."""
    parts = {name: np.flatnonzero(frames.columns["subset"] == name) for name in ("train", "validation")}
    stock.write_database(folder / "frames.db", frames.to_atoms())
    np.savez(folder / "split.npz", train_idx=parts["train"], val_idx=parts["validation"], test_idx=np.zeros(0, int))
    order = seeds.integer(SEED, "batches")
    orders = [
        np.random.default_rng([order, epoch]).permutation(len(parts["train"])).tolist() for epoch in range(EPOCHS)
    ]
    pl.seed_everything(SEED, verbose=False)
    data = stock.data_module(folder / "frames.db", folder / "split.npz", BATCH, cutoff, 0, orders)
    how = {"optimizer_cls": torch.optim.AdamW, "optimizer_args": {"lr": 1e-3, "weight_decay": 0.01}}
    task = stock.task(stock.network(kind, width, interactions, cutoff), torch.nn.MSELoss, (0.01, 0.99), **how)
    trainer = pl.Trainer(
        accelerator="cpu", max_epochs=EPOCHS, logger=CSVLogger(folder, name="", version=""), log_every_n_steps=1,
        enable_checkpointing=False, enable_progress_bar=False, enable_model_summary=False, inference_mode=False,
        num_sanity_val_steps=0,
    )  # fmt: skip
    trainer.fit(task, datamodule=data)
    rows = pd.read_csv(folder / "metrics.csv")
    losses = rows.dropna(subset="train_loss")["train_loss"].to_numpy()
    validated = rows.dropna(subset="val_loss")
    validation = validated["val_loss"].to_numpy(), 1000 * validated["val_forces_mae"].to_numpy()
    return losses.reshape(EPOCHS, -1), validation, task.model.state_dict()


@pytest.mark.parametrize(("kind", "interactions"), [("schnet", 2), ("painn", 2)])
def test_the_loss_curve_is_that_of_stock_schnetpack(
    methanol, model_settings, training_settings, tmp_path, monkeypatch, kind, interactions
):
    monkeypatch.chdir(tmp_path)  # stock SchNetPack leaves a lock file where it runs
    network = {"representation": kind, "n_rbf": 20, "n_interactions": interactions, "n_filters": 16}
    same = {
        "batch_size": BATCH, "loss": "mse", "energy_weight": 0.01, "force_weight": 0.99, "learning_rate": 1e-3,
        "weight_decay": 0.01, "schedule": "constant", "warmup_fraction": 0.0, "epochs": EPOCHS,
        "validate_every_epochs": 1,
    }  # fmt: skip
    fit = train_member(methanol, {**model_settings, **network}, {**training_settings, **same}, seed=SEED)
    losses, (val_loss, mae), weights = stock_losses(
        methanol, tmp_path, kind, 16, interactions, model_settings["cutoff_A"]
    )
    np.testing.assert_allclose(fit.history["train_loss"], losses.mean(axis=1), rtol=1e-4)
    np.testing.assert_allclose(fit.history["val_loss"], val_loss, rtol=1e-4)
    np.testing.assert_allclose(fit.history["val_force_mae_meV_per_A"], mae, rtol=1e-4)
    assert fit.summary["best_epoch"] == EPOCHS - 1, "or these would not be the weights of the same step"
    for name, tensor in fit.model.state_dict().items():
        torch.testing.assert_close(tensor, weights[name], rtol=0, atol=1e-4)
    assert fit.history["train_loss"].iloc[-1] < 0.97 * fit.history["train_loss"].iloc[0]


@pytest.mark.parametrize(("kind", "parts", "loss"), [("schnet", 1, "l1"), ("painn", 3, "l2norm"), ("so3net", 1, "l1")])
def test_a_compiled_training_is_the_training(frames, model_settings, training_settings, kind, parts, loss):
    """Molecules of two sizes and a crystal, a last batch that is smaller, clipping and an average of the weights."""
    crystal = bulk("Cu", cubic=True)
    crystal.rattle(0.1, seed=1)
    crystal.calc = EMT()
    label = {"energy": crystal.get_potential_energy(), "forces": crystal.get_forces()}
    crystal.calc = SinglePointCalculator(crystal, **label)
    crystal = Frames.from_atoms([crystal]).with_columns(subset="train", round=0)
    frames = Frames.concatenate([frames.take(np.arange(24)).with_columns(round=0), crystal])
    settings = {
        **training_settings, "epochs": 3, "validate_every_epochs": 3, "precision": "float64", "gradient_clip": 1.0,
        "average_decay": 0.9, "batch_size": 7, "accumulation": parts, "loss": loss,
    }  # fmt: skip
    network = {**model_settings, "representation": kind, "n_interactions": 1, "n_atom_basis": 8, "n_filters": 8}
    eager = train_member(frames, network, settings, seed=1)
    compiled = train_member(frames, network, {**settings, "compile": "always"}, seed=1)
    assert compiled.summary["compile_s"] > 0, compiled.summary["not_compiled_because"]
    assert eager.summary["compile_s"] is None
    assert eager.summary["not_compiled_because"] == "training.compile is never"
    np.testing.assert_allclose(compiled.history["train_loss"], eager.history["train_loss"], rtol=1e-9)
    for name, tensor in eager.model.state_dict().items():
        torch.testing.assert_close(compiled.model.state_dict()[name], tensor, rtol=0, atol=1e-9)
