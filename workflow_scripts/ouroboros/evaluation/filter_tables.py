"""Filters as functions of the distance, tabulated: a polynomial of degree 5 on each interval of a fine grid.

SchNet computes a filter for every pair by a small network, which is most of its arithmetic; but a filter is a smooth
function of one number. Between the points of the grid the polynomial has their values, slopes and curvatures (quintic
Hermite interpolation), so that the energy has two continuous derivatives, and forces are its exact gradient.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch.func import jvp

TOLERANCE = {torch.float32: 1e-7, torch.float64: 1e-11}  # of the slopes, over the largest
FEWEST, MOST = 64, 4096  # intervals
ALLOWED = 10  # times the tolerance, of the finest table


class TableTooCoarse(ValueError):
    """A filter changes too fast with the distance for the finest table."""


@dataclass(frozen=True)
class FilterTable:
    """The filters of one interaction, of all members.

    Attributes:
        coefficients: (n_members, intervals, 6, n_filters) of the powers of the place within the interval, from 0 to 1.
        cutoff: Å, where the last interval ends.
        features: of an atom; a pair may have several filters for each.
    """

    coefficients: torch.Tensor
    cutoff: float
    features: int

    @property
    def intervals(self) -> int:
        """How many there are."""
        return self.coefficients.shape[1]


def tabulate(
    filters: Sequence[Callable[[torch.Tensor], torch.Tensor]], cutoff: float, features: int, dtype: torch.dtype
) -> FilterTable:
    """Tabulate one function a member, on a grid as fine as the precision asks for.

    Args:
        filters: each takes (n,) distances in Å, double precision, and gives (n, n_filters), cutoff function included.
        cutoff: Å.
        features: of an atom.
        dtype: of the table.

    Raises:
        TableTooCoarse: MOST intervals are too few.
    """
    intervals, error = FEWEST // 2, float("inf")
    while error > TOLERANCE[dtype] and intervals < MOST:
        intervals *= 2
        tables = [_interpolate(function, cutoff, intervals) for function in filters]
        error = max(_error(function, cutoff, table) for function, table in zip(filters, tables, strict=True))
    if error > ALLOWED * TOLERANCE[dtype]:
        raise TableTooCoarse(
            f"a filter changes too fast with the distance for a table of {MOST} intervals (its slopes are off by "
            f"{error:.1e} of the largest, {ALLOWED * TOLERANCE[dtype]:.0e} is allowed)"
        )
    return FilterTable(torch.stack(tables).to(dtype).contiguous(), cutoff, features)


def _interpolate(function: Callable[[torch.Tensor], torch.Tensor], cutoff: float, intervals: int) -> torch.Tensor:
    """(intervals, 6, n_filters) coefficients."""
    width = cutoff / intervals
    points = torch.arange(intervals + 1, dtype=torch.float64) * width
    points[0] = 1e-3 * width  # a Bessel function divides by the distance
    points[-1] = cutoff * (1 - 1e-12)  # the curvature from inside: a cutoff function is zero from there on
    return _hermite(_derivatives(function, points), width)


def _error(function: Callable[[torch.Tensor], torch.Tensor], cutoff: float, c: torch.Tensor) -> float:
    """The largest error of a slope, over the largest slope; looked for where t³(1-t)³, the error's shape, is steepest.

    Below a tenth of the cutoff no atoms meet.
    """
    place, intervals = 0.2764, len(c)
    first = intervals // 10
    slopes = sum(n * c[:, n] * place ** (n - 1) for n in range(1, 6)) * (intervals / cutoff)
    exact = _derivatives(function, (torch.arange(intervals, dtype=torch.float64) + place) * (cutoff / intervals))[1]
    return float((slopes - exact)[first:].abs().max() / exact[first:].abs().max())


def _derivatives(function: Callable[[torch.Tensor], torch.Tensor], points: torch.Tensor) -> tuple[torch.Tensor, ...]:
    """(n, n_filters) values, slopes and curvatures at (n,) points."""
    ones = torch.ones_like(points)

    def slope(x: torch.Tensor) -> torch.Tensor:
        return jvp(function, (x,), (ones,))[1]

    with torch.no_grad():
        return function(points), *jvp(slope, (points,), (ones,))


def _hermite(known: tuple[torch.Tensor, ...], width: float) -> torch.Tensor:
    """(intervals, 6, n_filters) coefficients of the quintic that has what is given at both ends of each interval."""
    (p0, p1), (v0, v1), (a0, a1) = (
        (scaled[:-1], scaled[1:]) for scaled in (derivative * width**order for order, derivative in enumerate(known))
    )
    rise = p1 - p0
    return torch.stack(
        [
            p0,
            v0,
            a0 / 2,
            10 * rise - 6 * v0 - 4 * v1 - (3 * a0 - a1) / 2,
            -15 * rise + 8 * v0 + 7 * v1 + (3 * a0 - 2 * a1) / 2,
            6 * rise - 3 * (v0 + v1) - (a0 - a1) / 2,
        ],
        dim=1,
    )
