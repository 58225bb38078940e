"""The model card: what a committee was made from, how accurate it is, and where it was tested."""

from typing import Any

import pandas as pd

from .domain import IN_DOMAIN, OUT_OF_DOMAIN
from .error_groups import NO_VALUE

HELD_OUT = {  # what the test set is, by the strategy of the split
    "trajectory": " of trajectories that training never saw",
    "time": " of a later time than training saw",
    "column": " of groups that training never saw",
    "published": " of the published test set, random in time",
    "random": " drawn at random: neighbours of training frames are among them",
}


def model_card(
    name: str,
    model: dict[str, Any],
    committee_size: int,
    reference: dict[str, Any],
    split: dict[str, Any],
    leakage: dict[str, Any],
    table: pd.DataFrame,
    metrics: dict[str, Any],
) -> str:
    """Markdown: what the last committee was made from, how accurate it is, and where it was tested."""
    last, errors = table.iloc[-1], metrics["committee"]
    groups = {"all": errors, **{_temperature(t): part for t, part in metrics["by_temperature_K"].items()}}
    by_temperature = "\n".join(
        f"| {name} | {part['energy_mae_meV']:.1f} | {part['force_mae_meV_per_A']:.1f} |"
        for name, part in groups.items()
    )
    by_element = "\n".join(
        f"| {symbol} | {part['force_mae_meV_per_A']:.1f} | {part['force_max_meV_per_A']:.0f} |"
        for symbol, part in metrics["by_element"].items()
    )
    size = f"{model['n_atom_basis']} features, {model['n_interactions']} interactions, cutoff {model['cutoff_A']:g} Å"
    return f"""# {name}: potential of round {last["round"]}

- Network: {committee_size} × {model["representation"]}, {size}
- Level of theory: {reference["level_of_theory"]}
- Trained on: {last["labels"]} labels, {reference["molecule"]}
- Tested on: {split["test"]} frames{HELD_OUT[split["strategy"]]}; smallest RMSD to a training frame of the
  start set {_distance(leakage["smallest_rmsd_A"])}
- {_sentence(metrics["verdict"]["energy"])}; RMSE {errors["energy_rmse_meV"]:.1f} meV
- {_sentence(metrics["verdict"]["forces"])}; RMSE {errors["force_rmse_meV_per_A"]:.1f} meV/Å, largest error of a
  component {errors["force_max_meV_per_A"]:.0f} meV/Å
{_uncertainty_lines(metrics["uncertainty"])}
- Training of the members: {last["training"]}
- Walkers that survived exploration: {last["walkers_survived"]} of {last["walkers"]}
- Checks of the production run that failed: {last["checks_failed"]}
- Decision: {last["state"]}; {last["reason"]}

| test frames | energy MAE (meV) | force MAE (meV/Å) |
|---|---|---|
{by_temperature}

| element | force MAE (meV/Å) | largest (meV/Å) |
|---|---|---|
{by_element}

Data: {reference["licence"]}. {reference["citation"]}.
"""


def _distance(value: float | None) -> str:
    return "not known, none has the same atoms" if value is None else f"{value:.3f} Å"


def _temperature(value: str) -> str:
    return "of no temperature" if value == NO_VALUE else f"{value} K"


def _sentence(verdict: str) -> str:
    return verdict[:1].upper() + verdict[1:]


def _uncertainty_lines(told: dict[str, Any]) -> str:
    """A line each for the test frames in and out of the domain of the start set."""
    lines = []
    for name, where in ((IN_DOMAIN, "in the domain of the start set"), (OUT_OF_DOMAIN, "out of it, on purpose")):
        if name in told:
            sizes = told[name]["calibrated"]
            lines.append(
                f"- Uncertainty, {told[name]['frames']} test frames {where}: {sizes['coverage_90']:.0%} of the force "
                f"errors within its 90 % interval, miscalibration area {sizes['miscalibration_area']:.3f}, error over "
                f"uncertainty {_number(sizes['error_over_uncertainty_rms'])} (1 is right, above 1 is over-confident)"
            )
    return "\n".join(lines) or "- Uncertainty: not known, one member has no spread"


def _number(value: float | None) -> str:
    return "not known" if value is None else f"{value:.2f}"
