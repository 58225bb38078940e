"""The batch of walkers that move together: who enters it, who leaves it, and what the next step depends on."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
import torch_sim as ts
from ase import Atoms, units
from torch_sim.integrators import MDState
from torch_sim.models.interface import ModelInterface

from ..frames import SPIN_STATE
from ..torchsim_model import CommitteeModel
from ..velocities import initial_momenta
from ..walk import Walk
from .ensembles import Ensemble, join, take
from .keeping import Snapshot, keep_crossing, keep_frames, keep_velocities
from .watching import Watch


@dataclass
class WalkerBatch:
    """The walkers of one run: `alive` are those in the batch, system by system; `places` the slot of each walker.

    A slot keeps its thermostat's temperature whoever walks in it.
    """

    model: ModelInterface
    unbiased: CommitteeModel
    ensemble: Ensemble
    watch: Watch
    structures: list[Atoms]
    temperatures_K: np.ndarray
    ramp_to_K: float | None
    timestep_fs: float
    steps: int
    stride: int
    velocity_stride: int
    rng: np.random.Generator
    walks: list[Walk] = field(default_factory=list)
    alive: list[int] = field(default_factory=list)
    places: list[int] = field(default_factory=list)
    step: int = 0
    walker_steps: int = 0
    state: Any = None

    @property
    def dt(self) -> float:
        """The time step in ASE's unit."""
        return self.timestep_fs * units.fs

    def targets_K(self, walkers: Sequence[int]) -> np.ndarray:
        """(n,) the temperature that each of these walkers should have at this step."""
        own = self.temperatures_K[[self.places[walker] for walker in walkers]]
        if self.ramp_to_K is None:
            return own
        return own + (self.ramp_to_K - own) * self.step / max(self.steps, 1)

    def begin(self, momenta: Sequence[np.ndarray] | None) -> None:
        """Put the first walkers into the batch."""
        self._enter([(place, None) for place in range(len(self.temperatures_K))], momenta)

    def advance(self) -> None:
        """Make one step; stop the walkers that have to, and put others in their place."""
        targets = self.targets_K(self.alive)
        self.step += 1
        self.state = self.ensemble.step(self.state, self.model, self._kT(targets), self.dt)
        self.walker_steps += len(self.alive)
        good = self._look(self.state, self.alive)
        if len(good) == len(self.alive):
            return
        stopped = [walker for i, walker in enumerate(self.alive) if i not in set(good)]
        self.alive = [self.alive[i] for i in good]
        self.state = take(self.state, good) if good else _Nobody(self.state.rng)
        if self.step < self.steps:
            self._enter([(self.places[walker], walker) for walker in stopped])

    def _enter(self, vacancies: list[tuple[int, int | None]], momenta: Sequence[np.ndarray] | None = None) -> None:
        """Fill places, each with the walker that was there before; one that fails at once is replaced too."""
        while vacancies:
            newcomers = [self._fresh(place, replaced) for place, replaced in self._with_structures(vacancies)]
            if not newcomers:
                return
            state = self._state_of(newcomers, momenta)
            good = self._look(state, newcomers)
            if good:
                state = take(state, good) if len(good) < len(newcomers) else state
                self.state = join(self.state, state) if self.alive else _with_stream(state, self.state)
                self.alive = self.alive + [newcomers[i] for i in good]
            elif self.state is None:
                self.state = _Nobody(state.rng)
            failed = [walker for i, walker in enumerate(newcomers) if i not in set(good)]
            vacancies, momenta = [(self.places[walker], walker) for walker in failed], None

    def _with_structures(self, vacancies: list[tuple[int, int | None]]) -> Iterator[tuple[int, int | None]]:
        left = len(self.structures) - len(self.walks)
        yield from vacancies[:left]

    def _fresh(self, place: int, replaces: int | None) -> int:
        """The number of a new walker, which starts from the next structure."""
        number = len(self.walks)
        atoms = self.structures[number]
        self.places.append(place)
        self.walks.append(
            Walk(
                atoms.numbers,
                atoms.cell.array,
                atoms.pbc,
                float(self.targets_K([number])[0]),
                self.ensemble.degrees_of_freedom(atoms),
                self.unbiased.committee.energy_offset(atoms.numbers),
                spin_state={name: int(atoms.info[name]) for name in SPIN_STATE if name in atoms.info},
                start=number,
                replaces=replaces,
                began_at=self.step,
            )
        )
        return number

    def _state_of(self, walkers: list[int], momenta: Sequence[np.ndarray] | None) -> MDState:
        """The state of new walkers, evaluated once."""
        atoms, targets = [self.structures[walker] for walker in walkers], self.targets_K(walkers)
        state = ts.initialize_state(atoms, self.model.device, self.model.dtype)
        if momenta is None:
            momenta = [initial_momenta(a, t, self.rng) for a, t in zip(atoms, targets, strict=True)]
        state.momenta = torch.tensor(np.concatenate(momenta), device=self.model.device, dtype=self.model.dtype)
        if self.state is None:
            state.rng = int(self.rng.integers(2**31))
        freedom = [self.walks[walker].degrees_of_freedom for walker in walkers]
        return self.ensemble.start(state, self.model, self._kT(targets), self.dt, freedom)

    def _kT(self, targets_K: np.ndarray) -> torch.Tensor:
        return torch.tensor(targets_K * units.kB, device=self.model.device, dtype=self.model.dtype)

    def _look(self, state: MDState, walkers: list[int]) -> list[int]:
        """Watch walkers, keep what is to be kept, and tell which systems of the state may go on."""
        walks = [self.walks[walker] for walker in walkers]
        own = np.array([self.step - walk.began_at for walk in walks])
        freedom = np.array([walk.degrees_of_freedom for walk in walks])
        seen = self.watch.look(state, walkers, freedom, self.targets_K(walkers), own)
        good = [i for i, reason in enumerate(seen.reasons) if reason is None]
        framed = [i for i in good if own[i] % self.stride == 0]
        sampled = [i for i in good if self.velocity_stride and own[i] % self.velocity_stride == 0]
        now = Snapshot(state) if framed or sampled or len(good) < len(walks) else None
        for i, (walk, reason) in enumerate(zip(walks, seen.reasons, strict=True)):
            if seen.bonds[i] and not walk.bond_change:
                walk.bond_change = f"{seen.bonds[i]} at step {own[i]}"
            if reason is None:
                walk.last_step = int(own[i])
            else:
                walk.ended = f"{reason} at step {own[i]}"
                assert now is not None
                keep_crossing(now, seen, walk, int(own[i]), i)
        if now is not None:
            keep_frames(now, seen, walks, own.tolist(), framed, self.watch.limits.calibration)
            keep_velocities(now, walks, sampled)
        return good

    def dump(self) -> dict[str, Any]:
        """All that the next step depends on, and the walks so far."""
        return {
            "step": self.step,
            "walker_steps": self.walker_steps,
            "walks": self.walks,
            "alive": self.alive,
            "places": self.places,
            "state": self.ensemble.dump(self.state),
            "pairs": self.unbiased.kept,
            "watch": self.watch.dump(),
            "rng": self.rng.bit_generator.state,
        }

    def restore(self, kept: dict[str, Any]) -> None:
        """Go on from what `dump` told."""
        for name in ("step", "walker_steps", "walks", "alive", "places"):
            setattr(self, name, kept[name])
        self.state = self.ensemble.restore(kept["state"], self.dt)
        self.unbiased.kept = kept["pairs"]
        self.watch.restore(kept["watch"])
        self.rng.bit_generator.state = kept["rng"]


@dataclass
class _Nobody:
    """What is left of a state when all walkers have gone: its random stream."""

    rng: torch.Generator


def _with_stream(state: MDState, before: Any) -> MDState:
    """The state of newcomers to an empty batch, with the random stream of those before them."""
    if before is not None:
        state.rng = before.rng
    return state
