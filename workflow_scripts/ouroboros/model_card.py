"""The model card: the answer of an arm as Markdown, with what its committee was made from and its errors by group."""

from typing import Any

import pandas as pd

from .error_groups import NO_VALUE


def model_card(
    name: str,
    model: dict[str, Any],
    committee_size: int,
    reference: dict[str, Any],
    leakage: dict[str, Any],
    table: pd.DataFrame,
    metrics: dict[str, Any],
    told: dict[str, Any],
) -> str:
    """Markdown: whether the last committee is usable, what it was made from, how accurate it is, where it was tested.

    Args:
        name: of the experiment.
        model: the `model` section of the config.
        committee_size: members.
        reference: reference.json.
        leakage: leakage.json.
        table: of `rounds.round_table`.
        metrics: test/metrics.json of the last round.
        told: of `answer.answer`.
    """
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

{told["headline"]}

- Network: {committee_size} × {model["representation"]}, {size}
- Level of theory: {reference["level_of_theory"]}
- Trained on: {last["labels"]} labels, {reference["molecule"]}
- Training of the members: {last["training"]}
- Decision: {last["state"]}

For what:

{_items(told["use"])}

On what evidence:

{_items(told["evidence"])}
- Smallest RMSD of a test frame to a training frame of the start set: {_distance(leakage["smallest_rmsd_A"])}

Within what limits:

{_items(told["limits"])}

| test frames | energy MAE (meV) | force MAE (meV/Å) |
|---|---|---|
{by_temperature}

| element | force MAE (meV/Å) | largest (meV/Å) |
|---|---|---|
{by_element}

Data: {reference["licence"]}. {reference["citation"]}.
"""


def _items(sentences: list[str]) -> str:
    return "\n".join(f"- {sentence}" for sentence in sentences)


def _distance(value: float | None) -> str:
    return "not known, none has the same atoms" if value is None else f"{value:.3f} Å"


def _temperature(value: str) -> str:
    return "of no temperature" if value == NO_VALUE else f"{value} K"
