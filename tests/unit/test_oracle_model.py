"""The teacher: a committee's mean as a label."""

import shutil

import numpy as np
import pytest
from ase.build import molecule

from ouroboros.frames import Frames
from ouroboros.label_store import label_key
from ouroboros.oracles import make_oracle


def settings(paths, **changes):
    return {"kind": "model", "paths": [str(path) for path in paths], **changes}


@pytest.fixture(scope="module")
def teacher(committee_files):
    return make_oracle(settings(committee_files))


def test_a_label_is_the_mean_of_the_committee(teacher, committee, water):
    atoms = water.to_atoms()[0]
    label, again = teacher.label(atoms), teacher.label(atoms)
    prediction = committee.predict(Frames.from_atoms([atoms]))
    assert label.converged and label.message == "" and label.level_of_theory == teacher.level_of_theory
    assert label.energy == pytest.approx(prediction.member_energy[:, 0].mean(), abs=1e-9)
    np.testing.assert_allclose(label.forces, prediction.member_forces.mean(axis=0), atol=1e-12)
    assert again.energy == label.energy
    np.testing.assert_array_equal(again.forces, label.forces)
    assert np.abs(label.forces - water.forces[:3]).mean() < 1  # it has learned them, eV/Å


def test_a_label_of_a_crystal_has_the_stress_of_the_committee(teacher, committee):
    atoms = molecule("H2O")
    atoms.set_cell([3.1, 3.3, 3.4])
    atoms.pbc = True
    expected = committee.with_stress().predict(Frames.from_atoms([atoms])).stress[0]
    np.testing.assert_allclose(teacher.label(atoms).stress, expected, atol=1e-6)
    assert teacher.label(molecule("H2O")).stress is None


def test_the_identity_is_in_the_files_and_not_in_their_place(tmp_path, teacher, committee_files, water):
    for place, path in enumerate(committee_files):
        shutil.copy(path, tmp_path / f"copy_{place}.pt")
    moved = make_oracle(settings(sorted(tmp_path.glob("*.pt"))))
    assert moved.settings == teacher.settings and moved.level_of_theory == teacher.level_of_theory
    assert str(tmp_path) not in str(moved.settings) and "torch" in moved.settings["version"]
    assert moved.level_of_theory.startswith("model ") and len(moved.level_of_theory) == 14
    fewer = make_oracle(settings(committee_files[:2]))
    atoms = water.to_atoms()[0]
    assert label_key(atoms, fewer.settings) != label_key(atoms, teacher.settings)
    assert make_oracle(settings(committee_files, level_of_theory="teacher")).level_of_theory == "teacher"


def test_the_calculator_is_the_committees(teacher, water):
    atoms = water.to_atoms()[0]
    atoms.calc = teacher.calculator()
    assert atoms.get_potential_energy() == teacher.label(atoms).energy
    assert atoms.calc.results["force_std"].shape == (3,)


def test_what_it_was_not_trained_on_is_refused(teacher):
    assert teacher.refusal(molecule("CH3OH")) is None
    assert teacher.refusal(molecule("NH3")) == "the models of the teacher were not trained on N"
    ion = molecule("H2O")
    ion.info["charge"] = 1
    assert "charge 1 and multiplicity 1, but the teacher was trained on 0 and 1" in teacher.refusal(ion)
    for atoms in (molecule("NH3"), ion):
        label = teacher.label(atoms)
        assert not label.converged and not label.reusable and label.message == teacher.refusal(atoms)


def test_bad_settings_in_one_sentence(tmp_path, committee_files):
    foreign = tmp_path / "foreign.pt"
    foreign.write_text("no model")
    cases = [
        (settings([]), "oracle.model.paths is empty"),
        (settings([tmp_path / "nowhere.pt"]), "nowhere.pt', but there is no such file"),
        (settings([committee_files[0], foreign]), "foreign.pt is not an Ouroboros model file"),
        (settings([]) | {"paths": [5]}, "oracle.model.paths names 5"),
        (settings([]) | {"paths": "model.pt"}, "oracle.model.paths is 'model.pt', but it has to be of type list"),
        (
            settings(committee_files, path="x"),
            "oracle.model.path is not a setting of the kind model: did you mean paths",
        ),
    ]
    for bad, sentence in cases:
        with pytest.raises(ValueError) as error:
            make_oracle(bad)
        assert sentence in str(error.value) and "\n" not in str(error.value)
