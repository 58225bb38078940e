"""What cannot be swept: unknown keys, values given twice, and keys that change nothing."""

from collections import Counter
from collections.abc import Iterator
from difflib import get_close_matches
from typing import Any

from .sections import Experiment, Model, Training
from .sweep import run_name, sweep_runs, with_changes

KEYS = [
    f"{section}.{name}" for section, model in (("model", Model), ("training", Training)) for name in model.model_fields
]

NEEDS: dict[str, tuple[str, list[str | None]]] = {  # a key, and what another one has to be for it to change anything
    "model.n_filters": ("model.representation", ["schnet"]),
    "model.lmax": ("model.representation", ["so3net"]),
    "model.shared_filters": ("model.representation", ["painn"]),
    "training.steps": ("training.epochs", [None]),
    "training.plateau_factor": ("training.schedule", ["plateau"]),
    "training.plateau_patience": ("training.schedule", ["plateau"]),
}
LONGEST_NAME = 200  # characters; file systems end at 255


def sweep_problems(experiment: Experiment) -> Iterator[str]:
    """Keys, lists and seeds of the section `sweep` that make no sweep."""
    over, seeds = experiment.sweep.over, experiment.sweep.seeds
    if len(set(seeds)) < len(seeds):
        yield f"Config key 'sweep.seeds' is {seeds}; each entry may stand there once."
    unknown = [name for name in over if name not in KEYS]
    yield from (_unknown(name) for name in unknown)
    if unknown:
        return
    for name, values in over.items():
        names = Counter(run_name({name: value}) for value in values)
        if not values:
            yield f"Config key 'sweep.over' gives no values for {name}; list some, or take the key out."
        elif names.most_common(1)[0][1] > 1:
            yield f"Config key 'sweep.over' lists {values} for {name}; each value may stand there once."
    settings = experiment.model_dump()
    longest = max(map(len, sweep_runs(settings)), default=0)
    if longest > LONGEST_NAME:
        yield (
            f"Config key 'sweep.over' combines so many keys that a run's folder would have a name of {longest} "
            f"characters, more than {LONGEST_NAME}; sweep fewer keys at a time."
        )
    yield from _without_effect(settings)


def _unknown(name: str) -> str:
    near = get_close_matches(name, KEYS, n=1) or [known for known in KEYS if known.split(".")[1] == name]
    hint = f"did you mean '{near[0]}'?" if near else f"it takes keys of model and training: {', '.join(KEYS)}."
    return f"Config key 'sweep.over' names '{name}', which is unknown; {hint}"


def _without_effect(settings: dict[str, Any]) -> Iterator[str]:
    """A key that no run uses would be trained again and again to the same end."""
    runs = [with_changes(settings, change) for change in sweep_runs(settings).values()]
    for name, (needed, values) in NEEDS.items():
        section, other = needed.split(".")
        if name in settings["sweep"]["over"] and not any(run[section][other] in values for run in runs):
            asked = " or ".join("null" if value is None else str(value) for value in values)
            yield (
                f"Config key 'sweep.over' lists values for {name}, which change nothing unless {needed} is {asked}; "
                f"take the key out, or set {needed}."
            )
    for name in ("training.warm_start", "training.from_scratch_every"):
        if name in settings["sweep"]["over"]:
            yield (
                f"Config key 'sweep.over' lists values for {name}, which change nothing: a sweep trains on the data of "
                "round 0, which has no round before it; take the key out."
            )
    for name in ("training.mem_mb", "training.runtime_min"):
        if name in settings["sweep"]["over"]:
            yield (
                f"Config key 'sweep.over' lists values for {name}, which change nothing but what the jobs ask for; "
                "take the key out, and set it in the section training."
            )
