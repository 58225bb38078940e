"""Go on or stop, always with the reason."""

from dataclasses import dataclass
from typing import Any

CONTINUE, CONVERGED, BUDGET_SPENT, BROKEN = "continue", "converged", "budget_spent", "broken"


@dataclass(frozen=True)
class Verdict:
    """What becomes of an arm after a round."""

    state: str
    reason: str


def decide(figures: dict[str, Any], targets: dict[str, float], *, last_round: bool) -> Verdict:
    """Weigh one round.

    Args:
        figures: `force_mae_meV_per_A`, `uncertain_fraction`, `survival_fraction` (None for a pool, which has no
            walkers), `walkers`, `frames_explored`,
            `checks_failed`, the names of the checks that the production run did not pass.
        targets: the `decision` section of the config.
        last_round: the budget of rounds ends here.
    """
    if figures["frames_explored"] == 0 and figures["walkers"] == 0:
        return Verdict(BUDGET_SPENT, "every frame of the pool has been labelled")
    broken = _broken(figures)
    if broken:
        return Verdict(BROKEN, broken)
    mae, uncertain, survival = (
        figures[name] for name in ("force_mae_meV_per_A", "uncertain_fraction", "survival_fraction")
    )
    missed = []
    if not mae <= targets["force_mae_meV_per_A"]:
        missed.append(f"force MAE {mae:.1f} meV/Å is over {targets['force_mae_meV_per_A']:g}")
    if not uncertain <= targets["uncertain_fraction"]:
        missed.append(f"{uncertain:.0%} of the explored frames are uncertain, over {targets['uncertain_fraction']:.0%}")
    if survival is not None and not survival >= targets["survival_fraction"]:
        missed.append(f"{survival:.0%} of the walkers survived, under {targets['survival_fraction']:.0%}")
    if figures["checks_failed"]:
        missed.append(f"the production run failed the check of {', '.join(figures['checks_failed'])}")
    if not missed:
        return Verdict(CONVERGED, "force error, uncertain frames, survival and production run meet their targets")
    if last_round:
        return Verdict(BUDGET_SPENT, "all rounds done; " + "; ".join(missed))
    return Verdict(CONTINUE, "; ".join(missed))


def _broken(figures: dict[str, Any]) -> str:
    if figures["frames_explored"] == 0:
        return "no walker kept a single frame; look at explore/walkers.csv for what stopped them"
    if figures["uncertain_fraction"] is None:
        return "no explored frame is physical; look at select/selection.csv"
    nan = [name for name, value in figures.items() if value != value]  # NaN alone differs from itself
    if nan:
        return f"{', '.join(nan)} is NaN; look at the test and exploration of this round"
    return ""
