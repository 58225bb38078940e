"""Structures with their labels, as flat arrays: the form in which every stage hands data to the next."""

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms
from ase.calculators.singlepoint import SinglePointCalculator
from ase.data import chemical_symbols
from ase.formula import Formula
from ase.stress import full_3x3_to_voigt_6_stress, voigt_6_to_full_3x3_stress

COLUMN = "column_"  # prefix of the per-frame columns inside an npz
SPIN_STATE = ("charge", "multiplicity")  # columns that belong to the structure, as its atoms do


@dataclass(frozen=True)
class Frames:
    """Frames of any sizes and compositions, atoms of all frames one after another.

    Attributes:
        numbers: (n_atoms_total,) int64, atomic numbers.
        positions: (n_atoms_total, 3) float64, Å.
        n_atoms: (n_frames,) int64, atoms in each frame.
        energy: (n_frames,) float64, eV; NaN where a frame has no label.
        forces: (n_atoms_total, 3) float64, eV/Å; NaN where a frame has no label.
        cell: (n_frames, 3, 3) float64, Å; zero for an isolated molecule.
        pbc: (n_frames, 3) bool.
        columns: further values, each (n_frames,): `temperature_K`, `trajectory`, `source` and the like.
        stress: (n_frames, 3, 3) float64, eV/Å³, ASE's sign: the energy's derivative by strain over the cell's volume,
            positive under tension; NaN where a frame has no such label (None on construction: no frame has).
    """

    numbers: np.ndarray
    positions: np.ndarray
    n_atoms: np.ndarray
    energy: np.ndarray
    forces: np.ndarray
    cell: np.ndarray
    pbc: np.ndarray
    columns: dict[str, np.ndarray] = field(default_factory=dict)
    stress: np.ndarray = None  # type: ignore[assignment]  # filled on construction

    def __post_init__(self) -> None:
        if self.stress is None:
            object.__setattr__(self, "stress", np.full((len(self), 3, 3), np.nan))

    def __len__(self) -> int:
        return len(self.n_atoms)

    @property
    def starts(self) -> np.ndarray:
        """(n_frames,) index of each frame's first atom."""
        return np.cumsum(self.n_atoms) - self.n_atoms

    @property
    def frame_of_atom(self) -> np.ndarray:
        """(n_atoms_total,) index of the frame that each atom belongs to."""
        return np.repeat(np.arange(len(self)), self.n_atoms)

    @property
    def volume(self) -> np.ndarray:
        """(n_frames,) volume of the cell, Å³; zero where nothing is periodic or a vector is missing."""
        return np.where(self.pbc.any(axis=1), abs(np.linalg.det(self.cell)), 0.0)

    @property
    def has_stress(self) -> np.ndarray:
        """(n_frames,) bool, whether a frame has a stress for a label."""
        return np.isfinite(self.stress).all(axis=(1, 2))

    def take(self, indices: Sequence[int] | np.ndarray) -> "Frames":
        """The frames at `indices` (integers or a boolean mask), in that order."""
        indices = np.asarray(indices)
        indices = np.flatnonzero(indices) if indices.dtype == bool else indices.astype(int)
        atoms = ragged_index(self.starts[indices], self.n_atoms[indices])
        return Frames(
            self.numbers[atoms],
            self.positions[atoms],
            self.n_atoms[indices],
            self.energy[indices],
            self.forces[atoms],
            self.cell[indices],
            self.pbc[indices],
            {name: values[indices] for name, values in self.columns.items()},
            self.stress[indices],
        )

    def with_columns(self, **columns) -> "Frames":
        """The same frames with columns added or replaced; a scalar is repeated for every frame."""
        full = {name: np.broadcast_to(np.asarray(value), (len(self),)).copy() for name, value in columns.items()}
        return Frames(**{**self.__dict__, "columns": {**self.columns, **full}})

    @classmethod
    def concatenate(cls, parts: Sequence["Frames"]) -> "Frames":
        """All frames of `parts` in order; columns that not every part has are left out."""
        common = set.intersection(*(set(part.columns) for part in parts))
        arrays = {
            name: np.concatenate([getattr(part, name) for part in parts])
            for name in ("numbers", "positions", "n_atoms", "energy", "forces", "cell", "pbc", "stress")
        }
        columns = {name: np.concatenate([part.columns[name] for part in parts]) for name in sorted(common)}
        return cls(**arrays, columns=columns)

    @classmethod
    def from_atoms(cls, images: Sequence[Atoms]) -> "Frames":
        """Frames from ASE Atoms; labels from their calculators, columns from `info` keys that all of them have.

        A stress needs a volume: what a calculator says of an isolated molecule is not taken.
        """
        shared = set.intersection(*(set(a.info) for a in images)) if images else set()
        columns = {key: np.array([a.info[key] for a in images]) for key in sorted(shared)}
        return cls(
            numbers=np.concatenate([a.numbers for a in images] or [np.zeros(0)]).astype(np.int64),
            positions=np.concatenate([a.positions for a in images] or [np.zeros((0, 3))]),
            n_atoms=np.array([len(a) for a in images], dtype=np.int64),
            energy=np.array([_label(a, "energy", np.nan) for a in images], dtype=float),
            forces=np.concatenate(
                [_label(a, "forces", np.full((len(a), 3), np.nan)) for a in images] or [np.zeros((0, 3))]
            ),
            cell=np.array([a.cell.array for a in images]).reshape(-1, 3, 3),
            pbc=np.array([a.pbc for a in images], dtype=bool).reshape(-1, 3),
            columns={key: values for key, values in columns.items() if values.ndim == 1},
            stress=np.array([stress_of(a) for a in images], dtype=float).reshape(-1, 3, 3),
        )

    def to_atoms(self) -> list[Atoms]:
        """One ASE Atoms a frame, labels in a SinglePointCalculator, columns in `info`."""
        images, has_stress = [], self.has_stress
        for i, (start, n) in enumerate(zip(self.starts, self.n_atoms, strict=True)):
            block = slice(start, start + n)
            atoms = Atoms(self.numbers[block], self.positions[block], cell=self.cell[i], pbc=self.pbc[i])
            atoms.info.update({name: values[i].item() for name, values in self.columns.items()})
            if np.isfinite(self.energy[i]):
                label: dict[str, Any] = {"energy": float(self.energy[i]), "forces": self.forces[block]}
                if has_stress[i]:
                    label["stress"] = full_3x3_to_voigt_6_stress(self.stress[i])
                atoms.calc = SinglePointCalculator(atoms, **label)
            images.append(atoms)
        return images

    def identities(self) -> list[bytes]:
        """What makes each frame the structure that it is: elements, positions, cell, charge and multiplicity."""
        spin_state = [np.asarray(self.columns[name], dtype=float) for name in SPIN_STATE if name in self.columns]
        return [
            b"".join(
                np.ascontiguousarray(part).tobytes()
                for part in (
                    self.numbers[start : start + n],
                    self.positions[start : start + n],
                    self.cell[i],
                    self.pbc[i],
                    *(values[i] for values in spin_state),
                )
            )
            for i, (start, n) in enumerate(zip(self.starts, self.n_atoms, strict=True))
        ]

    def checksum(self) -> str:
        """SHA-256 over structures and labels, 64 hexadecimal digits: another number anywhere is another set.

        Stress counts only where a frame has one, so that sets without it keep the checksum that they had before.
        """
        digest = hashlib.sha256()
        for name in ("numbers", "positions", "n_atoms", "energy", "forces", "cell", "pbc"):
            digest.update(np.ascontiguousarray(getattr(self, name)).tobytes())
        if self.has_stress.any():
            digest.update(np.where(self.has_stress[:, None, None], self.stress, np.nan).tobytes())
        return digest.hexdigest()

    def formulas(self) -> str:
        """The chemical formulas that occur, the most frequent first, at most five by name."""
        blocks = zip(self.starts, self.n_atoms, strict=True)
        found = Counter(np.sort(self.numbers[start : start + n]).tobytes() for start, n in blocks).most_common()
        symbols = ([chemical_symbols[z] for z in np.frombuffer(numbers, np.int64)] for numbers, _ in found[:5])
        names = ", ".join(Formula.from_list(each).format("hill") for each in symbols)
        return names if len(found) <= 5 else f"{names} and {len(found) - 5} more"

    def save(self, path: str | Path) -> None:
        """Write an npz whose array names are the attributes; columns carry the prefix `column_`.

        Stress is left out where no frame has one.
        """
        left_out = {"columns"} if self.has_stress.any() else {"columns", "stress"}
        arrays = {name: value for name, value in self.__dict__.items() if name not in left_out}
        arrays |= {COLUMN + name: values for name, values in self.columns.items()}
        np.savez(path, allow_pickle=False, **arrays)

    @classmethod
    def load(cls, path: str | Path) -> "Frames":
        """Read what `save` wrote."""
        with np.load(path, allow_pickle=False) as stored:
            columns = {name.removeprefix(COLUMN): stored[name] for name in stored if name.startswith(COLUMN)}
            return cls(**{name: stored[name] for name in stored if not name.startswith(COLUMN)}, columns=columns)


def ragged_index(starts: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Flat indices of the blocks that begin at `starts` and hold `counts` entries, one block after another."""
    ends = np.cumsum(counts)
    return np.arange(counts.sum()) + np.repeat(starts - (ends - counts), counts)


def stress_of(atoms: Atoms) -> np.ndarray:
    """(3, 3) eV/Å³ that the calculator has found, in six numbers (Voigt) or nine; NaN without it or a volume."""
    stress = _label(atoms, "stress", None)
    stress = np.full(6, np.nan) if stress is None else np.asarray(stress, dtype=float)
    if not atoms.pbc.any() or atoms.cell.rank < 3:
        return np.full((3, 3), np.nan)
    return voigt_6_to_full_3x3_stress(stress) if stress.shape == (6,) else stress.reshape(3, 3)


def _label(atoms: Atoms, name: str, missing):
    return getattr(atoms.calc, "results", {}).get(name, missing)
