"""How many degrees of freedom share the kinetic energy: what the temperature is divided by."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ouroboros.analysis.walkers import Walker

STILL = 0.01  # of kT/2 a mode: a motion with less energy in every frame was taken out when the run began


@dataclass(frozen=True)
class Freedom:
    """Degrees of freedom of a run.

    Attributes:
        kinetic: 3N less the overall motions that are held at zero.
        vibrational: 3N less all overall motions, moving or not: those with a restoring force.
        translation_removed: whether the centre of mass is at rest.
        rotation_removed: whether an isolated molecule has no angular momentum.
    """

    kinetic: int
    vibrational: int
    translation_removed: bool
    rotation_removed: bool


def degrees_of_freedom(walkers: Sequence[Walker]) -> Freedom:
    """Count the degrees of freedom from the momenta themselves, so that no setting can disagree with the run.

    Args:
        walkers: walkers of one system; frames that are not finite are passed over.

    Returns:
        The count; a run without any motion is taken to have its centre of mass at rest.

    Raises:
        ValueError: a single atom whose motion is removed has no degree of freedom left.
    """
    n_atoms = len(walkers[0].numbers)
    isolated = not walkers[0].pbc.any()
    drift, spin, rotations = 0.0, 0.0, 0
    for walker in walkers:
        keep = walker.finite
        m, v, x = walker.masses, walker.velocities[keep], walker.positions[keep]
        kinetic = 0.5 * np.einsum("a,tax,tax->t", m, v, v)
        moving = kinetic > 0
        if not moving.any():
            continue
        m, v, x, kinetic = m, v[moving], x[moving], kinetic[moving]
        momentum = np.einsum("a,tax->tx", m, v)
        share = 0.5 * (momentum**2).sum(axis=1) / m.sum() / kinetic * n_atoms  # 1 where it holds its share
        drift = max(drift, share.max())
        if isolated:
            x = x - (np.einsum("a,tax->tx", m, x) / m.sum())[:, None]
            v = v - (momentum / m.sum())[:, None]
            angular = np.einsum("a,tax->tx", m, np.cross(x, v))
            square = np.einsum("a,tax,tax->t", m, x, x)
            inertia = square[:, None, None] * np.eye(3) - np.einsum("a,tax,tay->txy", m, x, x)
            # The pseudo-inverse leaves out the axis of a linear molecule, about which nothing can turn.
            inverse = np.linalg.pinv(inertia, rcond=1e-4, hermitian=True)
            energy = 0.5 * np.einsum("tx,txy,ty->t", angular, inverse, angular)
            spin = max(spin, (energy / kinetic * n_atoms).max())
            rotations = max(rotations, int(np.linalg.matrix_rank(inertia, rtol=1e-4, hermitian=True).max()))
    at_rest, still = drift < STILL, isolated and spin < STILL
    kinetic = 3 * n_atoms - 3 * at_rest - rotations * still
    if kinetic < 1:
        raise ValueError(f"{n_atoms} atom(s) without overall motion have no degree of freedom left")
    return Freedom(kinetic, max(3 * n_atoms - 3 - rotations, 0), bool(at_rest), bool(still and rotations))
