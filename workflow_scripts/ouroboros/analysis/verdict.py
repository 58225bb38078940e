"""Pass or fail with a written reason; a value that is not finite fails, whatever it is compared with."""

import math
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Check:
    """The outcome of one check.

    Attributes:
        passed: whether the run is sound in this respect.
        reason: one sentence with the number, the limit and their unit.
    """

    passed: bool
    reason: str


def at_most(value: float, limit: float, what: str, unit: str = "") -> Check:
    """Pass when `value` is finite and does not exceed `limit`.

    Args:
        value: the measured number, in `unit`.
        limit: the largest value allowed, in `unit`.
        what: the name of the quantity, used in the reason.
        unit: its unit; empty for a pure number.

    Returns:
        A verdict whose reason names value and limit.

    Raises:
        ValueError: the limit itself is not a number.
    """
    if math.isnan(limit):
        raise ValueError(f"The limit of the {what} is not a number")
    unit = f" {unit}" if unit else ""
    if not math.isfinite(value):
        return Check(False, f"the {what} is not a finite number")
    if value > limit:
        return Check(False, f"the {what} is {value:.3g}{unit}, above the limit of {limit:.3g}{unit}")
    return Check(True, f"the {what} is {value:.3g}{unit}, within the limit of {limit:.3g}{unit}")


def all_of(verdicts: Sequence[Check]) -> Check:
    """Pass when every verdict passes; the reasons of the failures come first and alone.

    Raises:
        ValueError: there is no verdict to combine.
    """
    if not verdicts:
        raise ValueError("No verdict to combine: nothing was checked")
    failed = [verdict.reason for verdict in verdicts if not verdict.passed]
    return Check(not failed, "; ".join(failed or [verdict.reason for verdict in verdicts]))
