"""Which explored structures are worth a label: filters, candidates, duplicates, diversity, budget, in that order."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from .contacts import closest_contacts
from .diversity import farthest_points, largest_clusters
from .fragments import compositions, count_fragments, most_fragments
from .frames import Frames
from .near_duplicates import like_known, repeated

SELECTED, SPOT_CHECK = "selected", "selected as a spot check"
STRATEGIES = ("committee", "percentile", "diversity", "random")
PICKERS = {"farthest": farthest_points, "clusters": largest_clusters}


@dataclass(frozen=True)
class Selection:
    """The outcome: `chosen` are indices into the explored frames; `fates` has one row a frame; `counts` sums up."""

    chosen: np.ndarray
    fates: pd.DataFrame
    counts: dict[str, Any]


def select(
    explored: Frames,
    trained: Frames,
    strategy: str,
    settings: dict[str, Any],
    rng: np.random.Generator,
    features: tuple[np.ndarray, np.ndarray],
) -> Selection:
    """Choose at most `per_round` explored frames.

    All strategies go the same way and differ by two steps, who is a candidate and how the picks are drawn:

        committee   frames in the uncertainty band (with `criterion: top` all below its upper end), the most uncertain
                    first
        percentile  frames above that percentile of the uncertainty of this exploration, the most uncertain first
        diversity   every sound frame, in the order of exploration
        random      every sound frame, in a random order: the control that active learning has to beat

    The first three pick for diversity from their first `pool_factor` × `per_round` candidates (diversity from all).

    Args:
        explored: frames with the columns `walker`, `step`, `uncertainty` (expected error, eV/Å) and `max_force` (eV/Å).
        trained: the frames that the committee has seen.
        strategy: one of STRATEGIES.
        settings: the `selection` section of the config.
        rng: for random draws.
        features: of the explored and of the trained frames, (n, d) and (m, d).
    """
    uncertainty, budget = explored.columns["uncertainty"], settings["per_round"]
    fate = physical(explored, trained, settings)
    sound = np.flatnonzero(fate == "")
    low, high = band(uncertainty[sound], strategy, settings)
    candidates = sound[(uncertainty[sound] >= low) & (uncertainty[sound] <= high)]
    below = "below the percentile" if strategy == "percentile" else "known well enough"
    fate[sound] = np.where(uncertainty[sound] < low, below, "too uncertain to be trusted")
    unsure = len(candidates)
    ordered = in_order(candidates, uncertainty, strategy, rng)
    ordered, twins = without_duplicates(explored, trained, ordered, settings["duplicate_rmsd_A"])
    for reason, frames in twins.items():
        fate[frames] = reason
    fate[ordered] = "not needed: the budget is spent on others"
    chosen = pick(ordered, budget, strategy, settings, features)
    fate[chosen] = SELECTED
    others = sound[(uncertainty[sound] <= high)] if strategy == "committee" else sound
    checks = spot_checks(others, explored, trained, chosen, strategy, settings, rng)
    fate[checks] = SPOT_CHECK
    chosen = np.concatenate([chosen, checks]).astype(int)
    uncertain = int((uncertainty[sound] >= settings["low_eV_per_A"]).sum())
    counts = {
        "strategy": strategy,
        "explored": len(explored),
        "physical": len(sound),
        "low_eV_per_A": low if np.isfinite(low) else None,
        "high_eV_per_A": high if np.isfinite(high) else None,
        "candidates": unsure,
        "no_duplicates": len(ordered),
        "spot_checks": len(checks),
        "selected": len(chosen),
        "uncertain": uncertain,
        "uncertain_fraction": uncertain / len(sound) if len(sound) else None,
        "fates": {str(name): int(n) for name, n in pd.Series(fate).value_counts().items()},
    }
    unknown = np.full(len(explored), np.nan)
    fates = pd.DataFrame(
        {
            "walker": explored.columns["walker"],
            "step": explored.columns["step"],
            "uncertainty_eV_per_A": uncertainty,
            "mean_uncertainty_eV_per_A": explored.columns.get("mean_uncertainty", unknown),
            "energy_std_eV": explored.columns.get("energy_std", unknown),
            "max_force_eV_per_A": explored.columns["max_force"],
            "fate": fate,
        }
    )
    return Selection(chosen, fates, counts)


def physical(explored: Frames, trained: Frames, settings: dict[str, Any]) -> np.ndarray:
    """Why a frame must not be labelled: (n_frames,) of sentences, empty where there is nothing to object to."""
    reasons = np.full(len(explored), "", dtype=object)
    reasons[explored.columns["max_force"] > settings["force_cap_eV_per_A"]] = "predicted force over the cap"
    if settings["keep_whole"]:
        most = most_fragments(trained)
        allowed = np.array([most.get(kind, np.inf) for kind in compositions(explored)])
        reasons[count_fragments(explored) > allowed] = "fallen into pieces"
    reasons[closest_contacts(explored) < settings["closest_contact"]] = "atoms too close"
    for name, words in (("max_force", "predicted force"), ("uncertainty", "uncertainty")):
        reasons[~np.isfinite(explored.columns[name])] = f"{words} is NaN or infinite"
    return reasons


def band(uncertainty: np.ndarray, strategy: str, settings: dict[str, Any]) -> tuple[float, float]:
    """The uncertainties, eV/Å, between which a sound frame is a candidate."""
    if strategy == "percentile" and len(uncertainty):
        return float(np.percentile(uncertainty, settings["percentile"])), np.inf
    if strategy == "committee":
        high = np.inf if settings["high_eV_per_A"] is None else settings["high_eV_per_A"]
        return (settings["low_eV_per_A"] if settings["criterion"] == "band" else -np.inf), high
    return -np.inf, np.inf


def in_order(candidates: np.ndarray, uncertainty: np.ndarray, strategy: str, rng: np.random.Generator) -> np.ndarray:
    """The candidates, those that come first when there are too many at the front."""
    if strategy == "random":
        return rng.permutation(candidates)
    if strategy == "diversity":
        return candidates
    return candidates[np.argsort(-uncertainty[candidates], kind="stable")]


def without_duplicates(
    explored: Frames, trained: Frames, ordered: np.ndarray, within_A: float
) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """The candidates left, and the ones that went, by the reason."""
    own = explored.take(ordered)
    known = like_known(own, trained, within_A)
    left, of_known = ordered[~known], ordered[known]
    again = repeated(own.take(~known), within_A)
    reasons = {"near duplicate of a trained frame": of_known, "near duplicate of another candidate": left[again]}
    return left[~again], reasons


def pick(
    ordered: np.ndarray,
    budget: int,
    strategy: str,
    settings: dict[str, Any],
    features: tuple[np.ndarray, np.ndarray],
) -> np.ndarray:
    """At most `budget` of the candidates."""
    if strategy == "random" or len(ordered) <= budget or settings["diversity"] == "none":
        return ordered[:budget]
    pool = ordered if strategy == "diversity" else ordered[: int(settings["pool_factor"] * budget)]
    of_explored, of_trained = features
    return pool[PICKERS[settings["diversity"]](of_explored[pool], of_trained, budget)]


def spot_checks(
    sound: np.ndarray,
    explored: Frames,
    trained: Frames,
    chosen: np.ndarray,
    strategy: str,
    settings: dict[str, Any],
    rng: np.random.Generator,
) -> np.ndarray:
    """Sound frames labelled all the same where hardly any is uncertain: a committee may agree on what is wrong."""
    missing = min(settings["spot_checks"], settings["per_round"]) - len(chosen)
    if strategy != "committee" or missing <= 0:
        return np.zeros(0, dtype=int)
    drawn = rng.permutation(np.setdiff1d(sound, chosen))
    ordered, _ = without_duplicates(explored, trained, np.concatenate([chosen, drawn]), settings["duplicate_rmsd_A"])
    return np.setdiff1d(ordered, chosen, assume_unique=True)[:missing]
