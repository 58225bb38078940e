"""Stress and virial as files keep them, brought to eV/Å³ in ASE's sign."""

import numpy as np
from ase.stress import voigt_6_to_full_3x3_stress

from ..frames import Frames
from ..units import ENERGY_UNITS, STRESS_UNITS
from .foreign_keys import ContentError, Names, wrong_shape

SIGNS = {"tension": 1.0, "pressure": -1.0}  # what is positive in the files
ASYMMETRY = 0.02  # of the largest component: integration grids break the symmetry by less
NOISE = 1e-4  # eV/Å³, 0.016 GPa: below it nothing is judged


def stress_tensors(value: object, n_frames: int, names: Names) -> np.ndarray:
    """(n_frames, 3, 3) in the file's own unit and sign, of three rows, nine numbers in rows, or six a frame.

    Six are in ASE's order: xx, yy, zz, yz, xz, xy (Voigt).

    Raises:
        ContentError: it is something else.
    """
    where, key = names.stress_source
    stress = np.asarray(value, dtype=float)
    size = 9 if stress.shape[-2:] == (3, 3) else stress.shape[-1] if stress.ndim else 0
    if size not in (6, 9) or stress.size != size * n_frames:
        right = "a stress or virial is (3, 3), 9 numbers or 6 (xx, yy, zz, yz, xz, xy) a frame"
        raise wrong_shape(key, stress.shape, right, where)
    stress = stress.reshape(n_frames, size)
    return voigt_6_to_full_3x3_stress(stress) if size == 6 else stress.reshape(n_frames, 3, 3)


def converted_stress(frames: Frames, names: Names) -> np.ndarray:
    """(n_frames, 3, 3) eV/Å³ in ASE's sign; NaN where a frame has none, or no volume.

    Args:
        frames: with `stress` as the files have it, and cells in Å.
        names: a virial is −volume × stress.

    Raises:
        ContentError: not one of the frames with a stress is periodic, or a stress is not symmetric.
    """
    where, key = names.stress_source
    if not key:
        return frames.stress
    volume = np.where(frames.volume > 0, frames.volume, np.nan)[:, None, None]
    if names.virial_key:
        stress = -frames.stress * ENERGY_UNITS[names.energy_unit] / volume
    else:
        factor = SIGNS[str(names.stress_sign)] * STRESS_UNITS[str(names.stress_unit)]
        stress = np.where(np.isnan(volume), np.nan, frames.stress * factor)
    if frames.has_stress.any() and not np.isfinite(stress).any():
        raise ContentError(
            f"reference.files.{where} names {key!r}, but no frame that has it is periodic with three cell vectors: a "
            "molecule has no stress; give the frames their cells, or leave the key out"
        )
    turned = stress.transpose(0, 2, 1)
    apart, largest = (np.abs(values).max(axis=(1, 2)) for values in (stress - turned, stress))
    crooked = apart > ASYMMETRY * largest + NOISE  # False for NaN
    if crooked.any():
        frame = int(np.argmax(crooked))
        raise ContentError(
            f"{key!r} of frame {frame} is not symmetric, as a stress is (components mirrored at the diagonal differ by "
            f"{apart[frame]:.3g} eV/Å³): check reference.files.{where} and the order of its numbers"
        )
    return (stress + turned) / 2
