"""The section `sweep`: which settings are compared, and the runs that they make."""

import json
import re
from itertools import product
from typing import Annotated, Any

from pydantic import Field, field_validator

from .section import Section, key


class Sweep(Section):
    """Settings to compare, each a training run of its own (`make sweep`, docs/sweeps.md); no other target uses them."""

    over: dict[str, list[Any]] = key(
        {}, "values to try for keys of model and training, such as {model.n_interactions: [3, 6, 9]}"
    )
    grid: bool = key(False, "true: every combination; false: each key on its own, the others as in this file")
    seeds: list[Annotated[int, Field(ge=0, le=2**31 - 1)]] = key(
        [0, 1], "every run is trained once with each seed; a difference smaller than their spread is none", min_length=1
    )

    @field_validator("over", mode="before")
    @classmethod
    def _lists_by_dotted_key(cls, over: Any) -> Any:
        if not isinstance(over, dict) or not all(isinstance(values, list) for values in over.values()):
            raise ValueError("it takes a list for each key, written with its section: {model.n_interactions: [3, 6]}")
        return over


def sweep_runs(settings: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The runs of a sweep: the name of each, a folder's name too, and the dotted keys that it changes.

    Without `grid`, a value that several keys list because it is the config's own makes one run, named after the first.

    Args:
        settings: the sections `sweep`, `model` and `training` of a config, as plain values.
    """
    over = settings["sweep"]["over"]
    if settings["sweep"]["grid"]:
        changes = [dict(zip(over, values, strict=True)) for values in product(*over.values())] if over else []
    else:
        changes = [{name: value} for name, values in over.items() for value in values]
    runs: dict[str, dict[str, Any]] = {}
    seen: list[dict[str, Any]] = []
    for change in changes:
        if (result := with_changes(settings, change)) not in seen:
            seen.append(result)
            runs[run_name(change)] = change
    return runs


def with_changes(settings: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """A copy of a config in which the dotted keys have other values."""
    settings = dict(settings)
    for path, value in changes.items():
        section, name = path.split(".", 1)
        settings[section] = {**settings[section], name: value}
    return settings


def run_name(changes: dict[str, Any]) -> str:
    """The name of a run, safe as a folder and in a shell: `model.n_interactions-6__training.loss-mse`."""
    return "__".join(f"{path}-{_plain(value)}" for path, value in changes.items())


def _plain(value: Any) -> str:
    """A value in letters, digits and dots: 5 for 5.0, null for None, 1e-05, mse."""
    if isinstance(value, float) and float(f"{value:g}") == value:
        return f"{value:g}"
    text = value if isinstance(value, str) else json.dumps(value)
    return re.sub(r"[^A-Za-z0-9.+-]+", "_", text).strip("_")
