"""The committee: several potentials evaluated on the same structures, their mean and their spread."""

from collections.abc import Sequence
from copy import deepcopy
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from ase.data import chemical_symbols
from schnetpack import properties
from schnetpack.md.utils import activate_model_stress
from schnetpack.model import NeuralNetworkPotential

from .evaluation import Evaluation, Pairs, StackedCommittee, TableTooCoarse, reason_not_to_stack
from .frames import Frames
from .graphs import GraphLoader, Graphs
from .models import load_model
from .predictions import Prediction


class Committee:
    """SchNetPack potentials with one cutoff, each evaluated on the same batches, in the highest precision of any."""

    def __init__(
        self,
        members: Sequence[NeuralNetworkPotential],
        energy_offsets: np.ndarray,
        cutoff: float,
        device: str = "cpu",
        stress: bool = False,
    ):
        """Take members already built.

        Args:
            members: potentials that give `energy` and `forces`.
            energy_offsets: (n_members, 100) eV an atom of each element, added to each member's energy.
            cutoff: Å.
            device: cpu or cuda.
            stress: evaluate the stress too, which is a derivative of the energy: any member can, whatever it was
                trained on.
        """
        for member in members:
            if stress and properties.stress not in member.model_outputs:
                activate_model_stress(member, properties.stress)
        precisions = {weights.dtype for member in members for weights in member.parameters()}
        self.dtype = torch.float64 if torch.float64 in precisions else torch.float32
        self.members, self.stress = [member.to(device, self.dtype).eval() for member in members], stress
        self.energy_offsets, self.cutoff, self.device = np.asarray(energy_offsets), cutoff, device

    @classmethod
    def load(cls, paths: Sequence[str | Path], device: str = "cpu", stress: bool = False) -> "Committee":
        """Read `model.pt` files; with `stress`, that of periodic cells is evaluated too.

        Raises:
            ValueError: there is no file, one is no model, or the members differ in their cutoff.
        """
        if not paths:
            raise ValueError("no model files were given; does the round exist, and has it been trained?")
        members, settings, offsets = zip(*(load_model(path) for path in paths), strict=True)
        cutoffs = {s["cutoff_A"] for s in settings}
        if len(cutoffs) > 1:
            raise ValueError(
                f"the members have different cutoffs ({sorted(cutoffs)} Å); train them with one model section"
            )
        return cls(members, np.stack(offsets), cutoffs.pop(), device, stress)

    def with_stress(self) -> "Committee":
        """The same committee, evaluating the stress too; itself where it does."""
        if self.stress:
            return self
        return Committee(deepcopy(self.members), self.energy_offsets, self.cutoff, self.device, stress=True)

    def refuse_unknown(self, numbers: np.ndarray) -> None:
        """Refuse atoms of which the members were never told: their energy and forces would mean nothing.

        Args:
            numbers: (n_atoms,) atomic numbers.

        Raises:
            ValueError: an element that it was not trained on; of members without any offset nothing is known.
        """
        known = np.flatnonzero(self.energy_offsets.any(axis=0))  # an element of the training set has one
        unknown = np.setdiff1d(numbers, known)
        if len(known) and len(unknown):
            raise ValueError(
                f"the committee was not trained on {', '.join(chemical_symbols[z] for z in unknown)}, only on "
                f"{', '.join(chemical_symbols[z] for z in known)}: add labelled structures with it"
            )

    @cached_property
    def one_by_one_because(self) -> str:
        """Why SchNetPack evaluates the members, one after another; empty where the kernels evaluate them together."""
        return self._stacked if isinstance(self._stacked, str) else ""

    @cached_property
    def _stacked(self) -> StackedCommittee | str:
        """The members together, or why not."""
        reason = reason_not_to_stack(self.members, self.device)
        if reason:
            return reason
        try:
            return StackedCommittee(self.members, self.dtype, self.stress)
        except TableTooCoarse as error:
            return str(error)

    @cached_property
    def _first(self) -> StackedCommittee | None:
        """The first member alone, where the kernels can evaluate it."""
        return None if self.one_by_one_because else StackedCommittee(self.members[:1], self.dtype, stress=False)

    def evaluate(
        self,
        numbers: torch.Tensor,
        positions: torch.Tensor,
        cell: torch.Tensor,
        system_idx: torch.Tensor,
        pairs: Pairs,
    ) -> Evaluation:
        """Every member on a batch of systems.

        The members are evaluated together where they can be (see `evaluation`), which takes a copy of their weights
        at the first call; otherwise by SchNetPack, one after another.

        Args:
            numbers: (n_atoms,) atomic numbers.
            positions: (n_atoms, 3) Å.
            cell: (n_systems, 3, 3) Å, vectors in rows.
            system_idx: (n_atoms,) the system of each atom, ascending.
            pairs: of atoms within the cutoff, each once; some may be farther apart.

        Returns:
            Energies without the offsets, forces, and the stress from a committee that evaluates it.
        """
        if not self.one_by_one_because:
            assert isinstance(self._stacked, StackedCommittee)
            return self._stacked(numbers, positions, cell, system_idx, pairs)
        idx_i, idx_j, offsets = pairs.both_ways()
        inputs = {
            properties.Z: numbers,
            properties.R: positions.detach().to(self.dtype, copy=True),  # SchNetPack differentiates by it
            properties.idx_m: system_idx,
            properties.idx_i: idx_i,
            properties.idx_j: idx_j,
            properties.offsets: offsets.to(self.dtype),
            properties.n_atoms: torch.bincount(system_idx, minlength=len(cell)),
            properties.cell: cell.to(self.dtype),
        }
        results = [member(inputs.copy()) for member in self.members]
        energy, forces = (torch.stack([r[name].detach() for r in results]) for name in ("energy", "forces"))
        if not self.stress:
            return Evaluation(energy, forces, None)
        # SchNetPack divides by the triple product of the cell's vectors, which is negative in a left-handed cell
        sign = torch.linalg.det(inputs[properties.cell]).sign()
        sign = torch.where(sign == 0, torch.nan, sign)
        stress = torch.stack([r[properties.stress].detach() for r in results])
        return Evaluation(energy, forces, stress * sign[:, None, None])

    def predict(self, frames: Frames, batch_size: int = 64) -> Prediction:
        """Energies and forces of every member for every frame, and the stress from a committee that evaluates it.

        Args:
            frames: structures; labels that they carry are not looked at.
            batch_size: frames at a time; the result does not depend on it beyond rounding.

        Returns:
            Energies with the members' offsets (eV), forces (eV/Å) and, from a committee that evaluates it, the stress
            (eV/Å³).
        """
        if not len(frames):
            energy, forces, stress = (np.zeros((len(self.members), 0, *shape)) for shape in ((), (3,), (3, 3)))
            return Prediction(energy, forces, frames.n_atoms, stress if self.stress else None)
        graphs = Graphs(frames, self.cutoff, dtype=self.dtype)
        parts = [self._evaluate_batch(self._to_device(batch)) for batch in GraphLoader(graphs, batch_size)]
        energy = _together([part.energy for part in parts]) + self._offsets(frames)
        forces = _together([part.forces for part in parts])
        if not self.stress:
            return Prediction(energy, forces, frames.n_atoms)
        stress = _together([part.stress for part in parts if part.stress is not None])
        stress[:, frames.volume == 0] = np.nan  # a molecule may have a box
        return Prediction(energy, forces, frames.n_atoms, stress)

    def features(self, frames: Frames, batch_size: int = 64, elements: np.ndarray | None = None) -> np.ndarray:
        """Atom features of the first member, averaged over the atoms of each element.

        Args:
            frames: the structures.
            batch_size: frames at a time.
            elements: atomic numbers, one block of features each, zeros where a frame has none of them; None: those
                of the frames. To compare sets, give both the same.

        Returns:
            (n_frames, n_elements * n_atom_basis): the same for any order of equal atoms, and for any rotation.
        """
        if not len(frames):
            return np.zeros((0, 0))
        elements = np.unique(frames.numbers) if elements is None else elements
        loader = GraphLoader(Graphs(frames, self.cutoff, dtype=self.dtype), batch_size)
        with torch.no_grad():
            atoms = [self._atom_features(self._to_device(batch)).cpu().numpy() for batch in loader]
        per_atom = np.concatenate(atoms).reshape(len(frames.numbers), -1)
        pooled = []
        for element in elements:
            of_element = frames.numbers == element
            total = np.zeros((len(frames), per_atom.shape[1]))
            np.add.at(total, frames.frame_of_atom[of_element], per_atom[of_element])
            count = np.bincount(frames.frame_of_atom[of_element], minlength=len(frames))
            pooled.append(total / np.maximum(count, 1)[:, None])
        return np.concatenate(pooled, axis=1)

    def _atom_features(self, batch: dict[str, torch.Tensor]) -> torch.Tensor:
        """(n_atoms, n_features) of the first member."""
        if self._first is not None:
            return self._first.features(batch[properties.Z], batch[properties.R], self._pairs(batch))[0]
        network = self.members[0]
        for module in network.input_modules:
            batch = module(batch)
        return network.representation(batch)["scalar_representation"]

    def energy_offset(self, numbers: np.ndarray) -> float:
        """The part of the mean energy that does not depend on positions, eV, for atoms of these numbers."""
        return float(self.energy_offsets[:, numbers].sum(axis=1).mean())

    def _offsets(self, frames: Frames) -> np.ndarray:
        """(n_members, n_frames) eV that the atoms' offsets add up to."""
        per_atom = self.energy_offsets[:, frames.numbers]
        return np.add.reduceat(per_atom, frames.starts, axis=1)

    def _evaluate_batch(self, batch: dict[str, torch.Tensor]) -> Evaluation:
        system_idx, cell = batch[properties.idx_m], batch[properties.cell]
        return self.evaluate(batch[properties.Z], batch[properties.R], cell, system_idx, self._pairs(batch))

    def _pairs(self, batch: dict[str, torch.Tensor]) -> Pairs:
        full = batch[properties.idx_i], batch[properties.idx_j], batch[properties.offsets]
        return Pairs.from_full_list(*full, batch[properties.idx_m], len(batch[properties.cell]))

    def _to_device(self, batch: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        return {name: tensor.to(self.device) for name, tensor in batch.items()}


def _together(batches: Sequence[torch.Tensor]) -> np.ndarray:
    """(n_members, n, ...) float64 from the batches, each with its part of n."""
    return torch.cat(list(batches), dim=1).double().cpu().numpy()
