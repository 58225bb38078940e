"""Biased walkers are drawn to where the committee is uncertain."""

from dataclasses import replace

import numpy as np
import pytest
import torch
import torch_sim as ts
from ase import Atoms, units
from ase.build import molecule
from known_potentials import wells

from ouroboros.calibration import gaussian
from ouroboros.dynamics import Limits, langevin, run_walkers
from ouroboros.dynamics.bias import BiasedModel
from ouroboros.torchsim_model import CommitteeModel

STRENGTH = 0.25
# ASE divides by a moment of inertia of zero, and drops the result, where a molecule is linear.
pytestmark = pytest.mark.filterwarnings("ignore:(divide by zero|invalid value) encountered:RuntimeWarning:ase")


def state_of(model, images):
    return ts.initialize_state(images, model.device, model.dtype)


def lengths(vectors):
    return vectors.norm(dim=1).mean().item()


def test_the_bias_has_its_share_of_the_mean_force_and_goes_up_the_gradient(committee):
    model = CommitteeModel(committee)
    atoms = molecule("CH3OH")
    atoms.rattle(0.05, seed=1)
    output = BiasedModel(model, STRENGTH, timestep_fs=0.5)(state_of(model, [atoms, molecule("H2O")]))
    plain = model(state_of(model, [atoms, molecule("H2O")]))
    torch.testing.assert_close(output["committee_forces"], plain["forces"])
    torch.testing.assert_close(output["max_force_std"], plain["max_force_std"])
    bias = output["forces"] - plain["forces"]
    for atoms_of_one in (slice(0, 6), slice(6, 9)):
        assert lengths(bias[atoms_of_one]) == pytest.approx(STRENGTH * lengths(plain["forces"][atoms_of_one]), rel=1e-6)
    step = 1e-3  # along the bias the standard deviation of the energy grows by its gradient's length
    moved = atoms.copy()
    direction = bias[:6] / bias[:6].norm()
    moved.positions += step * direction.numpy()
    grown = model(state_of(model, [moved, molecule("H2O")]))["energy_std"][0] - plain["energy_std"][0]
    assert grown.item() == pytest.approx(step * plain["energy_std_gradient"][:6].norm().item(), rel=0.05, abs=2e-5)


def test_lengths_are_averaged_over_the_time_that_went_by():
    """Two wells at x: the force is 1.5 x, the gradient x / sqrt(2) times 1; doubled at the second call, then kept."""
    model = CommitteeModel(wells(1.0, 2.0))
    biased, averages, state = BiasedModel(model, STRENGTH, timestep_fs=10.0), [], None
    for x in (1.0, 2.0, 2.0):
        fresh = state_of(model, [Atoms("H", [[x, 0, 0]]), Atoms("H2", [[x, 0, 0], [x, 0, 0]])])
        if state is not None:
            fresh.store_model_extras(state)
        state = biased(fresh)
        averages.append(state["bias_force"][0].item())
    np.testing.assert_allclose(averages, [1.5, 2.25, 2.5], rtol=1e-6)  # over all that went by, less than ten calls
    for _ in range(30):
        fresh = state_of(model, [Atoms("H", [[4.0, 0, 0]]), Atoms("H2", np.full((2, 3), 1.0))])
        fresh.store_model_extras(state)
        state = biased(fresh)
    # From ten calls on (100 fs) each counts a tenth: what was before has faded to less than a fifth.
    assert 0.8 < (state["bias_force"][0].item() - 2.5) / (6.0 - 2.5) < 1.0


def test_biased_walkers_reach_a_higher_uncertainty_at_the_same_temperature():
    """Two wells: the bias opposes the mean force by its share, so that both spread as in a well that much weaker.

    Mean stiffness k, strength b: <x²> = kT / (k (1 - b)), and the uncertainty is proportional to the distance.
    """
    starts, committee = [Atoms("He2")] * 150, wells(1.0, 2.0)

    def explore(bias):
        walks = run_walkers(
            starts,
            committee,
            temperatures_K=300.0,
            timestep_fs=2.0,
            steps=300,
            stride=50,
            rng=np.random.default_rng(4),
            ensemble=langevin(20.0),
            limits=Limits(calibration=replace(gaussian(), scale=2.0)),
            bias=bias,
        )
        squares = np.mean([np.square(walk.positions[3:]) for walk in walks])
        return walks, squares, np.mean([walk.temperature_K[3:] for walk in walks])

    (plain, narrow, cool), (biased, wide, warm) = explore(0.0), explore(STRENGTH)
    # 900 coordinates at 4 nearly independent times: sqrt(2 / 3600) = 2.4 %.
    assert narrow == pytest.approx(units.kB * 300.0 / 1.5, rel=0.1)
    assert wide / narrow == pytest.approx(1 / (1 - STRENGTH), rel=0.1)
    assert cool == pytest.approx(300.0, rel=0.1) and warm == pytest.approx(300.0, rel=0.1)
    usual = [np.mean([walk.uncertainty[3:] for walk in walks]) for walks in (plain, biased)]
    assert usual[1] > 1.05 * usual[0]
    # What is kept is the committee's own: uncertainty and force of the unbiased wells.
    walk = biased[0]
    farthest = np.linalg.norm(walk.positions[-1], axis=1).max()
    assert walk.uncertainty[-1] == pytest.approx(2.0 * farthest / np.sqrt(2), rel=1e-4)
    assert walk.max_force[-1] == pytest.approx(1.5 * farthest, rel=1e-4)
    assert walk.potential_eV[-1] == pytest.approx(0.75 * np.square(walk.positions[-1]).sum(), rel=1e-4)
