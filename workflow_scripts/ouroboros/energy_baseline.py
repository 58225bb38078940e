"""Energies of the atoms alone, fitted to a set: what remains can be compared between structures of any size."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from ase import Atoms
from ase.data import chemical_symbols

from .frames import Frames

MAX_Z = 100


def element_counts(frames: Frames, elements: np.ndarray) -> np.ndarray:
    """(n_frames, n_elements) atoms of each of `elements` (sorted atomic numbers) in each frame."""
    counts = np.zeros((len(frames), len(elements)))
    np.add.at(counts, (frames.frame_of_atom, np.searchsorted(elements, frames.numbers)), 1.0)
    return counts


def fit_energy_offsets(frames: Frames) -> np.ndarray:
    """(100,) eV an atom of each element, least squares on the frames' energies.

    With one composition the elements cannot be told apart: the smallest solution is taken, and only its sum,
    the mean energy, matters.
    """
    elements = np.unique(frames.numbers)
    offsets = np.zeros(MAX_Z)
    offsets[elements] = np.linalg.lstsq(element_counts(frames, elements), frames.energy, rcond=None)[0]
    return offsets


@dataclass(frozen=True)
class EnergyRange:
    """The energies of a set above its baseline, eV an atom: where a new label of the same surface has to lie.

    Attributes:
        offsets_eV: of each element, by symbol.
        compositions: each element's share, orthonormal rows (n_rows, n_elements) that span the set's compositions.
        lowest, highest: of (energy − baseline) / atoms, eV.
    """

    offsets_eV: dict[str, float]
    compositions: np.ndarray
    lowest: float
    highest: float

    @classmethod
    def of(cls, frames: Frames) -> "EnergyRange":
        """The range of labelled frames; at least one."""
        elements = np.unique(frames.numbers)
        counts = element_counts(frames, elements)
        offsets = fit_energy_offsets(frames)[elements]
        _, singular, rows = np.linalg.svd(np.unique(counts, axis=0), full_matrices=False)
        above = (frames.energy - counts @ offsets) / frames.n_atoms
        symbols = [chemical_symbols[z] for z in elements]
        return cls(
            dict(zip(symbols, offsets.tolist(), strict=True)),
            rows[singular > 1e-9 * singular[0]],
            float(above.min()),
            float(above.max()),
        )

    def record(self) -> dict[str, Any]:
        """Plain values for a JSON file; `from_record` reads them."""
        return {
            "offsets_eV": self.offsets_eV,
            "composition_basis": self.compositions.tolist(),
            "lowest_eV_per_atom": self.lowest,
            "highest_eV_per_atom": self.highest,
        }

    @classmethod
    def from_record(cls, record: dict[str, Any]) -> "EnergyRange":
        """The range that `record` gave."""
        return cls(
            record["offsets_eV"],
            np.array(record["composition_basis"]),
            record["lowest_eV_per_atom"],
            record["highest_eV_per_atom"],
        )

    def outlier(self, atoms: Atoms, energy: float, window: float) -> str:
        """Why `energy` (eV) cannot be one of the same surface: farther than `window` (eV/atom) outside; else empty.

        A composition that the set does not span has no baseline, so nothing is said about it.
        """
        symbols = list(self.offsets_eV)
        if not set(atoms.symbols) <= set(symbols):
            return ""
        counts = np.array([float((atoms.symbols == symbol).sum()) for symbol in symbols])
        unknown = counts - self.compositions.T @ (self.compositions @ counts)
        if np.linalg.norm(unknown) > 1e-6 * np.linalg.norm(counts):
            return ""
        above = (energy - counts @ np.array(list(self.offsets_eV.values()))) / len(atoms)
        if self.lowest - window <= above <= self.highest + window:
            return ""
        return (
            f"energy {above:+.2f} eV/atom from the mean of the reference, which reaches from {self.lowest:+.2f} to "
            f"{self.highest:+.2f}; labels.energy_window_eV_per_atom is {window:g}"
        )
