"""Graphs: the same pairs and the same model output as SchNetPack's own neighbour lists and collation."""

import numpy as np
import pytest
import torch
from ase import Atoms
from ase.build import bulk, molecule
from schnetpack import properties
from schnetpack.interfaces import AtomsConverter
from schnetpack.transform import ASENeighborList, MatScipyNeighborList

from ouroboros.frames import Frames
from ouroboros.graphs import COUNTS, PARTS, GraphLoader, Graphs
from ouroboros.models import build_model

CUTOFF = 4.0


def rattled(atoms, seed=0):
    atoms.rattle(0.05, seed=seed)
    return atoms


def skewed_copper():
    """One atom a cell, triclinic, far smaller than the cutoff: atoms neighbour their own images."""
    return rattled(bulk("Cu"))


def slab():
    return rattled(Atoms("AlNi", [[0, 0, 0], [1.2, 1.3, 1.8]], cell=[2.7, 2.9, 9.0], pbc=(True, True, False)))


SYSTEMS = {
    "isolated": [rattled(molecule("CH3CH2OH"))],
    "periodic": [skewed_copper()],
    "periodic in two directions": [slab()],
    "atoms outside the cell": [Atoms("Cu2", [[-1.0, 0.1, 0.2], [5.1, 1.9, 4.0]], cell=[3.6, 3.6, 3.6], pbc=True)],
    "mixed sizes and cells": [
        rattled(molecule("H2O")),
        rattled(bulk("Cu", cubic=True)),
        rattled(molecule("CH3OH"), 1),
        skewed_copper(),
        Atoms("H"),
        Atoms("H2", [[0, 0, 0], [0, 0, 9]]),
    ],
}


def stock_batch(images, neighbour_list=MatScipyNeighborList):
    return AtomsConverter(neighbor_list=neighbour_list(cutoff=CUTOFF))(images)


def pairs(batch):
    """Every pair with its offset, in an order that does not depend on the search."""
    columns = [batch[properties.idx_i], batch[properties.idx_j], *batch[properties.offsets].T.round(decimals=3) + 0.0]
    return sorted(zip(*(column.tolist() for column in columns), strict=True))


@pytest.mark.parametrize("neighbour_list", [MatScipyNeighborList, ASENeighborList])
@pytest.mark.parametrize("system", SYSTEMS)
def test_pairs_are_those_of_schnetpack(system, neighbour_list):
    images = SYSTEMS[system]
    ours = Graphs(Frames.from_atoms(images), CUTOFF).batch(np.arange(len(images)))
    expected = pairs(stock_batch(images, neighbour_list))
    np.testing.assert_allclose(pairs(ours), expected, atol=2e-3)


@pytest.mark.parametrize("representation", ["painn", "schnet", "so3net"])
def test_models_see_no_difference_from_a_stock_batch(model_settings, representation):
    images = SYSTEMS["mixed sizes and cells"]
    torch.manual_seed(0)
    model = build_model({**model_settings, "representation": representation}).eval()
    ours = model(Graphs(Frames.from_atoms(images), CUTOFF).batch(np.arange(len(images))))
    stock = model(stock_batch(images))
    assert stock["forces"].abs().max() > 1e-3
    for name in ("energy", "forces"):
        torch.testing.assert_close(ours[name], stock[name], rtol=1e-5, atol=1e-5)


def test_every_input_has_the_shape_and_type_of_a_stock_batch():
    images = SYSTEMS["mixed sizes and cells"]
    ours, stock = Graphs(Frames.from_atoms(images), CUTOFF).batch(np.arange(len(images))), stock_batch(images)
    for name in (stock.keys() & ours.keys()) - {
        properties.pbc
    }:  # flat in SchNetPack's loader, by frame in its converter
        assert ours[name].shape == stock[name].shape, name
        assert ours[name].dtype == stock[name].dtype, name
    for name in (properties.Z, properties.R, properties.cell, properties.pbc, properties.n_atoms, properties.idx_m):
        torch.testing.assert_close(ours[name].flatten(), stock[name].flatten())


def test_a_batch_in_any_order_is_that_of_those_frames_alone(frames):
    chosen = np.array([7, 0, 3])
    whole, alone = Graphs(frames, CUTOFF).batch(chosen), Graphs(frames.take(chosen), CUTOFF).batch(np.arange(3))
    for name in whole.keys() - {properties.idx}:
        torch.testing.assert_close(whole[name], alone[name], rtol=0, atol=0)


def test_labels_come_with_their_frames_and_energies_without_the_offsets(frames):
    offsets = np.zeros(100)
    offsets[[1, 6, 8]] = -10.0, -40.0, -100.0
    batch = Graphs(frames, CUTOFF, offsets).batch(np.array([2, 5]))
    for place, frame in enumerate((2, 5)):
        atoms = frames.frame_of_atom == frame
        energy = frames.energy[frame] - offsets[frames.numbers[atoms]].sum()
        assert batch[properties.energy][place].item() == pytest.approx(energy, rel=1e-6)
        forces = batch[properties.forces][batch[properties.idx_m] == place]
        np.testing.assert_allclose(forces, frames.forces[atoms], rtol=1e-6)


def test_no_frames_have_no_pairs_and_no_batches(frames):
    """Every walker may end before its first kept frame."""
    assert list(GraphLoader(Graphs(frames.take([]), CUTOFF), 4)) == []


@pytest.mark.parametrize("parts", [1, 3])
@pytest.mark.parametrize("batch_size", [1, 7, 40, 1000])
def test_loader_visits_every_frame_once_an_epoch(frames, batch_size, parts):
    loader = GraphLoader(Graphs(frames, CUTOFF), batch_size, seed=0, parts=parts)
    for epoch in range(3):
        loader.set_epoch(epoch)
        batches = [batch[properties.idx].tolist() for batch in loader]
        assert len(batches) == len(loader)
        assert sorted(i for batch in batches for i in batch) == list(range(len(frames)))
        if parts == 1:
            assert all(len(batch) == batch_size for batch in batches[:-1])


def test_parts_of_a_step_are_its_frames_with_the_counts_of_the_whole(frames):
    graphs = Graphs(frames, CUTOFF)
    whole = list(GraphLoader(graphs, 7, seed=1))
    parts = list(GraphLoader(graphs, 7, seed=1, parts=3))
    for number, batch in enumerate(whole[:-1]):
        of_step = parts[3 * number : 3 * number + 3]
        assert torch.cat([part[properties.idx] for part in of_step]).tolist() == batch[properties.idx].tolist()
        for part in of_step:
            assert part[COUNTS] == {"energy": 7, "forces": batch["forces"].numel(), "stress": 0}
            assert part[PARTS] == 3


def test_the_order_follows_from_seed_and_epoch_alone(frames):
    """So that a training which goes on in epoch 2 sees what it would have seen."""
    graphs = Graphs(frames, CUTOFF)

    def epoch(seed, number):
        loader = GraphLoader(graphs, 8, seed)
        loader.set_epoch(number)
        return torch.cat([batch[properties.idx] for batch in loader]).tolist()

    first, second, third = (epoch(1, number) for number in range(3))
    assert first != second and second != third and first != sorted(first)
    assert epoch(1, 2) == third
    assert epoch(2, 0) != first


def test_loader_without_a_seed_keeps_the_order(frames):
    loader = GraphLoader(Graphs(frames, CUTOFF), 7)
    assert torch.cat([batch[properties.idx] for batch in loader]).tolist() == list(range(len(frames)))
