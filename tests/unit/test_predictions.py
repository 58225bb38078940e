"""What predictions.npz keeps is enough to do the test again, and the notebook of docs/accuracy.md runs on it."""

import re
from pathlib import Path

import numpy as np
import pytest

from ouroboros.accuracy import measure
from ouroboros.frames import Frames
from ouroboros.predictions import Prediction, over_frames, save_predictions
from ouroboros.reference import write_database
from ouroboros.uncertainty import force_errors

DOCS = Path(__file__).parents[2] / "docs/accuracy.md"
DEMO = "results/demo/committee-42/round_2/test/predictions.npz"
FACTOR = 1.7


@pytest.fixture
def reference():
    """Twelve frames of water and of carbon monoxide in turn, at 300 K and 600 K."""
    generator = np.random.default_rng(0)
    n_atoms = np.tile([3, 2], 6)
    atoms = n_atoms.sum()
    return Frames(
        numbers=np.tile([8, 1, 1, 6, 8], 6),
        positions=generator.normal(size=(atoms, 3)),
        n_atoms=n_atoms,
        energy=generator.normal(size=12),
        forces=generator.normal(size=(atoms, 3)),
        cell=np.zeros((12, 3, 3)),
        pbc=np.zeros((12, 3), bool),
        columns={"temperature_K": np.repeat([300.0, 600.0], 6), "source": np.array(["a.xyz", "b.xyz"] * 6)},
    )


@pytest.fixture
def kept(reference, tmp_path):
    """The path, the test frames, their numbers in the reference, and the prediction that was kept."""
    indices = np.array([1, 4, 6, 7, 11])
    frames, generator = reference.take(indices), np.random.default_rng(1)
    energy = frames.energy + 0.01 * generator.normal(size=(3, 5))
    forces = frames.forces + 0.05 * generator.normal(size=(3, len(frames.numbers), 3))
    prediction = Prediction(energy, forces, frames.n_atoms)
    (tmp_path / DEMO).parent.mkdir(parents=True)
    save_predictions(tmp_path / DEMO, prediction, frames, indices, FACTOR * prediction.force_std)
    return tmp_path / DEMO, frames, indices, prediction


def test_the_spread_of_a_frame_is_the_rms_of_its_atoms():
    found = over_frames(np.array([3.0, 4.0, 1.0, 1.0, 5.0]), np.array([2, 2, 1]))
    np.testing.assert_allclose(found, [12.5**0.5, 12.5**0.5, 1, 1, 5])
    assert over_frames(np.zeros(0), np.zeros(0, int)).shape == (0,)


def test_the_metrics_can_be_computed_again_from_what_was_kept(kept, reference):
    path, frames, indices, prediction = kept
    with np.load(path, allow_pickle=False) as stored:
        read = dict(stored)
    again = Prediction(read["member_energy_eV"], read["member_forces_eV_per_A"], read["n_atoms"])
    where = read["reference_index"]
    by = ["temperature_K", "source"]
    assert measure(again, reference.take(where), by, where) == measure(prediction, frames, by, indices)
    assert (read["energy_eV"] == frames.energy).all() and (read["forces_eV_per_A"] == frames.forces).all()
    assert (read["numbers"] == frames.numbers).all()
    assert read["column_source"].tolist() == frames.columns["source"].tolist()
    assert (read["uncertainty_eV_per_A"] == FACTOR * prediction.force_std).all()


def test_stress_is_kept_where_it_was_predicted_and_labelled(kept, tmp_path):
    _, frames, indices, prediction = kept
    stress = np.zeros((5, 3, 3))
    frames = Frames(**{**frames.__dict__, "stress": stress})
    told = Prediction(prediction.member_energy, prediction.member_forces, frames.n_atoms, np.ones((3, 5, 3, 3)))
    save_predictions(tmp_path / "stress.npz", told, frames, indices, told.force_std)
    with np.load(tmp_path / "stress.npz") as stored:
        assert (stored["stress_eV_per_A3"] == stress).all()
        assert (stored["member_stress_eV_per_A3"] == told.member_stress).all()
        assert all(f"`{name}`" in DOCS.read_text(encoding="utf-8") for name in stored if "stress" in name)


def test_without_temperatures_they_are_nan(kept, tmp_path):
    _, frames, indices, prediction = kept
    bare = Frames(**{**frames.__dict__, "columns": {}})
    save_predictions(tmp_path / "bare.npz", prediction, bare, indices, prediction.force_std)
    with np.load(tmp_path / "bare.npz") as stored:
        assert np.isnan(stored["temperature_K"]).all() and stored["temperature_K"].shape == (5,)


def test_the_notebook_of_the_docs_runs(kept, reference, tmp_path, monkeypatch, capsys):
    _, frames, _, prediction = kept
    database = tmp_path / "results/demo/reference/reference.db"
    database.parent.mkdir()
    write_database(database, reference, {})
    monkeypatch.chdir(tmp_path)
    (notebook,) = re.findall(r"```python\n(.*?)```", DOCS.read_text(encoding="utf-8"), flags=re.DOTALL)
    names: dict = {}
    exec(notebook, names)
    errors = force_errors(prediction, frames)
    assert names["force_error"] == pytest.approx(errors)
    assert names["sigma"] == pytest.approx(FACTOR * prediction.force_std)
    hot_oxygen = (frames.numbers == 8) & (frames.columns["temperature_K"][frames.frame_of_atom] == 600)
    assert f"{1000 * errors[hot_oxygen].mean():.1f} meV/Å" in capsys.readouterr().out
    worst = frames.take([frames.frame_of_atom[errors.argmax()]])
    assert names["atoms"].positions == pytest.approx(worst.positions)


def test_the_docs_name_every_array_and_every_error(kept):
    path, frames, indices, prediction = kept
    text = DOCS.read_text(encoding="utf-8")
    with np.load(path) as stored:
        names = [name for name in stored if not name.startswith("column_")]
    committee = measure(prediction, frames, (), indices)["committee"]
    whole = [name for name in committee if re.search(r"mae|bias|r2|cosine", name)]  # rmse and max are told beside mae
    assert [name for name in [*names, *whole] if f"`{name}`" not in text] == []
