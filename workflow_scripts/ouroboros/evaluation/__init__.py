"""The fast way to evaluate a committee: members stacked, pairs counted once, filters tabulated, kernels compiled.

`StackedCommittee` gives what SchNetPack's modules give, to rounding; `docs/performance.md` tells what each
idea is worth.
"""

from .filter_tables import TableTooCoarse
from .pairs import Pairs
from .stacked_committee import Evaluation, StackedCommittee, reason_not_to_stack

__all__ = ["Evaluation", "Pairs", "StackedCommittee", "TableTooCoarse", "reason_not_to_stack"]
