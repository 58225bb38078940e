"""A raw config becomes checked plain values, or one sentence that says what is wrong with it."""

import difflib
import re
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from .consistency import impossible
from .sections import Experiment
from .sweep import sweep_runs, with_changes

ALLOWED = {  # by pydantic's type of the error
    "int_type": "an integer",
    "int_from_float": "an integer",
    "float_type": "a number",
    "bool_type": "true or false",
    "string_type": "text",
    "list_type": "a list, in [ ]",
}


class ConfigError(ValueError):
    """The config cannot be run; the message names the key, the value and what is allowed."""


def load_experiment(raw: dict[str, Any]) -> dict[str, Any]:
    """Check a raw config and fill in the defaults.

    Args:
        raw: what YAML and `--config` gave.

    Returns:
        Plain dicts, lists and scalars, safe as params of a rule.

    Raises:
        ConfigError: an unknown key, a wrong type, a value out of bounds or an impossible combination.
    """
    experiment, problems = _checked(raw)
    if problems or experiment is None:
        raise ConfigError("\n".join(problems))
    settings = experiment.model_dump(mode="json")
    if problems := _problems_of_sweep(settings):
        raise ConfigError("\n".join(problems))
    return settings


def _checked(raw: dict[str, Any]) -> tuple[Experiment | None, list[str]]:
    """The experiment, None where a key or a value is wrong; and a sentence for each problem."""
    try:
        experiment = Experiment.model_validate(raw)
    except ValidationError as error:
        return None, [_sentence(item) for item in error.errors()]
    return experiment, impossible(experiment)


def _problems_of_sweep(settings: dict[str, Any]) -> list[str]:
    """What is wrong with the config of each run of the sweep, by the same checks as any other config."""
    alone = {name: section for name, section in settings.items() if name != "sweep"}
    first: dict[str, str] = {}  # the runs of a grid repeat a problem
    for name, changes in sweep_runs(settings).items():
        for problem in _checked(with_changes(alone, changes))[1]:
            first.setdefault(problem, name)
    return [f"Run {name} of the sweep (sweep.over): {problem}" for problem, name in first.items()]


def _sentence(item: ErrorDetails) -> str:
    path = [part for part in item["loc"] if isinstance(part, str)]
    name = ".".join(str(part) for part in item["loc"])
    value = item.get("input")
    if item["type"] == "extra_forbidden":
        known = list(_section(path[:-1]).model_fields)
        near = difflib.get_close_matches(path[-1], known, n=1)
        where = f"section '{'.'.join(path[:-1])}'" if path[:-1] else "the top level"
        hint = f"did you mean '{near[0]}'?" if near else f"{where} knows {', '.join(known)}."
        return f"Config key '{name}' is unknown; {hint}"
    if item["type"] in ("model_type", "dict_type") or not name:
        where = f"Config key '{name}' is a section" if name else "The config is a set of sections"
        return f"{where}, but it holds {value!r}; write its keys below it, or leave it out to take the defaults."
    if item["type"] == "string_pattern_mismatch":
        allowed = "letters, digits, dots, _ and -" if name == "name" else "64 hexadecimal digits in small letters"
        return f"Config key '{name}' has the value {value!r}; allowed are {allowed}."
    return f"Config key '{name}' has the value {value!r}; {_allowed(item, _meaning(path))}{_hint_on_powers(value)}."


def _allowed(item: ErrorDetails, meaning: str) -> str:
    """What a key takes, and what it means."""
    choices = re.findall("'(.+?)'", item["ctx"]["expected"]) if item["type"] == "literal_error" else []
    if choices and all(choice in meaning for choice in choices):
        return f"allowed is one of these: {meaning}"  # which tells of each what it is
    if item["type"] in ALLOWED:
        reason = f"allowed is {ALLOWED[item['type']]}"
    else:
        reason = item["msg"].removeprefix("Value error, ").replace("Input should be", "allowed is").replace("'", "")
    return reason + (f" ({meaning})" if meaning else "")


def _hint_on_powers(value: Any) -> str:
    """YAML 1.1 reads 1e-3 as text."""
    power = isinstance(value, str) and re.fullmatch(r"([+-]?\d+)([eE][+-]?\d+)", value)
    return f"; with a dot, {power[1]}.0{power[2]}, YAML reads it as a number" if power else ""


def _section(path: list[str]) -> type[BaseModel]:
    """The model that describes the section at `path`."""
    section: type[BaseModel] = Experiment
    for part in path:
        section = _model_in(section.model_fields[part].annotation)
    return section


def _model_in(annotation: Any) -> type[BaseModel]:
    candidates = [annotation, *get_args(annotation)]
    return next(c for c in candidates if isinstance(c, type) and issubclass(c, BaseModel))


def _meaning(path: list[str]) -> str:
    try:
        field = _section(path[:-1]).model_fields[path[-1]]
    except (KeyError, IndexError, StopIteration):
        return ""
    unit = (field.json_schema_extra or {}).get("unit") if isinstance(field.json_schema_extra, dict) else None
    return f"{field.description}{f', in {unit}' if unit else ''}" if field.description else ""
