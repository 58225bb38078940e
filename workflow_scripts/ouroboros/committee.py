"""The committee: several potentials evaluated on the same structures, their mean and their spread."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from schnetpack.model import NeuralNetworkPotential

from .frames import Frames
from .graphs import GraphLoader, Graphs
from .models import load_model


@dataclass(frozen=True)
class Prediction:
    """What a committee says about some frames.

    Attributes:
        member_energy: (n_members, n_frames) eV.
        member_forces: (n_members, n_atoms_total, 3) eV/Å.
        n_atoms: (n_frames,) atoms in each frame.
    """

    member_energy: np.ndarray
    member_forces: np.ndarray
    n_atoms: np.ndarray

    @property
    def energy(self) -> np.ndarray:
        """(n_frames,) mean over the members, eV."""
        return self.member_energy.mean(axis=0)

    @property
    def forces(self) -> np.ndarray:
        """(n_atoms_total, 3) mean over the members, eV/Å."""
        return self.member_forces.mean(axis=0)

    @property
    def energy_std(self) -> np.ndarray:
        """(n_frames,) sample standard deviation over the members (ddof 1), eV; zero for a committee of one."""
        return spread(self.member_energy)

    @property
    def force_std(self) -> np.ndarray:
        """(n_atoms_total,) length of the members' force deviation on each atom (ddof 1), eV/Å.

        The square root of the variances summed over x, y and z; DP-GEN (Zhang 2020) scores by the same with ddof 0.
        """
        return np.sqrt((spread(self.member_forces) ** 2).sum(axis=-1))

    @property
    def max_force_std(self) -> np.ndarray:
        """(n_frames,) largest `force_std` over the atoms of each frame, eV/Å: the frame's score."""
        if not len(self.n_atoms):
            return np.zeros(0)
        return np.maximum.reduceat(self.force_std, np.cumsum(self.n_atoms) - self.n_atoms)


def spread(values: np.ndarray) -> np.ndarray:
    """Sample standard deviation over the first axis (ddof 1); zero where there is one member."""
    return values.std(axis=0, ddof=1) if len(values) > 1 else np.zeros(values.shape[1:])


class Committee:
    """SchNetPack potentials with one cutoff, each evaluated on the same batches."""

    def __init__(
        self, members: Sequence[NeuralNetworkPotential], energy_offsets: np.ndarray, cutoff: float, device: str = "cpu"
    ):
        """Take members already built.

        Args:
            members: potentials that give `energy` and `forces`.
            energy_offsets: (n_members, 100) eV an atom of each element, added to each member's energy.
            cutoff: Å.
            device: cpu or cuda.
        """
        self.members = [member.to(device).eval() for member in members]
        self.energy_offsets, self.cutoff, self.device = np.asarray(energy_offsets), cutoff, device

    @classmethod
    def load(cls, paths: Sequence[str | Path], device: str = "cpu") -> "Committee":
        """Read `model.pt` files.

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
        return cls(members, np.stack(offsets), cutoffs.pop(), device)

    def evaluate(self, inputs: dict[str, torch.Tensor]) -> tuple[torch.Tensor, torch.Tensor]:
        """Every member on one SchNetPack input dictionary, energies without the offsets.

        Returns:
            (n_members, n_frames) eV and (n_members, n_atoms, 3) eV/Å.
        """
        results = [member(inputs.copy()) for member in self.members]
        energies, forces = (torch.stack([r[name].detach() for r in results]) for name in ("energy", "forces"))
        return energies, forces

    def predict(self, frames: Frames, batch_size: int = 64) -> Prediction:
        """Energies and forces of every member for every frame."""
        if not len(frames):
            return Prediction(np.zeros((len(self.members), 0)), np.zeros((len(self.members), 0, 3)), frames.n_atoms)
        graphs = Graphs(frames, self.cutoff)
        parts = [self.evaluate(self._to_device(batch)) for batch in GraphLoader(graphs, batch_size)]
        energy, forces = (torch.cat(part, dim=1).double().cpu().numpy() for part in zip(*parts, strict=True))
        return Prediction(energy + self._offsets(frames), forces, frames.n_atoms)

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
        graphs, network = Graphs(frames, self.cutoff), self.members[0]
        atoms = []
        with torch.no_grad():
            for batch in GraphLoader(graphs, batch_size):
                inputs = self._to_device(batch)
                for module in network.input_modules:
                    inputs = module(inputs)
                atoms.append(network.representation(inputs)["scalar_representation"].cpu().numpy())
        per_atom = np.concatenate(atoms).reshape(len(frames.numbers), -1)
        pooled = []
        for element in elements:
            of_element = frames.numbers == element
            total = np.zeros((len(frames), per_atom.shape[1]))
            np.add.at(total, frames.frame_of_atom[of_element], per_atom[of_element])
            count = np.bincount(frames.frame_of_atom[of_element], minlength=len(frames))
            pooled.append(total / np.maximum(count, 1)[:, None])
        return np.concatenate(pooled, axis=1)

    def energy_offset(self, numbers: np.ndarray) -> float:
        """The part of the mean energy that does not depend on positions, eV, for atoms of these numbers."""
        return float(self.energy_offsets[:, numbers].sum(axis=1).mean())

    def _offsets(self, frames: Frames) -> np.ndarray:
        """(n_members, n_frames) eV that the atoms' offsets add up to."""
        per_atom = self.energy_offsets[:, frames.numbers]
        return np.add.reduceat(per_atom, frames.starts, axis=1)

    def _to_device(self, batch: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        return {name: tensor.to(self.device) for name, tensor in batch.items()}
