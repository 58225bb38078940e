"""Active learning on a labelled set: frames held back are the structures to choose from."""

from typing import TYPE_CHECKING

import numpy as np

from ..frames import SPIN_STATE, Frames
from ..uncertainty import expected_errors
from ..walk import Walk

if TYPE_CHECKING:
    from ..calibration import Calibration
    from ..predictions import Prediction


def not_yet_learned(pool: Frames, dataset: Frames) -> Frames:
    """The frames of `pool` that are not in `dataset`, bit for bit."""
    known = set(dataset.identities())
    return pool.take(np.array([identity not in known for identity in pool.identities()], dtype=bool))


def as_walks(pool: Frames, prediction: "Prediction", calibration: "Calibration") -> list[Walk]:
    """The scored pool in the form of an exploration, one walk for the frames of each composition.

    Args:
        pool: with the column `place`, the frame's index in the reference, which becomes its step (from 1 on).
        prediction: the committee's, of `pool`.
        calibration: from the committee's spread to the expected force error.
    """
    walks: dict[bytes, Walk] = {}
    norms, energy = np.linalg.norm(prediction.forces, axis=1), prediction.energy
    force_std, energy_std = prediction.force_std, prediction.energy_std
    uncertainty = expected_errors(prediction, calibration)
    for i, (start, n) in enumerate(zip(pool.starts, pool.n_atoms, strict=True)):
        atoms = slice(start, start + n)
        spin_state = {name: int(pool.columns[name][i]) for name in SPIN_STATE if name in pool.columns}
        parts = (pool.numbers[atoms], pool.cell[i], pool.pbc[i], np.array(list(spin_state.values())))
        kind = b"".join(np.ascontiguousarray(part).tobytes() for part in parts)
        if kind not in walks:
            walks[kind] = Walk(pool.numbers[atoms], pool.cell[i], pool.pbc[i], np.nan, 0, 0.0, spin_state=spin_state)
        walk = walks[kind]
        walk.step.append(int(pool.columns["place"][i]) + 1)
        walk.potential_eV.append(float(energy[i]))
        walk.kinetic_eV.append(np.nan)
        walk.temperature_K.append(np.nan)
        walk.uncertainty.append(float(uncertainty[atoms].max()))
        walk.mean_uncertainty.append(float(uncertainty[atoms].mean()))
        walk.energy_std.append(float(energy_std[i]))
        walk.force_std.append(force_std[atoms].astype(np.float32))
        walk.max_force.append(float(norms[atoms].max()))
        walk.positions.append(pool.positions[atoms])
    return list(walks.values())
