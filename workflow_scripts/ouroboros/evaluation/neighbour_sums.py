"""The sums over neighbours as differentiable functions: what the compiled kernels compute, for autograd.

Shapes: M members, N atoms, P pairs, F features. Tables are those of `filter_tables`.
"""

import ctypes
from collections.abc import Sequence
from typing import Any

import torch
from torch.autograd.function import once_differentiable

from .compiler import load_kernels
from .filter_tables import FilterTable
from .pairs import Pairs


class _Sizes(ctypes.Structure):
    _fields_ = [
        *((name, ctypes.c_int64) for name in ("members", "systems", "atoms", "pairs", "features", "intervals")),
        ("threads", ctypes.c_int64),
        ("cutoff", ctypes.c_double),
    ]


class _List(ctypes.Structure):
    _fields_ = [(name, ctypes.c_void_p) for name in ("i", "j", "starts")]


def _call(
    kernel: str, pairs: Pairs, table: FilterTable, atoms: int, arrays: Sequence[torch.Tensor],
    outputs: Sequence[torch.Tensor],
) -> None:  # fmt: skip
    """Hand the arrays, made contiguous, to a kernel that adds to the outputs."""
    arrays = [table.coefficients, *(array.contiguous() for array in arrays)]
    sizes = _Sizes(
        len(table.coefficients), len(pairs.starts) - 1, atoms, len(pairs.idx_i), table.features, table.intervals,
        torch.get_num_threads(), table.cutoff,
    )  # fmt: skip
    lists = _List(pairs.idx_i.data_ptr(), pairs.idx_j.data_ptr(), pairs.starts.data_ptr())
    function = getattr(load_kernels(), f"{kernel}_{str(table.coefficients.dtype).removeprefix('torch.')}")
    pointers = [ctypes.c_void_p(tensor.data_ptr()) for tensor in (*arrays, *outputs)]
    function(ctypes.byref(sizes), ctypes.byref(lists), *pointers)


def _zeros_like(tensor: torch.Tensor) -> torch.Tensor:
    return torch.zeros_like(tensor, memory_format=torch.contiguous_format)


class SchNetSum(torch.autograd.Function):
    """The continuous-filter convolution of SchNet (Schütt 2018): out_i = sum_j W(r_ij) x_j.

    Example:
        out = SchNetSum.apply(distances, x, pairs, table)  # (M, P), (M, N, F) -> (M, N, F)
    """

    @staticmethod
    def forward(ctx: Any, distances: torch.Tensor, x: torch.Tensor, pairs: Pairs, table: FilterTable) -> torch.Tensor:
        """What `apply` returns."""
        out = _zeros_like(x)
        _call("schnet", pairs, table, x.shape[1], [distances, x], [out])
        ctx.save_for_backward(distances, x)
        ctx.pairs, ctx.table = pairs, table
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: torch.Tensor) -> Any:
        """By distances and x."""
        saved = ctx.saved_tensors
        by_distances, by_x = (_zeros_like(tensor) for tensor in saved)
        _call("schnet_backward", ctx.pairs, ctx.table, by_x.shape[1], [*saved, gradient], [by_x, by_distances])
        return by_distances, by_x, None, None


class PaiNNSum(torch.autograd.Function):
    """The messages of PaiNN (Schütt 2021): with (a, b, c) = W(r_ij) x_j, q_i = sum_j a, mu_i = sum_j b d_ij + c mu_j.

    Example:
        q, mu = PaiNNSum.apply(distances, directions, x, mu, pairs, table)
        # (M, P), (M, P, 3), (M, N, 3F), (M, N, 3, F) -> (M, N, F), (M, N, 3, F)
    """

    @staticmethod
    def forward(
        ctx: Any,
        distances: torch.Tensor,
        directions: torch.Tensor,
        x: torch.Tensor,
        mu: torch.Tensor,
        pairs: Pairs,
        table: FilterTable,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """What `apply` returns."""
        out = x.new_zeros(*x.shape[:2], table.features), _zeros_like(mu)
        _call("painn", pairs, table, x.shape[1], [distances, directions, x, mu], out)
        ctx.save_for_backward(distances, directions, x, mu)
        ctx.pairs, ctx.table = pairs, table
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, by_q: torch.Tensor, by_mu: torch.Tensor) -> Any:
        """By distances, directions, x and mu."""
        saved = ctx.saved_tensors
        by_distances, by_directions, by_x, by_mu_j = (_zeros_like(tensor) for tensor in saved)
        outputs = [by_x, by_mu_j, by_distances, by_directions]
        _call("painn_backward", ctx.pairs, ctx.table, by_x.shape[1], [*saved, by_q, by_mu], outputs)
        return by_distances, by_directions, by_x, by_mu_j, None, None
