"""What one walker did: its kept frames and how it ended."""

from dataclasses import dataclass, field

import numpy as np

REACHED_END = "reached its end"


@dataclass
class Walk:
    """One walker's kept frames, each list one entry a frame, and how it ended.

    Attributes:
        degrees_of_freedom: by which its temperature is told.
        energy_offset_eV: the atoms' part of the potential energy, the same for every frame.
        step, potential_eV, kinetic_eV, temperature_K: scalars; the potential includes the offset.
        uncertainty, max_force: largest calibrated force uncertainty and largest force over the atoms, eV/Å.
        positions: (n_atoms, 3) Å; momenta: (n_atoms, 3) in ASE's units.
        ended: the reason; last_step: the last step that was good.
        spin_state: `charge` and `multiplicity`, where the structure that it started from carries its own.
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

    @property
    def survived(self) -> bool:
        """Whether the walker was never stopped."""
        return self.ended == REACHED_END
