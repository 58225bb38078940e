"""One training step as one compiled function: loss, and its gradient by every weight.

Torch cannot compile a backward pass through a backward pass, which forces in a loss need. Written with `torch.func`,
the whole step (energy, its gradient by the positions, the loss, its gradient by the weights) is one plain computation,
which the compiler fuses. The network, its weights and the numbers are SchNetPack's, to rounding.
"""

import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import schnetpack.nn.scatter
import torch
from schnetpack import properties
from torch.func import functional_call, grad, grad_and_value

from .force_matching import ForceMatching, absolute_errors

PAYS_FROM_STEPS = 5000  # compiling takes as long as it saves in some 2,000 to 4,000 steps
NEEDED = (
    properties.n_atoms, properties.Z, properties.R, properties.idx_m, properties.idx_i, properties.idx_j,
    properties.offsets, properties.energy, properties.forces,
)  # fmt: skip


def reason_not_to_compile(training: dict[str, Any], device: str, steps: int) -> str:
    """Why the step is not compiled; empty when it is."""
    if training["compile"] == "never":
        return "training.compile is never"
    if training["stress_weight"] > 0:
        return "a step with stress is not compiled"
    if training["accumulation"] > 1:
        return "a step in several parts is not compiled"
    if training["compile"] == "always":
        return ""
    if device != "cpu":
        return "training.compile is auto, which compiles on the CPU only"
    if steps < PAYS_FROM_STEPS:
        return f"{steps} steps are fewer than {PAYS_FROM_STEPS}, from which it pays"
    compiler = os.environ.get("CXX", "g++" if sys.platform != "darwin" else "clang++")
    return "" if shutil.which(compiler) else f"there is no C++ compiler ({compiler})"


class CompiledStep:
    """A step for `ForceMatching`: what `eager_step` gives, in about half the time."""

    def __init__(self, task: ForceMatching):
        self._task, self._energy = task, _Energy(task.model)
        self._names, self._weights = zip(*self._energy.named_parameters(), strict=True)
        self._function = torch.compile(grad_and_value(self._loss, has_aux=True), fullgraph=True, dynamic=True)

    def __call__(self, batch: dict[str, Any]) -> tuple[torch.Tensor, torch.Tensor]:
        """Loss of a batch, which knows its gradients already, and the sums that `eager_step` gives."""
        with _without_script():
            gradients, (loss, sums) = self._function(self._weights, {name: batch[name] for name in NEEDED})
        return _WithGradients.apply(loss.detach(), gradients, *self._weights), sums.detach()

    def __deepcopy__(self, memo: dict[int, Any]) -> "CompiledStep":
        """Itself: Lightning's moving average copies the whole task for the sake of its weights."""
        return self

    def _loss(self, weights: tuple[torch.Tensor, ...], batch: dict[str, Any]) -> tuple[torch.Tensor, torch.Tensor]:
        named = dict(zip(self._names, weights, strict=True))

        def energy(positions: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
            energies = functional_call(self._energy, named, (batch, positions))
            return energies.sum(), energies

        gradient, energies = grad(energy, has_aux=True)(batch[properties.R])
        prediction = {properties.energy: energies, properties.forces: -gradient}
        loss = self._task.weighted(prediction, batch)
        return loss, absolute_errors(loss, prediction, batch)


class _Energy(torch.nn.Module):
    """The potential's energy alone; SchNetPack's own sum over atoms looks at the data for the number of frames."""

    def __init__(self, model: torch.nn.Module):
        super().__init__()
        self.inputs, self.representation = model.input_modules, model.representation
        self.per_atom = model.output_modules[0].outnet

    def forward(self, batch: dict[str, torch.Tensor], positions: torch.Tensor) -> torch.Tensor:
        inputs = batch | {properties.R: positions}
        for module in self.inputs:
            inputs = module(inputs)
        per_atom = self.per_atom(self.representation(inputs)["scalar_representation"]).squeeze(-1)
        return per_atom.new_zeros(batch[properties.n_atoms].shape[0]).index_add(0, batch[properties.idx_m], per_atom)


class _WithGradients(torch.autograd.Function):
    """A loss whose backward pass hands over gradients that are known already."""

    @staticmethod
    def forward(ctx: Any, loss: torch.Tensor, gradients: tuple[torch.Tensor, ...], *weights: torch.Tensor) -> Any:
        ctx.gradients = gradients
        return loss

    @staticmethod
    def backward(ctx: Any, scale: torch.Tensor) -> Any:
        return None, None, *(ctx.gradients if scale == 1 else torch._foreach_mul(ctx.gradients, scale))


@contextmanager
def _without_script() -> Iterator[None]:
    """SchNetPack's sum over neighbours is a TorchScript function, which the compiler cannot look into."""
    scripted = schnetpack.nn.scatter._scatter_add
    schnetpack.nn.scatter._scatter_add = _scatter_add
    try:
        yield
    finally:
        schnetpack.nn.scatter._scatter_add = scripted


def _scatter_add(x: torch.Tensor, idx_i: torch.Tensor, dim_size: int, dim: int = 0) -> torch.Tensor:
    shape = [dim_size if i == dim else n for i, n in enumerate(x.shape)]
    return x.new_zeros(shape).index_add(dim, idx_i, x)
