"""Layers of several networks of one shape, their weights stacked, so that one call serves all members."""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from schnetpack.nn import Dense
from torch import nn


class StackedDense:
    """SchNetPack's `Dense` of every member: (n_members, n, n_in) to (n_members, n, n_out)."""

    def __init__(self, layers: Sequence[Dense], dtype: torch.dtype):
        self.weight = torch.stack([layer.weight.detach().T for layer in layers]).to(dtype).contiguous()
        self.bias = None
        if layers[0].bias is not None:
            self.bias = torch.stack([layer.bias.detach()[None] for layer in layers]).to(dtype)
        activation: Any = layers[0].activation
        self.activation: Callable[[torch.Tensor], torch.Tensor] | None = (
            None if isinstance(activation, nn.Identity) else activation
        )

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        """Any shape that begins with the members and ends with the features."""
        flat = x.reshape(len(x), -1, x.shape[-1])
        y = flat @ self.weight if self.bias is None else torch.baddbmm(self.bias, flat, self.weight)
        y = y.view(*x.shape[:-1], y.shape[-1])
        return y if self.activation is None else self.activation(y)


class StackedSequence:
    """`Dense` layers one after another."""

    def __init__(self, sequences: Sequence[Sequence[Dense]], dtype: torch.dtype):
        self.layers = [StackedDense(layers, dtype) for layers in zip(*sequences, strict=True)]

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        """All layers."""
        for layer in self.layers:
            x = layer(x)
        return x


def stacked_embedding(embeddings: Sequence[nn.Embedding], dtype: torch.dtype) -> torch.Tensor:
    """(n_members, n_elements, n_features)."""
    return torch.stack([embedding.weight.detach() for embedding in embeddings]).to(dtype)
