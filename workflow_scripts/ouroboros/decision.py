"""Go on or stop, always with the reason."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from .faults import Fault

CONTINUE, CONVERGED, BUDGET_SPENT, BROKEN = "continue", "converged", "budget_spent", "broken"


@dataclass(frozen=True)
class Verdict:
    """What becomes of an arm after a round."""

    state: str
    reason: str


class BrokenRunError(Fault, RuntimeError):
    """An arm that must not go on; the message says why, and what to look at."""

    entry = "an-arm-is-broken"


class ExplodedError(BrokenRunError):
    """One whose walkers kept nothing that could be learned from."""

    entry = "dynamics-explode"


def decide(rounds: Sequence[dict[str, Any]], targets: dict[str, float], *, last_round: bool) -> Verdict:
    """Weigh the rounds of an arm up to the one that has just been explored.

    Args:
        rounds: what `rounds.figures_of_round` gave for each, round 0 first.
        targets: the `decision` section of the config.
        last_round: the budget of rounds ends here.
    """
    figures = rounds[-1]
    if figures["frames_explored"] == 0 and figures["walkers"] == 0:
        return Verdict(BUDGET_SPENT, "every frame of the pool has been labelled")
    broken = _broken(rounds, targets["worse_by"])
    if broken:
        return Verdict(BROKEN, broken)
    missed = _missed(figures, targets)
    stable = int(targets["stable_rounds"])
    if not missed:
        before = rounds[-stable:-1]
        steady = len(before) == stable - 1 and not any(_missed(each, targets) for each in before)
        if steady:
            since = f" for {stable} rounds" if stable > 1 else ""
            return Verdict(
                CONVERGED, f"force error, uncertain frames, survival and production run meet their targets{since}"
            )
        missed = [f"all targets are met, but not yet for {stable} rounds (decision.stable_rounds)"]
    if last_round:
        return Verdict(BUDGET_SPENT, "all rounds done; " + "; ".join(missed))
    if not figures["selected"] and not figures["walkers"]:
        return Verdict(BUDGET_SPENT, "what is left of the pool is not worth a label; " + "; ".join(missed))
    if not figures["selected"]:
        return Verdict(
            BROKEN, "no structure was selected, so that nothing can be learned; look at select/selection.csv"
        )
    return Verdict(CONTINUE, "; ".join(missed))


def refuse_broken(decision: dict[str, Any], where: str) -> None:
    """Stop the run where an arm is broken.

    Raises:
        BrokenRunError: it is.
    """
    if decision["state"] == BROKEN:
        exploded = decision.get("figures", {}).get("frames_physical") == 0
        raise (ExplodedError if exploded else BrokenRunError)(f"{where} is broken: {decision['reason']}")


def _missed(figures: dict[str, Any], targets: dict[str, float]) -> list[str]:
    """The targets that a round does not meet, with both numbers."""
    mae, uncertain, survival = (
        figures[name] for name in ("force_mae_meV_per_A", "uncertain_fraction", "survival_fraction")
    )
    missed = []
    if not mae <= targets["force_mae_meV_per_A"]:
        missed.append(f"force MAE {mae:.1f} meV/Å is over {targets['force_mae_meV_per_A']:g}")
    if uncertain is None and targets["uncertain_fraction"] < 1:
        missed.append("how many explored frames are uncertain is not known, as one member has no spread")
    elif uncertain is not None and not uncertain <= targets["uncertain_fraction"]:
        missed.append(f"{uncertain:.0%} of the explored frames are uncertain, over {targets['uncertain_fraction']:.0%}")
    if survival is not None and not survival >= targets["survival_fraction"]:
        missed.append(f"{survival:.0%} of the walkers survived, under {targets['survival_fraction']:.0%}")
    if figures["checks_failed"]:
        missed.append(f"the production run failed the check of {', '.join(figures['checks_failed'])}")
    return missed


def _broken(rounds: Sequence[dict[str, Any]], worse_by: float) -> str:
    figures = rounds[-1]
    if figures["frames_explored"] == 0:
        return "no walker kept a single frame; look at explore/walkers.csv for what stopped them"
    if figures["frames_physical"] == 0:
        return "no explored frame is physical; look at select/selection.csv"
    nan = [name for name, value in figures.items() if value != value]  # NaN alone differs from itself
    if nan:
        return f"{', '.join(nan)} is NaN; look at the test and exploration of this round"
    living, members = figures["members_living"], figures["members"]
    if living < 2 <= members:
        return (
            f"{living} of {members} members predict forces better than their mean does; look at model_*/curves.svg and "
            "training.json of this round"
        )
    if len(rounds) > 1 and rounds[-2]["selected"] and figures["labels"] <= rounds[-2]["labels"]:
        return "the round before brought no label; look at its label_failures.csv"
    errors = [each["force_mae_meV_per_A"] for each in rounds[-3:]]
    known = len(errors) == 3 and None not in errors
    if known and errors[2] > (1 + worse_by) * errors[1] > (1 + worse_by) ** 2 * errors[0]:
        return (
            f"the force error rose twice in a row ({', '.join(f'{error:.1f}' for error in errors)} meV/Å, "
            f"by more than {worse_by:.0%} each); look at the labels of the last rounds, and at model_*/curves.svg"
        )
    return ""
