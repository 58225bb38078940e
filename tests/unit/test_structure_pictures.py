"""Pictures of selected structures: which are shown, and what stands over each."""

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk, molecule

from ouroboros.structure_pictures import MOST, from_the_widest_side, reasons, selected


def structures(n):
    images = [molecule("CH3CH2OH") for _ in range(n)]
    for number, atoms in enumerate(images):
        atoms.info = {"uncertainty": 0.1 + number, "walker": number, "step": 10 * number}
    return images


def test_the_reason_is_the_strategys_but_for_spot_checks():
    assert reasons({"strategy": "random", "selected": 2, "spot_checks": 0}) == ["by chance"] * 2
    assert reasons({"strategy": "committee", "selected": 3, "spot_checks": 1}) == ["uncertain"] * 2 + ["spot check"]


def test_each_picture_has_its_score_walker_time_and_reason(tmp_path):
    selected(structures(3), ["uncertain", "uncertain", "spot check"], 0.5, tmp_path / "selected.svg")
    drawn = (tmp_path / "selected.svg").read_text()
    for words in (">2.1 eV/Å<", ">walker 2, 0.01 ps<", ">uncertain<", ">spot check<", ">3 selected structures"):
        assert words in drawn, words


def test_of_many_the_most_uncertain_are_shown(tmp_path):
    selected(structures(MOST + 2), ["by chance"] * (MOST + 2), 0.5, tmp_path / "selected.svg")
    drawn = (tmp_path / "selected.svg").read_text()
    assert f"the {MOST} most uncertain of {MOST + 2} selected" in drawn
    assert "walker 25," in drawn and "walker 2," in drawn and "walker 1," not in drawn


def test_frames_of_a_pool_have_a_number_and_no_time(tmp_path):
    cell = bulk("Cu", cubic=True)
    cell.info = {"uncertainty": 0.1, "walker": 17, "step": 18}
    selected([cell], ["uncertain"], None, tmp_path / "selected.svg")
    assert ">frame 17<" in (tmp_path / "selected.svg").read_text()


def test_one_member_expects_no_error(tmp_path):
    images = structures(2)
    for atoms in images:
        atoms.info["uncertainty"] = 0.0
    selected(images, ["by chance"] * 2, 0.5, tmp_path / "selected.svg")
    drawn = (tmp_path / "selected.svg").read_text()
    assert ">2 selected structures<" in drawn and "eV/Å" not in drawn


def test_no_molecule_is_shown_as_its_mirror_image(tmp_path):
    rng = np.random.default_rng(0)
    for _ in range(20):
        atoms = molecule("CH3CH2OH")
        atoms.rattle(0.1, rng=rng)
        seen = from_the_widest_side(atoms)
        sides = [np.linalg.det(places[1:4] - places[0]) for places in (atoms.positions, seen)]
        assert sides[0] == pytest.approx(sides[1])
        spread = seen.std(axis=0)
        assert spread[0] >= spread[1] >= spread[2]


@pytest.mark.parametrize("n", [1, 2])
def test_fewer_atoms_than_directions_are_drawn(n, tmp_path):
    atoms = Atoms("H" * n, [[0, 0, 0], [0, 0, 0.7]][:n], info={"uncertainty": 0.1, "walker": 0, "step": 0})
    selected([atoms], ["uncertain"], 0.5, tmp_path / "selected.svg")
    assert ">1 selected structures, with" in (tmp_path / "selected.svg").read_text()


@pytest.mark.parametrize("timestep_fs", [0.5, None])
def test_nothing_selected_is_a_sentence(timestep_fs, tmp_path):
    selected([], [], timestep_fs, tmp_path / "selected.svg")
    assert "No structure was selected" in (tmp_path / "selected.svg").read_text()
