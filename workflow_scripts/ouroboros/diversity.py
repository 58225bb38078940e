"""Picking points that lie far from what is known and from one another."""

import numpy as np
from scipy.spatial.distance import cdist


def farthest_points(points: np.ndarray, known: np.ndarray, n: int) -> np.ndarray:
    """Farthest-point sampling (Gonzalez, Theor. Comput. Sci. 38, 293 (1985)).

    Each pick is the point farthest from all `known` and all picked.

    Args:
        points: (n_points, d) candidates.
        known: (m, d) points that need not be covered again.
        n: picks; at most n_points.

    Returns:
        (n,) indices into `points`, in the order of picking.
    """
    distance = _to_nearest(points, known)[0]
    picks = []
    for _ in range(min(n, len(points))):
        picks.append(int(np.argmax(distance)))
        np.minimum(distance, np.linalg.norm(points - points[picks[-1]], axis=1), out=distance)
        distance[picks[-1]] = -np.inf
    return np.array(picks, dtype=int)


def largest_clusters(points: np.ndarray, known: np.ndarray, n: int) -> np.ndarray:
    """Largest-cluster-maximum-distance (Holzmüller et al., J. Mach. Learn. Res. 24, 164 (2023), section 4.2.6).

    Points belong to their nearest centre, `known` or picked. Each pick is the farthest point of the cluster with the
    largest sum of squared distances, so that it counts how many points a pick stands for.

    Args:
        points: (n_points, d) candidates.
        known: (m, d) centres of before.
        n: picks; at most n_points.

    Returns:
        (n,) indices into `points`, in the order of picking.
    """
    distance, centre = _to_nearest(points, known)
    if not len(known):
        distance = np.linalg.norm(points - points.mean(axis=0), axis=1)
    square, picks, free = distance**2, [], np.ones(len(points), dtype=bool)
    for _ in range(min(n, len(points))):
        sizes = np.bincount(centre[free], weights=square[free])
        present = np.bincount(centre[free], minlength=len(sizes)) > 0
        largest = np.argmax(np.where(present, sizes, -1.0))
        among = np.flatnonzero(free & (centre == largest))
        pick = among[np.argmax(square[among])]
        picks.append(int(pick))
        free[pick] = False
        of_pick = ((points - points[pick]) ** 2).sum(axis=1)
        nearer = of_pick < square if len(known) or len(picks) > 1 else np.ones(len(points), dtype=bool)
        square[nearer], centre[nearer] = of_pick[nearer], len(known) + len(picks) - 1
    return np.array(picks, dtype=int)


def _to_nearest(points: np.ndarray, known: np.ndarray, block: int = 512) -> tuple[np.ndarray, np.ndarray]:
    """(n_points,) distance to the nearest of `known`, inf where there is none, and its number."""
    distance, number = np.full(len(points), np.inf), np.zeros(len(points), dtype=int)
    for start in range(0, len(known), block):
        between = cdist(points, known[start : start + block])
        nearest = between.argmin(axis=1)
        of_nearest = between[np.arange(len(points)), nearest]
        nearer = of_nearest < distance
        distance[nearer], number[nearer] = of_nearest[nearer], start + nearest[nearer]
    return distance, number
