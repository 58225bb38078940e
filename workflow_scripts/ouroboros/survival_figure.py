"""How long walkers live in each round."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd
from scipy.stats import CensoredData, ecdf

from .figure import figure, sentence


def survival(rounds: Sequence[pd.DataFrame], path: str | Path) -> None:
    """Share of walkers not yet stopped against their own time, a curve a round (Kaplan and Meier 1958).

    A walker that reached the end of the run, early where it took another's place, was not stopped: how long it would
    have gone on is not known.

    Args:
        rounds: explore/walkers.csv of each; a pool has no walkers.
        path: of the figure.
    """
    if not any(len(walkers) for walkers in rounds):
        sentence(path, "There were no walkers: the structures came from a pool of labelled frames.")
        return
    with figure(path) as axes:
        for number, walkers in enumerate(rounds):
            survived, time = walkers["survived"].astype(bool), walkers["time_ps"]
            told = ecdf(CensoredData.right_censored(time, survived)).sf
            x, y = [0.0, *told.quantiles], [1.0, *told.probabilities]
            axes.step(x, y, where="post", label=f"round {number}: {survived.sum()} of {len(walkers)} to the end")
        axes.set(xlabel="time of a walker (ps)", ylabel="share of walkers not yet stopped")
        axes.set(xlim=(0, None), ylim=(0, 1.05))
        axes.legend(loc="lower left")
