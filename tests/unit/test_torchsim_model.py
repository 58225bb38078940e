"""What the torch-sim model of a committee says beside energy and forces: the spread, and where it grows."""

from copy import deepcopy

import numpy as np
import pytest
import torch
import torch_sim as ts
from ase.build import molecule

from ouroboros.committee import Committee
from ouroboros.dynamics import run_walkers
from ouroboros.frames import Frames
from ouroboros.torchsim_model import CommitteeModel, energy_spread


@pytest.fixture(scope="module")
def exact(committee):
    """The committee in double precision, its members' offsets a little apart, as after separate trainings."""
    offsets = committee.energy_offsets.copy()
    offsets[:, 1] += [0.0, 0.02, -0.05]
    return Committee([deepcopy(m).double() for m in committee.members], offsets, committee.cutoff)


def walkers():
    """Water, methanol and water again, each a little out of shape."""
    structures = [molecule(name) for name in ("H2O", "CH3OH", "H2O")]
    for seed, atoms in enumerate(structures):
        atoms.rattle(0.05, seed=seed)
    return structures


def evaluate(committee, structures):
    model = CommitteeModel(committee)
    return model(ts.initialize_state(structures, model.device, model.dtype))


def test_an_element_that_the_committee_never_saw_is_refused(exact):
    with pytest.raises(ValueError, match="not trained on N, only on H, C, O: add labelled structures"):
        evaluate(exact, [molecule("H2O"), molecule("NH3")])
    with pytest.raises(ValueError, match="not trained on N"):  # before the first step, though a spare alone has it
        run_walkers(
            [molecule("H2O")], exact, temperatures_K=300.0, timestep_fs=0.5, steps=1, stride=1,
            rng=np.random.default_rng(0), spares=[molecule("NH3")],
        )  # fmt: skip


def test_spread_is_that_of_the_prediction(exact):
    result, expected = evaluate(exact, walkers()), exact.predict(Frames.from_atoms(walkers()))
    assert (expected.energy_std > 1e-3).all()
    np.testing.assert_allclose(result["energy_std"], expected.energy_std, atol=1e-9)
    np.testing.assert_allclose(result["force_std"], expected.force_std, atol=1e-9)
    np.testing.assert_allclose(result["max_force_std"], expected.max_force_std, atol=1e-9)
    firsts = np.cumsum(expected.n_atoms) - expected.n_atoms
    np.testing.assert_allclose(result["rms_force_std"], expected.frame_force_std[firsts], atol=1e-9)


def test_gradient_of_the_energy_spread_is_its_finite_difference(exact):
    structures, step = walkers(), 1e-4
    gradient = evaluate(exact, structures)["energy_std_gradient"].numpy()
    assert np.abs(gradient).max() > 0.01
    for system, atom, first in ((0, 0, 0), (1, 2, 3), (2, 1, 9)):
        for axis in range(3):
            ends = []
            for sign in (1, -1):
                moved = [atoms.copy() for atoms in structures]
                moved[system].positions[atom, axis] += sign * step
                ends.append(exact.predict(Frames.from_atoms(moved)).energy_std[system])
            slope = (ends[0] - ends[1]) / (2 * step)
            assert gradient[first + atom, axis] == pytest.approx(slope, abs=1e-6)


def test_members_that_agree_and_a_committee_of_one_have_no_spread_and_no_gradient(exact):
    twins = Committee([exact.members[0]] * 2, exact.energy_offsets[[0, 0]], exact.cutoff)
    for committee in (twins, Committee(exact.members[:1], exact.energy_offsets[:1], exact.cutoff)):
        result = evaluate(committee, walkers())
        for name in ("energy_std", "energy_std_gradient", "force_std", "max_force_std", "rms_force_std"):
            assert result[name].count_nonzero() == 0


def test_nan_of_one_member_is_no_zero_spread():
    energies = torch.tensor([[1.0, 2.0], [torch.nan, 3.0]])
    std, gradient = energy_spread(energies, torch.rand(2, 4, 3), torch.tensor([0, 0, 1, 1]))
    assert std.isnan().tolist() == [True, False]
    assert gradient[:2].isnan().all() and gradient[2:].isfinite().all()
