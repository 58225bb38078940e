"""Which explored structures are worth a label: filters, uncertainty, diversity, budget, in that order."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from .contacts import closest_contacts
from .frames import Frames
from .trajectories import EXPLORED

SELECTED = "selected"


@dataclass(frozen=True)
class Selection:
    """The outcome: `chosen` are indices into the explored frames; `fates` has one row a frame; `counts` sums up."""

    chosen: np.ndarray
    fates: pd.DataFrame
    counts: dict[str, Any]


def physical(frames: Frames, closest_contact: float, force_cap: float) -> np.ndarray:
    """Why a frame must not be labelled: (n_frames,) of sentences, empty where there is nothing to object to."""
    reasons = np.full(len(frames), "", dtype=object)
    reasons[~(frames.columns["max_force"] <= force_cap)] = "predicted force over the cap"
    reasons[closest_contacts(frames) < closest_contact] = "atoms too close"
    reasons[~np.isfinite(frames.columns["uncertainty"])] = "uncertainty is NaN"
    return reasons


def select(
    explored: Frames,
    strategy: str,
    settings: dict[str, Any],
    rng: np.random.Generator,
    features: tuple[np.ndarray, np.ndarray] | None = None,
) -> Selection:
    """Choose at most `per_round` explored frames.

    Args:
        explored: frames with the columns `walker`, `step`, `uncertainty` (calibrated, eV/Å) and `max_force` (eV/Å).
        strategy: "committee" takes the most uncertain frames above `low_eV_per_A`, `pool_factor` times the budget,
            and from these the ones that lie farthest from the training set and from one another; "random" draws
            from all physical frames: the control that active learning has to beat.
        settings: the `selection` section of the config.
        rng: for the random strategy.
        features: of the explored frames and of the training set, (n, d) and (m, d); the committee strategy needs them.
    """
    uncertainty, budget = explored.columns["uncertainty"], settings["per_round"]
    fate = physical(explored, settings["closest_contact"], settings["force_cap_eV_per_A"])
    sound = np.flatnonzero(fate == "")
    uncertain = sound[uncertainty[sound] >= settings["low_eV_per_A"]]
    if strategy == "random":
        chosen = rng.choice(sound, min(budget, len(sound)), replace=False)
        fate[sound] = "not drawn"
    else:
        fate[sound] = "known well enough"
        fate[uncertain] = "less uncertain than the pool"
        pool = uncertain[np.argsort(-uncertainty[uncertain], kind="stable")][: int(settings["pool_factor"] * budget)]
        fate[pool] = "too like a chosen or trained structure"
        chosen = pool
        if len(pool) > budget:
            if features is None:
                raise ValueError(f"the strategy {strategy!r} needs the features of the explored and trained frames")
            of_explored, of_trained = features
            chosen = pool[farthest_points(of_explored[pool], of_trained, budget)]
    fate[chosen] = SELECTED
    fates = pd.DataFrame({name: explored.columns[name] for name in EXPLORED} | {"fate": fate})
    counts = {
        "strategy": strategy,
        "explored": len(explored),
        "physical": len(sound),
        "uncertain": len(uncertain),
        "uncertain_fraction": len(uncertain) / len(sound) if len(sound) else None,
        "selected": len(chosen),
        "fates": {str(name): int(n) for name, n in fates["fate"].value_counts().items()},
    }
    return Selection(np.asarray(chosen, dtype=int), fates, counts)


def farthest_points(points: np.ndarray, known: np.ndarray, n: int) -> np.ndarray:
    """Farthest-point sampling (Gonzalez 1985): each pick is the point farthest from all `known` and all picked.

    Args:
        points: (n_points, d) candidates.
        known: (m, d) points that need not be covered again.
        n: picks; at most n_points.

    Returns:
        (n,) indices into `points`, in the order of picking.
    """
    distance = np.full(len(points), np.inf)
    for other in known:
        np.minimum(distance, np.linalg.norm(points - other, axis=1), out=distance)
    picks = []
    for _ in range(min(n, len(points))):
        pick = int(np.argmax(distance))
        picks.append(pick)
        np.minimum(distance, np.linalg.norm(points - points[pick], axis=1), out=distance)
        distance[pick] = -np.inf
    return np.array(picks, dtype=int)
