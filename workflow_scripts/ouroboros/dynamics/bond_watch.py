"""Bonds that break or form, found at every step for all walkers at once.

Two atoms are bonded once they are closer than MADE times the sum of their covalent radii, until they are apart beyond
BROKEN times; between the two a pair keeps the state that it had. Pairs of two metals are left out.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from ase.data import chemical_symbols, covalent_radii
from torch_sim.integrators import MDState
from torch_sim.neighbors import torchsim_nl

from ..contacts import BROKEN, MADE, NON_METALS
from ..pair_lists import MadeAt
from ..torchsim_model import ALL_PAIRS_UP_TO, all_pairs

SKIN = 1.0  # Å beyond the broken bond: pairs are searched again once an atom has moved by half of this
BONDED, BETWEEN, APART = 1, 0, -1
MOST_ATOMS, IMAGES = 2**16, 32  # of a walker, and periodic images along each vector: a pair's name fits in 63 bits
PAIRS = MOST_ATOMS**2 * IMAGES**3  # names that a walker has


@dataclass(frozen=True)
class _Pairs:
    """Pairs that may be bonded, those of one system after another.

    Attributes:
        first, second: (n_pairs,) atoms; system: (n_pairs,).
        shifts: (n_pairs, 3) cell vectors between the two, None where nothing is periodic.
        radii: (n_pairs,) sum of the covalent radii, Å.
        made_at: where all stood when the pairs were found; None for pairs that hold for good.
        names: (n_pairs,) what tells a pair for ever: walker, atoms, image.
        numbers: (n_pairs,) 0, 1, ...
    """

    first: torch.Tensor
    second: torch.Tensor
    system: torch.Tensor
    shifts: torch.Tensor | None
    radii: torch.Tensor
    made_at: MadeAt | None
    names: np.ndarray
    numbers: torch.Tensor


class BondWatch:
    """The bonds of the walkers in a batch, which it knows by their numbers; those looked at before are remembered."""

    def __init__(self) -> None:
        self._walkers: list[int] = []  # in the batch
        self._known: set[int] = set()  # ever seen
        self._pairs: _Pairs | None = None
        self._bonded = torch.zeros(0, dtype=torch.int8)
        self._away = np.zeros(0, np.int64), np.zeros(0, np.int8)  # names and states, of walkers not in the batch

    def look(self, state: MDState, walkers: Sequence[int]) -> tuple[torch.Tensor, torch.Tensor]:
        """Compare with the step before.

        Args:
            state: the batch.
            walkers: the number of each system's walker.

        Returns:
            (n_systems,) a pair at a distance that its state forbids and -1 where there is none, for `remember` to tell
            what happened, and (n_systems,) by how much the pairs kept are out of date, Å; past SKIN / 2 `search` has to
            be called and the step looked at again.
        """
        if walkers != self._walkers:
            self.search(state, walkers)
        pairs = self._pairs
        assert pairs is not None
        distances = self._distances(state, pairs)
        outside = (distances < self._nearest) | (distances >= self._farthest)
        found = self._nothing.scatter_reduce(0, pairs.system, torch.where(outside, pairs.numbers, -1), "amax")
        return found, self._moved(state, pairs)

    def remember(self, state: MDState) -> list[str]:
        """Call it after a look that found something: this step is what the next is compared with.

        Returns:
            What happened in each system, in words: one bond that broke or formed, "" where none did. A pair of a new
            walker that began between the two limits is taken for what it is seen to be first.
        """
        pairs, words = self._pairs, [""] * len(self._walkers)
        assert pairs is not None
        now = self._states(state, pairs)
        changed = (now != BETWEEN) & (self._bonded != BETWEEN) & (now != self._bonded)
        for pair in torch.nonzero(changed)[:, 0].tolist():
            words[int(pairs.system[pair])] = self._describe(state, pair, broken=int(now[pair]) == APART)
        self._compare_with(torch.where(now == BETWEEN, self._bonded, now))
        return words

    def _compare_with(self, bonded: torch.Tensor) -> None:
        """From now on a pair is found at a distance that its state forbids."""
        assert self._pairs is not None
        self._bonded, radii = bonded, self._pairs.radii
        self._nearest = torch.where(bonded == BONDED, 0.0, MADE * radii)
        self._farthest = torch.where(bonded == APART, torch.inf, BROKEN * radii)
        self._nothing = torch.full((len(self._walkers),), -1, device=bonded.device)

    def _describe(self, state: MDState, pair: int, broken: bool) -> str:
        assert self._pairs is not None
        first, second = int(self._pairs.first[pair]), int(self._pairs.second[pair])
        start = int((state.system_idx < self._pairs.system[pair]).sum())
        symbols = "-".join(chemical_symbols[int(state.atomic_numbers[atom])] for atom in (first, second))
        length = float(self._distances(state, self._pairs)[pair])
        what = "broken" if broken else "formed"
        return f"{symbols} bond {what} (atoms {first - start} and {second - start} at {length:.2f} Å)"

    def search(self, state: MDState, walkers: Sequence[int]) -> None:
        """Find the pairs anew; what is known of their bonds stays known.

        Args:
            state: the batch.
            walkers: the number of each system's walker.
        """
        names, bonded = self._away
        if self._pairs is not None:
            names = np.concatenate([names, self._pairs.names])
            bonded = np.concatenate([bonded, self._bonded.cpu().numpy()])
        pairs = _find(state, walkers)
        order = np.argsort(names)
        place = np.searchsorted(names, pairs.names, sorter=order)
        place = order[np.minimum(place, len(names) - 1)] if len(names) else np.zeros(len(pairs.names), int)
        kept = names[place] == pairs.names if len(names) else np.zeros(len(pairs.names), bool)
        # A pair that was not near when its walker was last looked at was no bond; of a new walker the distance tells.
        fresh = np.array([walker not in self._known for walker in walkers])[pairs.system.cpu().numpy()]
        states = np.where(fresh, self._states(state, pairs).cpu().numpy(), APART).astype(np.int8)
        states[kept] = bonded[place[kept]]
        away = ~np.isin(names // PAIRS, list(walkers)) & (bonded != APART)
        self._away = names[away], bonded[away]
        self._pairs, self._walkers, self._known = pairs, list(walkers), self._known | set(walkers)
        self._compare_with(torch.tensor(states, device=state.device))

    def dump(self) -> dict[str, Any]:
        """What the next look is compared with."""
        kept = {"walkers": self._walkers, "known": self._known, "pairs": self._pairs, "bonded": self._bonded}
        return {**kept, "away": self._away}

    def restore(self, content: dict[str, Any]) -> None:
        """Take up what `dump` told."""
        self._walkers, self._known, self._pairs = content["walkers"], content["known"], content["pairs"]
        self._away = content["away"]
        self._compare_with(content["bonded"])

    @staticmethod
    def _distances(state: MDState, pairs: _Pairs) -> torch.Tensor:
        vectors = state.positions[pairs.second] - state.positions[pairs.first]
        if pairs.shifts is not None:
            cells = state.row_vector_cell[pairs.system]
            vectors = vectors + (pairs.shifts[:, None, :] @ cells).squeeze(1)
        return vectors.norm(dim=1)

    def _states(self, state: MDState, pairs: _Pairs) -> torch.Tensor:
        scaled = self._distances(state, pairs) / pairs.radii
        return (scaled < MADE).to(torch.int8) - (scaled >= BROKEN).to(torch.int8)

    def _moved(self, state: MDState, pairs: _Pairs) -> torch.Tensor:
        if pairs.made_at is None:
            return state.energy.new_zeros(len(self._walkers))
        return pairs.made_at.out_of_date(state)


def _find(state: MDState, walkers: Sequence[int]) -> _Pairs:
    """Each pair once: every one of small molecules, else those within a broken bond and SKIN."""
    sizes, radius = state.n_atoms_per_system, torch.tensor(covalent_radii, device=state.device)
    if not bool(state.pbc.any()) and int(sizes.max()) <= ALL_PAIRS_UP_TO:
        (first, second), shifts, made_at = all_pairs(sizes), None, None
    else:
        reach = BROKEN * 2 * float(radius[state.atomic_numbers].max()) + SKIN
        mapping, _, shifts = torchsim_nl(
            state.positions, state.row_vector_cell, state.pbc, reach, state.system_idx, self_interaction=False
        )
        first, second, made_at = mapping[0].long(), mapping[1].long(), MadeAt.of(state, reach)
    numbers = state.atomic_numbers
    non_metal = torch.isin(numbers, torch.tensor(NON_METALS, device=numbers.device, dtype=numbers.dtype))
    wanted = (first < second) & (non_metal[first] | non_metal[second])
    first, second = first[wanted], second[wanted]
    system, starts = state.system_idx[first], sizes.cumsum(0) - sizes
    image = torch.zeros_like(first)
    if shifts is not None:
        shifts = shifts[wanted].to(state.dtype)
        folded = (shifts.round().long() + IMAGES // 2).clamp(0, IMAGES - 1)
        image = (folded[:, 0] * IMAGES + folded[:, 1]) * IMAGES + folded[:, 2]
    walker = torch.tensor(list(walkers), device=state.device)[system]
    names = (walker * MOST_ATOMS + first - starts[system]) * MOST_ATOMS + second - starts[system]
    names = names * IMAGES**3 + image
    return _Pairs(
        first,
        second,
        system,
        shifts if bool(state.pbc.any()) else None,
        radius[numbers[first]] + radius[numbers[second]],
        made_at,
        names.cpu().numpy(),
        torch.arange(len(first), device=first.device),
    )
