"""Lists of pairs are kept as long as none can be missing, in a cell that moves too."""

import numpy as np
import pytest
import torch
import torch_sim as ts
from ase import Atoms
from ase.build import bulk

from ouroboros import torchsim_model
from ouroboros.committee import Committee
from ouroboros.models import build_model
from ouroboros.pair_lists import MadeAt
from ouroboros.torchsim_model import CommitteeModel


def state_of(*images):
    return ts.initialize_state(list(images), torch.device("cpu"), torch.float64)


def strained(atoms, strain):
    atoms = atoms.copy()
    atoms.set_cell(atoms.cell.array @ (np.eye(3) + strain), scale_atoms=True)
    return atoms


@pytest.mark.parametrize("seed", range(5))
def test_no_pair_comes_closer_than_is_told(seed):
    """Of a small cell, where a pair within the reach is several cell vectors apart."""
    rng, reach = np.random.default_rng(seed), 8.0
    atoms = Atoms("CO", [[0, 0, 0], [1.3, 0.2, 0.1]], cell=[[2.6, 0.1, 0], [0.2, 2.9, 0], [0, -0.2, 3.1]], pbc=True)
    moved = strained(atoms, rng.normal(0, 0.01, (3, 3)) - 0.03 * np.eye(3))
    moved.positions += rng.normal(0, 0.05, (2, 3))
    told = MadeAt.of(state_of(atoms), reach).out_of_date(state_of(moved)).item()
    shifts = np.array(np.meshgrid(*[np.arange(-5, 6)] * 3)).reshape(3, -1).T
    closer = []
    for i, j in ((0, 1), (0, 0), (1, 1)):
        before, after = (
            np.linalg.norm(a.positions[j] - a.positions[i] + shifts @ a.cell.array, axis=1) for a in (atoms, moved)
        )
        closer += (reach - after[before >= reach]).tolist()
    assert 0.1 * told < max(closer) / 2 <= told


def test_a_molecule_without_a_cell_has_no_strain():
    atoms, moved = Atoms("H2", [[0, 0, 0], [0, 0, 1.0]]), Atoms("H2", [[0, 0, 0], [0, 0.3, 1.0]])
    assert MadeAt.of(state_of(atoms), 5.0).out_of_date(state_of(moved)).tolist() == pytest.approx([0.3])


def test_a_list_is_kept_while_the_cell_breathes_and_gives_what_a_new_one_gives(model_settings, monkeypatch):
    torch.manual_seed(0)
    committee = Committee([build_model(model_settings).double()], np.zeros((1, 100)), cutoff=4.0, stress=True)
    searches, search = [], torchsim_model.torchsim_nl
    monkeypatch.setattr(torchsim_model, "torchsim_nl", lambda *given: searches.append(1) or search(*given))
    atoms, model = bulk("Si", cubic=True), CommitteeModel(committee)
    atoms.rattle(0.02, seed=1)
    for stretch, expected in ((0.0, 1), (0.01, 1), (-0.02, 1), (0.2, 2)):
        state = state_of(strained(atoms, np.eye(3) * stretch))
        ours = model(state)
        assert len(searches) == expected
        fresh = CommitteeModel(committee)(state)
        searches.pop()
        for name in ("energy", "forces", "stress"):
            torch.testing.assert_close(ours[name], fresh[name], rtol=0, atol=1e-9)
