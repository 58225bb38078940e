"""SchNetPack 2.2 as its own configuration for MD17 sets it up: data module, task and trainer, nothing of ours in it."""

import multiprocessing
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import schnetpack as spk
import schnetpack.transform as trn
import torch
import torchmetrics
from ase import Atoms
from schnetpack.data import ASEAtomsData, AtomsDataModule
from schnetpack.interfaces import SpkCalculator, SpkEnsembleCalculator
from torch.utils.data import Sampler


def process(threads: int, denormals: bool = True) -> ProcessPoolExecutor:
    """A process of its own, where numbers below 1e-38 stay what they are, as where SchNetPack runs alone.

    Importing ouroboros.models has them taken for zero in all threads that begin later; here they can be kept.
    """
    spawn = multiprocessing.get_context("spawn")
    return ProcessPoolExecutor(1, mp_context=spawn, initializer=_begin, initargs=(threads, denormals))


def _begin(threads: int, denormals: bool) -> None:
    torch.set_flush_denormal(not denormals)
    torch.set_num_threads(threads)


class GivenOrder(Sampler):
    """The orders of a list, one an epoch. The data module drops a last, smaller batch where it is given a sampler."""

    def __init__(self, data_source: Any, orders: list[list[int]], num_samples: int):
        assert num_samples == len(orders[0])
        self.orders, self.epoch = orders, 0

    def __len__(self) -> int:
        return len(self.orders[0])

    def __iter__(self) -> Iterator[int]:
        self.epoch += 1
        return iter(self.orders[self.epoch - 1])


def write_database(path: Path, images: list[Atoms]) -> None:
    """Labelled ASE atoms as a SchNetPack database."""
    data = ASEAtomsData.create(str(path), distance_unit="Ang", property_unit_dict={"energy": "eV", "forces": "eV/Ang"})
    data.add_systems(
        property_list=[
            {"energy": [atoms.calc.results["energy"]], "forces": atoms.calc.results["forces"]} for atoms in images
        ],
        atoms_list=images,
    )


def data_module(
    database: Path, split: Path, batch_size: int, cutoff: float, workers: int, orders: list[list[int]] | None = None
) -> AtomsDataModule:
    """The data module with the transforms of SchNetPack's configuration `md17`."""
    given: dict[str, Any] = {}
    if orders:  # a first pass, before the training, is for the mean of the energies
        given = {"train_sampler_cls": GivenOrder, "train_sampler_args": {"orders": [orders[0], *orders]}}
    return AtomsDataModule(
        str(database),
        batch_size=batch_size,
        split_file=str(split),
        transforms=[
            trn.SubtractCenterOfMass(),
            trn.RemoveOffsets("energy", remove_mean=True),
            trn.MatScipyNeighborList(cutoff=cutoff),
            trn.CastTo32(),
        ],
        num_workers=workers,
        num_val_workers=0,
        **given,
    )


def network(kind: str, width: int, interactions: int, cutoff: float) -> spk.model.NeuralNetworkPotential:
    """SchNet or PaiNN with 20 Gaussians, energy and forces."""
    radial, fade = spk.nn.GaussianRBF(n_rbf=20, cutoff=cutoff), spk.nn.CosineCutoff(cutoff)
    representation = {"schnet": spk.representation.SchNet, "painn": spk.representation.PaiNN}[kind](
        n_atom_basis=width, n_interactions=interactions, radial_basis=radial, cutoff_fn=fade
    )
    return spk.model.NeuralNetworkPotential(
        representation,
        input_modules=[spk.atomistic.PairwiseDistances()],
        output_modules=[spk.atomistic.Atomwise(width, output_key="energy"), spk.atomistic.Forces()],
        postprocessors=[trn.CastTo64(), trn.AddOffsets("energy", add_mean=True)],
    )


def task(
    model: spk.model.NeuralNetworkPotential, loss: type[torch.nn.Module], weights: tuple[float, float], **how: Any
) -> spk.AtomisticTask:
    """The task with SchNetPack's metrics; `how` are its arguments for optimiser and schedule."""
    outputs = [
        spk.task.ModelOutput(
            name,
            loss_fn=loss(),
            loss_weight=weight,
            metrics={
                "mae": torchmetrics.regression.MeanAbsoluteError(),
                "rmse": torchmetrics.regression.MeanSquaredError(squared=False),
            },
        )
        for name, weight in zip(("energy", "forces"), weights, strict=True)
    ]
    return spk.AtomisticTask(model, outputs, **how)


def ensemble_calculator(models: list[Path], cutoff: float, device: str) -> SpkEnsembleCalculator:
    """The ensemble as an ASE calculator, of energy, forces and their uncertainty, with MatScipy's neighbour list."""
    return SpkEnsembleCalculator(
        [str(model) for model in models],
        neighbor_list=trn.MatScipyNeighborList(cutoff=cutoff),
        energy_unit="eV",
        position_unit="Ang",
        device=device,
    )


def single_calculator(model: Path, cutoff: float, device: str) -> SpkCalculator:
    """One model as an ASE calculator."""
    return SpkCalculator(
        str(model), trn.MatScipyNeighborList(cutoff=cutoff), energy_unit="eV", position_unit="Ang", device=device
    )


class EpochTimes(pl.Callback):
    """When each training epoch ended, by a clock given."""

    def __init__(self, clock: Any):
        self.clock, self.ends = clock, []

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Note the time."""
        self.ends.append(self.clock())
