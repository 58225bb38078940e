"""What is measured of every walker at every step, and which of them have to stop."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import torch
import torch_sim as ts
from ase import units
from scipy.stats import chi2
from torch_sim.integrators import MDState

from .bond_watch import SKIN, BondWatch
from .energy_jump import energy_jump
from .limits import Limits

PER_SYSTEM = (
    "potential",
    "kinetic",
    "spread",
    "frame_spread",
    "energy_std",
    "closest",
    "largest_force",
    "gap",
    "pair",
    "moved",
)
CHANCE = 1e-9  # that a sound walker of few degrees of freedom is taken for too hot, at one step


@dataclass(frozen=True)
class Seen:
    """The walkers of a batch at one step, each array one entry a walker.

    Attributes:
        potential, kinetic: eV, the potential without the atoms' offsets.
        temperature: K.
        uncertainty: the largest of the atoms, calibrated, eV/Å; largest_force: eV/Å.
        energy_std: the members' standard deviation, eV.
        bonds: what happened to a bond, in words; "" where nothing did.
        reasons: why a walker has to stop, None where it may go on.
    """

    potential: np.ndarray
    kinetic: np.ndarray
    temperature: np.ndarray
    uncertainty: np.ndarray
    energy_std: np.ndarray
    largest_force: np.ndarray
    bonds: list[str]
    reasons: list[str | None]


class Watch:
    """Looks at every walker of a batch at every step, with one transfer from the device."""

    def __init__(self, limits: Limits) -> None:
        self.limits, self.bonds = limits, BondWatch()

    def look(
        self,
        state: MDState,
        walkers: Sequence[int],
        freedom: np.ndarray,
        targets_K: np.ndarray,
        own_steps: np.ndarray,
    ) -> Seen:
        """Measure the walkers and find those that have to stop; NaN fails every comparison on purpose.

        Args:
            state: the batch.
            walkers: number of each system's walker.
            freedom: (n_systems,) degrees of freedom.
            targets_K: (n_systems,) temperatures that the walkers should have.
            own_steps: (n_systems,) steps since each began.

        Returns:
            What was measured, and for each walker the first reason to stop it.
        """
        rows = self._measure(state, walkers)
        values = dict(zip(PER_SYSTEM, rows, strict=True))
        temperature = 2 * values["kinetic"] / (units.kB * freedom)
        # the error rises with the spread at a fixed spread of the frame: the largest spread has the largest error
        uncertainty = self.limits.calibration.expected_error(values["spread"], values["frame_spread"])
        bonds = self.bonds.remember(state) if (values["pair"] >= 0).any() else [""] * len(walkers)
        needed = [values[name] for name in ("potential", "kinetic", "spread", "largest_force", "gap")]
        finite = np.isfinite(needed).all(axis=0)
        reasons = [
            self._reason(
                finite=bool(finite[i]),
                contact=values["closest"][i],
                jump=values["gap"][i],
                bond=bonds[i],
                uncertainty=uncertainty[i] if own_steps[i] >= self.limits.grace_steps else 0.0,
                temperature=float(temperature[i]),
                hottest_K=float(targets_K[i]) * max(self.limits.max_temperature_factor, hottest_by_chance(freedom[i])),
            )
            for i in range(len(walkers))
        ]
        return Seen(
            values["potential"],
            values["kinetic"],
            temperature,
            uncertainty,
            values["energy_std"],
            values["largest_force"],
            bonds,
            reasons,
        )

    def _measure(self, state: MDState, walkers: Sequence[int]) -> np.ndarray:
        """(10, n_systems) PER_SYSTEM, brought from the device at once."""
        system, n = state.system_idx, len(walkers)
        forces = getattr(state, "committee_forces", state.forces)  # the state's own bend under a bias
        largest = forces.new_zeros(n).scatter_reduce(0, system, forces.norm(dim=1), "amax")
        pair, moved = self.bonds.look(state, walkers)
        rows = torch.stack(
            [
                state.energy,
                ts.calc_kinetic_energy(masses=state.masses, momenta=state.momenta, system_idx=system),
                state.max_force_std,
                state.rms_force_std,
                state.energy_std,
                state.closest_contact,
                largest,
                energy_jump(state, forces, n),
                pair.to(largest.dtype),
                moved,
            ]
        )
        measured = rows.cpu().numpy()
        if (measured[-1] > SKIN / 2).any():
            self.bonds.search(state, walkers)
            pair, _ = self.bonds.look(state, walkers)
            measured[-2] = pair.cpu().numpy()
        return measured

    def _reason(
        self,
        *,
        finite: bool,
        contact: float,
        jump: float,
        bond: str,
        uncertainty: float,
        temperature: float,
        hottest_K: float,
    ) -> str | None:
        limits = self.limits
        if not finite:
            return "energy, forces, velocities or uncertainty are not finite"
        if contact < limits.closest_contact:
            return f"two atoms at {contact:.2f} of their covalent distance"
        if abs(jump) > limits.max_energy_jump:
            return f"energy jump of {jump:.2f} eV that no force explains"
        if bond and limits.stop_at_bond_change:
            return bond
        if uncertainty > limits.hard_limit:
            return f"uncertainty {uncertainty:.2f} eV/Å"
        if temperature > hottest_K:
            return f"temperature {temperature:.0f} K"
        return None

    def dump(self) -> dict[str, Any]:
        """What the next look is compared with, beside what the state carries along."""
        return self.bonds.dump()

    def restore(self, content: dict[str, Any]) -> None:
        """Take up what `dump` told."""
        self.bonds.restore(content)


@cache
def hottest_by_chance(freedom: int) -> float:
    """Kinetic over true temperature that `freedom` degrees of freedom pass with probability CHANCE."""
    return float(chi2.isf(CHANCE, freedom) / freedom)
