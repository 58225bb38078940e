"""Dynamics that is drawn to where the committee is uncertain: hyperactive learning.

van der Oord, Sachs, Kovács, Ortner and Csányi, npj Comput. Mater. 9, 168 (2023): walkers move on E - τ σ_E, the mean
energy less the members' standard deviation times τ, so that the forces are F + τ ∇σ_E. τ follows from a relative
strength: the length of the bias is that share of the length of the mean force, both averaged over the time gone by.
"""

import torch
import torch_sim as ts
from torch_sim.models.interface import ModelInterface

PER_SYSTEM = ("bias_calls", "bias_strength", "bias_force", "bias_gradient")  # outputs with one entry a system
MEMORY_FS = 100.0  # time over which the lengths are averaged; before that, over all that went by


class BiasedModel(ModelInterface):
    """Adds the bias to the forces of a committee; energy and uncertainty stay the committee's own.

    The running averages are outputs of the model, which torch-sim keeps with the state, so that each walker has its own
    whoever joins or leaves the batch.
    """

    def __init__(self, model: ModelInterface, strength: float, timestep_fs: float):
        """Bias `model`.

        Args:
            model: gives `forces` and `energy_std_gradient`, (n_atoms, 3) eV/Å.
            strength: length of the bias over that of the mean force; 0.05 to 0.25 is usual.
            timestep_fs: time between two calls.
        """
        super().__init__()
        self.model, self.strength, self.share = model, strength, timestep_fs / MEMORY_FS
        self._device, self._dtype = model.device, model.dtype
        self._compute_forces, self._compute_stress = True, False

    def forward(self, state: ts.SimState, **_: object) -> dict[str, torch.Tensor]:
        """What the model says, with `forces` biased.

        Returns:
            the model's outputs, and committee_forces (n_atoms, 3) eV/Å without the bias, bias_strength (n_systems,) τ,
            and the averages: bias_calls, bias_force and bias_gradient (n_systems,).
        """
        output = self.model(state)
        forces, gradient = output["forces"], output["energy_std_gradient"]
        no_system = forces.new_zeros(len(output["energy"]))
        sizes = no_system.index_add(0, state.system_idx, torch.ones_like(forces[:, 0]))

        def mean_length(vectors: torch.Tensor) -> torch.Tensor:
            return no_system.index_add(0, state.system_idx, vectors.norm(dim=1)) / sizes

        calls = getattr(state, "bias_calls", no_system) + 1
        share = (1 / calls).clamp(min=self.share)
        averages = {}
        for name, now in (("bias_force", mean_length(forces)), ("bias_gradient", mean_length(gradient))):
            before = getattr(state, name, no_system)
            averages[name] = before + share * (now - before)
        strength = self.strength * averages["bias_force"] / averages["bias_gradient"].clamp(min=1e-12)
        return {
            **output,
            "forces": forces + strength[state.system_idx, None] * gradient,
            "committee_forces": forces,
            "bias_calls": calls,
            "bias_strength": strength,
            **averages,
        }
