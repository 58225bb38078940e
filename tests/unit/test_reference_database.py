"""The reference database: stock SchNetPack opens it, and nothing is lost in it."""

import ase.db
import numpy as np
import pytest
from ase.build import bulk, molecule

from ouroboros.frames import Frames
from ouroboros.reference import read_database, write_database


@pytest.fixture
def frames():
    rng = np.random.default_rng(0)
    images = []
    for i, name in enumerate(["H2O", "CH4", "H2O", "NH3"] * 2):
        atoms = molecule(name) if i != 3 else bulk("Si")
        atoms.rattle(0.1, seed=i)
        images.append(atoms)
    frames = Frames.from_atoms(images)
    frames = Frames(
        **{**vars(frames), "energy": rng.normal(size=8) - 97080 / 3, "forces": rng.normal(size=frames.forces.shape)}
    )
    return frames.with_columns(
        temperature_K=np.linspace(300, 800, 8), trajectory=np.arange(8) % 3, source=np.array(["md", "label"] * 4)
    )


def same(one, other):
    for name in ("numbers", "positions", "n_atoms", "energy", "forces", "cell", "pbc", "stress"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name), err_msg=name)
    assert set(one.columns) == set(other.columns)
    for name in one.columns:
        np.testing.assert_array_equal(one.columns[name], other.columns[name], err_msg=name)


def test_round_trip(tmp_path, frames):
    write_database(tmp_path / "reference.db", frames, {"level_of_theory": "GFN2-xTB"})
    same(read_database(tmp_path / "reference.db"), frames)
    same(read_database(tmp_path / "reference.db", [5, 0, 3]), frames.take([5, 0, 3]))
    assert len(read_database(tmp_path / "reference.db", [])) == 0
    assert [path.name for path in tmp_path.iterdir()] == ["reference.db"]


@pytest.fixture
def with_stress(frames):
    """The same, one with a stress: the silicon crystal."""
    stress = np.full((8, 3, 3), np.nan)
    stress[3] = np.random.default_rng(1).normal(size=(3, 3))
    return Frames(**{**vars(frames), "stress": stress})


def test_round_trip_of_stress(tmp_path, with_stress):
    write_database(tmp_path / "reference.db", with_stress, {})
    same(read_database(tmp_path / "reference.db"), with_stress)
    same(read_database(tmp_path / "reference.db", [3, 1]), with_stress.take([3, 1]))


def test_stock_schnetpack_loads_stress(tmp_path, with_stress):
    """In eV/Å³ it comes unchanged, in GPa multiplied; a batch of it is (n_frames, 3, 3)."""
    from schnetpack.data import ASEAtomsData
    from schnetpack.data.loader import _atoms_collate_fn

    write_database(tmp_path / "reference.db", with_stress, {})
    data = ASEAtomsData(str(tmp_path / "reference.db"))
    assert data.available_properties == ["energy", "forces", "stress"]
    assert data.units["stress"] == "eV/Ang/Ang/Ang"
    batch = _atoms_collate_fn([data[i] for i in range(8)])
    np.testing.assert_array_equal(batch["stress"].numpy(), with_stress.stress)
    in_GPa = ASEAtomsData(str(tmp_path / "reference.db"), property_units={"stress": "GPa"})
    np.testing.assert_allclose(in_GPa[3]["stress"][0].numpy(), with_stress.stress[3] * 160.21766, rtol=1e-6)


def test_stress_in_another_unit_is_refused(tmp_path, with_stress):
    write_database(tmp_path / "reference.db", with_stress, {})
    with ase.db.connect(tmp_path / "reference.db") as database:
        units = database.metadata["_property_unit_dict"] | {"stress": "GPa"}
        database.metadata = {**database.metadata, "_property_unit_dict": units}
    with pytest.raises(ValueError, match=r"is in the units .*GPa.*, not in .*eV/Ang/Ang/Ang"):
        read_database(tmp_path / "reference.db")


def test_writing_again_replaces(tmp_path, frames):
    for part in (frames, frames.take([0, 1])):
        write_database(tmp_path / "reference.db", part, {})
    assert len(read_database(tmp_path / "reference.db")) == 2
    write_database(tmp_path / "reference.db", frames.take([]), {})
    assert len(read_database(tmp_path / "reference.db")) == 0


def test_stock_schnetpack_opens_it(tmp_path, frames):
    import torch
    from schnetpack.data import ASEAtomsData

    path = str(tmp_path / "reference.db")
    write_database(path, frames, {"level_of_theory": "GFN2-xTB"})
    data = ASEAtomsData(path)
    assert len(data) == len(frames)
    assert data.units == {"energy": "eV", "forces": "eV/Ang"} and data.distance_unit == "Ang"
    assert data.available_properties == ["energy", "forces"] and data.atomrefs == {}
    assert data.metadata["level_of_theory"] == "GFN2-xTB"
    for i, atoms in enumerate(frames.to_atoms()):
        row = data[i]
        assert row["energy"].shape == (1,) and row["energy"].dtype == torch.float64
        assert row["energy"].item() == frames.energy[i]
        np.testing.assert_array_equal(row["forces"].numpy(), atoms.get_forces())
        np.testing.assert_array_equal(row["_positions"].numpy(), atoms.positions)
        np.testing.assert_array_equal(row["_atomic_numbers"].numpy(), atoms.numbers)
        np.testing.assert_array_equal(row["_cell"].numpy()[0], atoms.cell.array)
        assert row["_idx"].item() == i

    stock = ASEAtomsData.create(str(tmp_path / "stock.db"), "Ang", {"energy": "eV", "forces": "eV/Ang"})
    stock.add_systems(
        [
            {"energy": np.array([e]), "forces": a.get_forces()}
            for e, a in zip(frames.energy, frames.to_atoms(), strict=True)
        ],
        [a for a in frames.to_atoms()],
    )
    ours = read_database(tmp_path / "stock.db")  # and the other way round
    np.testing.assert_array_equal(ours.forces, frames.forces)
    np.testing.assert_array_equal(ours.energy, frames.energy)


def test_ase_tools_find_the_columns(tmp_path, frames):
    write_database(tmp_path / "reference.db", frames, {})
    with ase.db.connect(tmp_path / "reference.db") as database:
        assert database.count("temperature_K>500") == 5
        assert database.count(source="md") == 4


def test_errors_in_one_sentence(tmp_path, frames):
    with pytest.raises(ValueError, match="there is no database at"):
        read_database(tmp_path / "missing.db")
    assert not (tmp_path / "missing.db").exists()
    write_database(tmp_path / "reference.db", frames, {})
    with pytest.raises(ValueError, match="holds 8 frames, but frame 8 was asked for"):
        read_database(tmp_path / "reference.db", [1, 8])
    with ase.db.connect(tmp_path / "reference.db") as database:
        database.metadata = {**database.metadata, "_property_unit_dict": {"energy": "kcal/mol"}}
    with pytest.raises(ValueError, match="is in the units"):
        read_database(tmp_path / "reference.db")
