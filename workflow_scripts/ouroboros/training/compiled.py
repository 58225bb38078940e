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

from ..graphs import COUNTS, PARTS
from .force_matching import ForceMatching
from .sums import training_sums

PAYS_FROM_STEPS = 5000  # compiling takes as long as it saves in some 2,000 to 4,000 steps


def reason_not_to_compile(training: dict[str, Any], device: str, steps: int) -> str:
    """Why the step is not compiled; empty when it is."""
    if training["compile"] == "never":
        return "training.compile is never"
    if training["stress_weight"] > 0:
        return "a step with stress is not compiled"
    if device != "cpu":
        return "the step is compiled on the CPU only, so far"
    if training["compile"] == "always":
        return ""
    if steps < PAYS_FROM_STEPS:
        return f"{steps} steps are fewer than {PAYS_FROM_STEPS}, from which it pays"
    compiler = os.environ.get("CXX", "g++" if sys.platform != "darwin" else "clang++")
    return "" if shutil.which(compiler) else f"there is no C++ compiler ({compiler})"


class CompiledStep:
    """A step for `ForceMatching`: what `eager_step` gives, in about half the time.

    The compiled function takes batches of one size only, that of the largest, so that it is compiled once. What is
    missing is filled up with atoms of a frame that does not count, bound to nothing.
    """

    def __init__(self, task: ForceMatching, frames: int, atoms: int, pairs: int, cutoff: float):
        """Prepare; the first call compiles.

        Args:
            task: gives model and loss.
            frames: the largest number in a batch.
            atoms: likewise.
            pairs: likewise.
            cutoff: Å.
        """
        self._task, self._energy = task, _Energy(task.model)
        self._frames, last = frames, atoms  # one atom more, for what is missing
        outside = [2 * cutoff, 0.0, 0.0]  # too far away to interact with itself
        self._fill: dict[str, tuple[int, Any]] = {  # of each tensor its whole length, and what it is filled up with
            properties.energy: (frames, 0.0),
            properties.Z: (atoms + 1, 0),
            properties.R: (atoms + 1, 0.0),
            properties.forces: (atoms + 1, 0.0),
            properties.idx_m: (atoms + 1, frames),
            properties.idx_i: (pairs, last),
            properties.idx_j: (pairs, last),
            properties.offsets: (pairs, torch.tensor(outside)),
        }
        self._names, self._weights = zip(*self._energy.named_parameters(), strict=True)
        self._function = torch.compile(grad_and_value(self._loss, has_aux=True), fullgraph=True, dynamic=False)

    def __call__(self, batch: dict[str, Any]) -> tuple[torch.Tensor, torch.Tensor]:
        """Loss of a batch, which knows its gradients already, and the sums that `eager_step` gives."""
        with _compilable():
            gradients, (loss, sums) = self._function(self._weights, self._filled_up(batch), batch.get(PARTS, 1))
        return _WithGradients.apply(loss.detach(), gradients, *self._weights), sums.detach()

    def __deepcopy__(self, memo: dict[int, Any]) -> "CompiledStep":
        """Itself: Lightning's moving average copies the whole task for the sake of its weights."""
        return self

    def _filled_up(self, batch: dict[str, Any]) -> dict[str, torch.Tensor]:
        filled = {}
        for name, (length, value) in self._fill.items():
            tensor = batch[name]
            filled[name] = whole = tensor.new_empty(length, *tensor.shape[1:])
            whole[: len(tensor)] = tensor
            whole[len(tensor) :] = value
        counts = batch.get(COUNTS) or {name: batch[name].numel() for name in (properties.energy, properties.forces)}
        filled |= {f"{COUNTS}{name}": torch.tensor(float(count)) for name, count in counts.items()}
        return filled

    def _loss(
        self, weights: tuple[torch.Tensor, ...], batch: dict[str, torch.Tensor], parts: int
    ) -> tuple[torch.Tensor, torch.Tensor]:
        named, frames = dict(zip(self._names, weights, strict=True)), self._frames

        def energy(positions: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
            energies = functional_call(self._energy, named, (batch, positions, frames + 1))[:frames]
            return energies.sum(), energies

        gradient, energies = grad(energy, has_aux=True)(batch[properties.R])
        prediction = {properties.energy: energies, properties.forces: -gradient}
        counts = {name: batch[f"{COUNTS}{name}"] for name in prediction}
        labels = {name: batch[name] for name in prediction} | {COUNTS: counts, PARTS: parts}
        loss = self._task.weighted(prediction, labels)
        return loss, training_sums(loss, prediction, labels)


class _Energy(torch.nn.Module):
    """The potential's energy alone; SchNetPack's own sum over atoms looks at the data for the number of frames."""

    def __init__(self, model: Any):
        super().__init__()
        self.inputs, self.representation = model.input_modules, model.representation
        self.per_atom = model.output_modules[0].outnet

    def forward(self, batch: dict[str, torch.Tensor], positions: torch.Tensor, frames: int) -> torch.Tensor:
        inputs = batch | {properties.R: positions}
        for module in self.inputs:
            inputs = module(inputs)
        per_atom = self.per_atom(self.representation(inputs)["scalar_representation"]).squeeze(-1)
        return per_atom.new_zeros(frames).index_add(0, batch[properties.idx_m], per_atom)


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
def _compilable() -> Iterator[None]:
    """SchNetPack's sum over neighbours is TorchScript, which the compiler cannot look into: a plain one for it."""
    scripted = schnetpack.nn.scatter._scatter_add
    schnetpack.nn.scatter._scatter_add = _scatter_add
    try:
        yield
    finally:
        schnetpack.nn.scatter._scatter_add = scripted


def _scatter_add(x: torch.Tensor, idx_i: torch.Tensor, dim_size: int, dim: int = 0) -> torch.Tensor:
    shape = [dim_size if i == dim else n for i, n in enumerate(x.shape)]
    return x.new_zeros(shape).index_add(dim, idx_i, x)
