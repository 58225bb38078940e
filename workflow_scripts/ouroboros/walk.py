"""What one walker did: its kept frames and how it ended."""

from dataclasses import dataclass, field

import numpy as np

REACHED_END = "reached its end"


@dataclass(frozen=True)
class Crossing:
    """The frame that stopped a walker.

    Attributes:
        step: of the walker.
        positions: (n_atoms, 3) Å; cell: (3, 3) Å.
        uncertainty, max_force: eV/Å, the first calibrated.
    """

    step: int
    positions: np.ndarray
    cell: np.ndarray
    uncertainty: float
    max_force: float


@dataclass
class Walk:
    """One walker's kept frames, each list one entry a frame, and how it ended.

    Attributes:
        numbers: (n_atoms,) atomic numbers; cell: (3, 3) Å and pbc: (3,), those of its start.
        target_K: temperature that it was to have when it began.
        degrees_of_freedom: by which its temperature is told.
        energy_offset_eV: the atoms' part of the potential energy, the same for every frame.
        step, potential_eV, kinetic_eV, temperature_K: scalars; the potential includes the offset.
        uncertainty, max_force: largest calibrated force uncertainty and largest force over the atoms, eV/Å.
        mean_uncertainty: mean of that uncertainty over the atoms, eV/Å.
        energy_std: the members' standard deviation of the energy, eV.
        force_std: (n_atoms,) eV/Å a frame, length of the members' standard deviation of each atom's force, bare.
        positions: (n_atoms, 3) Å; momenta: (n_atoms, 3) in ASE's units.
        ended: the reason; last_step: the last step that was good.
        spin_state: `charge` and `multiplicity`, where the structure that it started from carries its own.
        start: index of the structure that it started from; replaces: the walker whose place it took, None of the first.
        began_at: step of the run at which it began; its own steps count from there.
        bond_change: the first bond that broke or formed, in words; "" where none did.
        cells: (3, 3) Å a frame, and pressure_GPa, where the cell moves; else empty.
        velocities: (n_atoms, 3) Å/fs, more often than frames where they were asked for.
        crossing: the frame that stopped it; None where it was not stopped or the frame was not finite.
    """

    numbers: np.ndarray
    cell: np.ndarray
    pbc: np.ndarray
    target_K: float
    degrees_of_freedom: int
    energy_offset_eV: float
    step: list[int] = field(default_factory=list)
    potential_eV: list[float] = field(default_factory=list)
    kinetic_eV: list[float] = field(default_factory=list)
    temperature_K: list[float] = field(default_factory=list)
    uncertainty: list[float] = field(default_factory=list)
    max_force: list[float] = field(default_factory=list)
    positions: list[np.ndarray] = field(default_factory=list)
    momenta: list[np.ndarray] = field(default_factory=list)
    spin_state: dict[str, int] = field(default_factory=dict)
    ended: str = REACHED_END
    last_step: int = 0
    start: int = 0
    replaces: int | None = None
    began_at: int = 0
    bond_change: str = ""
    cells: list[np.ndarray] = field(default_factory=list)
    pressure_GPa: list[float] = field(default_factory=list)
    mean_uncertainty: list[float] = field(default_factory=list)
    energy_std: list[float] = field(default_factory=list)
    force_std: list[np.ndarray] = field(default_factory=list)
    velocities: list[np.ndarray] = field(default_factory=list)
    crossing: Crossing | None = None

    @property
    def survived(self) -> bool:
        """Whether the walker was never stopped."""
        return self.ended == REACHED_END

    def cell_of(self, frame: int) -> np.ndarray:
        """(3, 3) Å, the cell of a kept frame."""
        return self.cells[frame] if self.cells else self.cell
