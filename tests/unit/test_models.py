"""Models: what is stored comes back, runs no code, and works in stock SchNetPack with the same numbers."""

import pickle
import re

import numpy as np
import pytest
import schnetpack
import torch
from ase.build import bulk, molecule
from schnetpack.interfaces import AtomsConverter
from schnetpack.transform import ASENeighborList, MatScipyNeighborList

from ouroboros.calculator import CommitteeCalculator
from ouroboros.committee import Committee
from ouroboros.energy_baseline import fit_energy_offsets
from ouroboros.frames import Frames
from ouroboros.graphs import Graphs
from ouroboros.models import build_model, export_schnetpack, export_torchscript, load_model, save_model

REPRESENTATIONS = ("painn", "schnet", "so3net")


class Trap:
    """A pickle that creates a file when it is read."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (open, (str(self.path), "w"))


def random_model(settings, seed=0):
    torch.manual_seed(seed)
    return build_model(settings).eval()


def random_offsets():
    return np.random.default_rng(0).normal(scale=1000.0, size=100)


@pytest.fixture
def model_file(model_settings, tmp_path):
    path = tmp_path / "model.pt"
    save_model(path, random_model(model_settings), model_settings, random_offsets())
    return path


@pytest.mark.parametrize("representation", REPRESENTATIONS)
def test_a_stored_model_predicts_exactly_as_before(model_settings, frames, tmp_path, representation):
    settings, path = {**model_settings, "representation": representation}, tmp_path / "model.pt"
    model = random_model(settings)
    save_model(path, model, settings, random_offsets())
    loaded, loaded_settings, offsets = load_model(path)
    assert loaded_settings == settings
    np.testing.assert_array_equal(offsets, random_offsets())
    assert not loaded.training
    batch = Graphs(frames, settings["cutoff_A"]).batch(np.arange(10))
    before, after = model(batch.copy()), loaded(batch.copy())
    assert before["forces"].abs().max() > 0
    for name in ("energy", "forces"):
        torch.testing.assert_close(after[name], before[name], rtol=0, atol=0)


def test_the_file_holds_nothing_but_plain_values(model_file, model_settings):
    stored = torch.load(model_file, weights_only=True)
    assert stored["settings"] == model_settings
    assert stored["energy_offsets_eV"].dtype == torch.float64


@pytest.mark.parametrize(
    "write", [torch.save, lambda trap, path: path.write_bytes(pickle.dumps(trap, 2))], ids=["torch", "pickle"]
)
def test_a_malicious_file_is_refused_and_runs_no_code(tmp_path, write):
    path, sprung = tmp_path / "model.pt", tmp_path / "sprung"
    write(Trap(sprung), path)
    assert not sprung.exists()
    with pytest.raises(ValueError, match=re.escape(str(path))):
        load_model(path)
    assert not sprung.exists()


@pytest.mark.parametrize("content", [b"", b"no model", b"PK\x03\x04 cut off"], ids=["empty", "text", "cut off"])
def test_a_damaged_file_is_refused_in_a_sentence(tmp_path, content):
    path = tmp_path / "model.pt"
    path.write_bytes(content)
    with pytest.raises(ValueError, match="is not an Ouroboros model file"):
        load_model(path)


def test_a_half_written_file_is_refused_in_a_sentence(model_file):
    content = model_file.read_bytes()
    model_file.write_bytes(content[: len(content) // 2])
    with pytest.raises(ValueError, match="is not an Ouroboros model file"):
        load_model(model_file)


@pytest.mark.parametrize("stored", [{"weights": 1}, [1, 2], torch.zeros(3)], ids=["dict", "list", "tensor"])
def test_somebody_elses_file_is_refused_in_a_sentence(tmp_path, stored):
    torch.save(stored, tmp_path / "model.pt")
    with pytest.raises(ValueError, match="is not an Ouroboros model file"):
        load_model(tmp_path / "model.pt")


def test_a_file_of_a_later_format_asks_for_an_update(model_file):
    stored = torch.load(model_file, weights_only=True)
    torch.save({**stored, "format": 99}, model_file)
    with pytest.raises(ValueError, match=r"format 99.*update"):
        load_model(model_file)


def test_an_unknown_representation_is_named(model_settings):
    with pytest.raises(ValueError, match="'schnett'"):
        build_model({**model_settings, "representation": "schnett"})


@pytest.mark.parametrize("representation", REPRESENTATIONS)
def test_forces_are_the_negative_gradient_of_the_energy(model_settings, representation):
    settings = {**model_settings, "representation": representation, "cutoff_A": 3.0}
    model, step = random_model(settings).double(), 1e-4
    atoms = molecule("CH3OH")
    atoms.rattle(0.1, seed=1)

    def evaluate(positions):
        moved = atoms.copy()
        moved.positions = positions
        batch = Graphs(Frames.from_atoms([moved]), 4.0).batch(np.arange(1))
        batch = {name: t.double() if t.is_floating_point() else t for name, t in batch.items()}
        batch["_positions"] = torch.tensor(positions)  # the graph holds them in single precision
        return model(batch)

    forces = evaluate(atoms.positions)["forces"].numpy()
    numeric = np.zeros_like(forces)
    for i, axis in np.ndindex(forces.shape):
        shift = np.zeros_like(forces)
        shift[i, axis] = step
        up, down = (evaluate(atoms.positions + sign * shift)["energy"].item() for sign in (1, -1))
        numeric[i, axis] = -(up - down) / (2 * step)
    assert np.abs(forces).max() > 1e-2
    np.testing.assert_allclose(forces, numeric, atol=1e-6)


def test_energy_does_not_jump_where_an_atom_passes_the_cutoff(model_settings):
    model, cutoff = random_model(model_settings), model_settings["cutoff_A"]

    def energy(distance):
        pair = molecule("H2")
        pair.set_distance(0, 1, distance)
        batch = Graphs(Frames.from_atoms([pair]), cutoff).batch(np.arange(1))
        return model(batch)["energy"].item()

    alone = energy(cutoff + 1.0)
    assert abs(energy(0.5 * cutoff) - alone) > 1e-3
    assert energy(cutoff - 1e-3) == pytest.approx(alone, abs=1e-6)


@pytest.mark.parametrize("neighbour_list", [MatScipyNeighborList, ASENeighborList])
def test_exported_model_in_stock_schnetpack_agrees_with_our_calculator(committee_files, tmp_path, neighbour_list):
    exported = tmp_path / "schnetpack_model.pt"
    export_schnetpack(committee_files[0], exported)
    ours, stock = molecule("CH3OH"), molecule("CH3OH")
    for atoms in (ours, stock):
        atoms.rattle(0.1, seed=5)
    ours.calc = CommitteeCalculator(Committee.load(committee_files[:1]))
    stock.calc = schnetpack.interfaces.SpkCalculator(
        str(exported), neighbor_list=neighbour_list(cutoff=4.0), energy_unit="eV", position_unit="Ang"
    )
    assert np.abs(ours.get_forces()).max() > 1.0
    np.testing.assert_allclose(ours.get_forces(), stock.get_forces(), atol=1e-5)
    # The total energy of methanol is -220 eV; SchNetPack adds the offsets in double precision.
    assert ours.get_potential_energy() < -200
    assert ours.get_potential_energy() == pytest.approx(stock.get_potential_energy(), abs=1e-4)


def test_exported_model_agrees_on_a_periodic_crystal(model_settings, tmp_path):
    path, exported = tmp_path / "model.pt", tmp_path / "exported.pt"
    offsets = np.zeros(100)
    offsets[29] = -1234.5
    save_model(path, random_model(model_settings), model_settings, offsets)
    export_schnetpack(path, exported)
    ours, stock = bulk("Cu", cubic=True), bulk("Cu", cubic=True)
    for atoms in (ours, stock):
        atoms.rattle(0.2, seed=5)
    ours.calc = CommitteeCalculator(Committee.load([path]))
    stock.calc = schnetpack.interfaces.SpkCalculator(
        str(exported), neighbor_list=MatScipyNeighborList(cutoff=4.0), energy_unit="eV", position_unit="Ang"
    )
    assert np.abs(ours.get_forces()).max() > 1e-3
    np.testing.assert_allclose(ours.get_forces(), stock.get_forces(), atol=1e-5)
    assert ours.get_potential_energy() == pytest.approx(stock.get_potential_energy(), abs=1e-4)


@pytest.mark.parametrize("representation", REPRESENTATIONS)
@pytest.mark.parametrize("periodic", [False, True])
def test_torchscript_agrees_with_our_calculator(model_settings, tmp_path, representation, periodic):
    model_settings["representation"] = representation
    path, stock, script = (tmp_path / name for name in ("model.pt", "model.schnetpack", "model.torchscript"))
    atoms = bulk("Cu", cubic=True) if periodic else molecule("CH3OH")
    atoms.rattle(0.1, seed=5)
    offsets = np.zeros(100)
    offsets[[1, 6, 8, 29]] = -13.0, -1030.0, -2040.0, -1234.5
    save_model(path, random_model(model_settings), model_settings, offsets)
    export_schnetpack(path, stock)
    export_torchscript(stock, script)
    cutoff = {"cutoff": ""}
    deployed = torch.jit.load(script, _extra_files=cutoff)
    assert float(cutoff["cutoff"]) == pytest.approx(model_settings["cutoff_A"])  # LAMMPS reads it from there
    batch = AtomsConverter(neighbor_list=ASENeighborList(cutoff=model_settings["cutoff_A"]))(atoms)
    told = deployed(batch)
    atoms.calc = CommitteeCalculator(Committee.load([path]))
    assert np.abs(atoms.get_forces()).max() > 1e-3
    np.testing.assert_allclose(told["forces"].detach().numpy(), atoms.get_forces(), atol=1e-5)
    assert told["energy"].item() == pytest.approx(atoms.get_potential_energy(), abs=1e-4)


def test_offsets_of_mixed_compositions_are_the_elements_energies():
    elements = {1: -13.6, 6: -1030.0, 8: -2040.0}
    images = [molecule(name) for name in ("H2", "H2O", "CH4", "CH3OH", "CH3CH2OH", "O2")]
    frames = Frames.from_atoms(images)
    energy = np.bincount(frames.frame_of_atom, [elements[z] for z in frames.numbers])
    offsets = fit_energy_offsets(Frames(**{**frames.__dict__, "energy": energy}))
    for z, expected in elements.items():
        assert offsets[z] == pytest.approx(expected, abs=1e-8)
    assert np.count_nonzero(offsets) == len(elements)


def test_offsets_of_one_composition_add_up_to_the_mean_energy(water):
    offsets = fit_energy_offsets(water)
    assert offsets[8] + 2 * offsets[1] == pytest.approx(water.energy.mean(), abs=1e-8)


def test_numbers_that_slow_a_processor_down_are_zeros_in_every_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        far = torch.full((2**20,), 1e-30) * 1e-10
    finally:
        torch.set_num_threads(threads)
    assert not far.any()
