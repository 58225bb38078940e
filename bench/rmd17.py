"""Frames of rMD17 ethanol, of ../shared."""

from pathlib import Path

import ase.io
from ase import Atoms

FOLDER = Path(__file__).resolve().parents[2] / "shared/data/rmd17_ethanol"


def images(name: str, index: str = ":") -> list[Atoms]:
    """Isolated molecules with their labels, out of the box that the files put them in.

    Args:
        name: train.xyz or test_MD.xyz.
        index: of the frames, as ASE reads it.
    """
    frames = ase.io.read(FOLDER / name, index)
    for atoms in frames:
        atoms.pbc, atoms.cell = False, None
    return frames
