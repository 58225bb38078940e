"""What stops a walker."""

from dataclasses import dataclass, field
from typing import Any

from ..calibration import Calibration, gaussian


@dataclass(frozen=True)
class Limits:
    """What stops a walker; a value that is not finite always does.

    Attributes:
        hard_limit: calibrated force uncertainty, eV/Å.
        calibration: from the committee's spread to the expected force error.
        grace_steps: steps at a walker's start in which its uncertainty may be over the limit.
        closest_contact: share of the summed covalent radii that two atoms may not undercut.
        max_temperature_factor: kinetic temperature over the walker's own; of small molecules what chance brings once in
            10⁹ times, where that is more.
        max_energy_jump: energy that appears in one step and that the forces do not account for, eV.
        stop_at_bond_change: whether a bond that breaks or forms stops the walker.
    """

    hard_limit: float = float("inf")
    calibration: Calibration = field(default_factory=gaussian)
    grace_steps: int = 0
    closest_contact: float = 0.0
    max_temperature_factor: float = float("inf")
    max_energy_jump: float = float("inf")
    stop_at_bond_change: bool = False

    @classmethod
    def from_settings(cls, settings: dict[str, Any], calibration: Calibration) -> "Limits":
        """From the section `exploration` or `simulation` of a config; the latter has no limit of the uncertainty."""
        return cls(
            hard_limit=settings.get("hard_limit_eV_per_A", float("inf")),
            calibration=calibration,
            grace_steps=settings.get("grace_steps", 0),
            closest_contact=settings["closest_contact"],
            max_temperature_factor=settings["max_temperature_factor"],
            max_energy_jump=settings["max_energy_jump_eV"],
            stop_at_bond_change=settings["stop_at_bond_change"],
        )
