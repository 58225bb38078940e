"""Structures to measure with: those of the reference where there are some, else the molecule, shaken."""

from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms

from ..config import ConfigError
from ..frames import Frames
from ..molecules import resolve_molecule

SHAKEN_A = 0.05  # standard deviation of each coordinate: away from the optimum, where an SCF is quickest
SPRING_EV_PER_A2 = 10.0


def measured_frames(settings: dict[str, Any], count: int) -> Frames:
    """Up to `count` labelled frames, of which a share is to validate on.

    A molecule that has no labels yet is held by springs: a training step takes as long whatever its labels.

    Args:
        settings: a checked config.
        count: how many are enough.

    Raises:
        ConfigError: the reference is to be downloaded, and has not been.
    """
    database = Path("results") / settings["name"] / "reference/reference.db"
    reference = settings["reference"]
    if database.exists():
        from ..reference import read_database

        frames = read_database(database)
    elif reference["source"] == "generate":
        frames = _shaken(resolve_molecule(reference["generate"]["molecule"]), count)
    elif reference["source"] == "files":
        from ..reference.importing import import_files

        frames, _ = import_files(reference["files"]["paths"], reference["files"])
    else:
        raise ConfigError(
            f"The reference of {settings['name']} is not downloaded yet, so that there is no structure to measure "
            f"with; fetch it first: .venv/bin/snakemake {database} --configfile CONFIG."
        )
    return frames.take(np.linspace(0, len(frames) - 1, min(count, len(frames))).astype(int))


def _shaken(molecule: Atoms, count: int) -> Frames:
    """Copies of a molecule in random directions from it, the labels those of springs that pull back."""
    away = np.random.default_rng(0).normal(0, SHAKEN_A, (count, len(molecule), 3))
    return Frames(
        numbers=np.tile(molecule.numbers, count).astype(np.int64),
        positions=(molecule.positions + away).reshape(-1, 3),
        n_atoms=np.full(count, len(molecule)),
        energy=SPRING_EV_PER_A2 / 2 * (away**2).sum((1, 2)),
        forces=(-SPRING_EV_PER_A2 * away).reshape(-1, 3),
        cell=np.zeros((count, 3, 3)),
        pbc=np.zeros((count, 3), dtype=bool),
    )
