"""config.yaml and the JSON schema, written from the models so that they cannot fall out of step."""

import json
from typing import Any

import yaml
from pydantic import BaseModel

from .sections import Experiment

SCHEMA = "docs/config.schema.json"
HEADER = f"""# yaml-language-server: $schema={SCHEMA}
# The default experiment: every key, its meaning, unit and bounds. An experiment of your own names only what differs:
#   snakemake --configfile my_molecule.yaml
# This file is written by `make config` from workflow_scripts/ouroboros/config/sections.py; a test keeps it in step.
"""


def config_yaml() -> str:
    """The default experiment as commented YAML."""
    return HEADER + "\n".join(_lines(Experiment, indent=0)) + "\n"


def json_schema() -> str:
    """The JSON schema by which an editor completes and checks a config file."""
    return json.dumps(Experiment.model_json_schema(), indent=2, ensure_ascii=False) + "\n"


def _lines(section: type[BaseModel], indent: int) -> list[str]:
    lines, pad = [], "  " * indent
    for name, field in section.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            lines += ["" if indent == 0 else None, f"{pad}# {field.annotation.__doc__}", f"{pad}{name}:"]
            lines += _lines(field.annotation, indent + 1)
            continue
        value = yaml.safe_dump(field.get_default(), default_flow_style=True, width=1000).splitlines()[0]
        lines.append(f"{pad}{name}: {value}  # {_comment(section, name)}")
    return [line for line in lines if line is not None]


def _comment(section: type[BaseModel], name: str) -> str:
    field, schema = section.model_fields[name], section.model_json_schema()["properties"][name]
    unit = schema.get("unit")
    return f"{field.description}{f' [{unit}]' if unit else ''}{_choices(schema)}{_bounds(schema)}"


def _choices(schema: dict[str, Any]) -> str:
    """What may stand there, where the description does not tell."""
    choices = [choice for option in [schema, *schema.get("anyOf", [])] for choice in option.get("enum", [])]
    told = all(choice in schema["description"] for choice in choices)
    return "" if told else f" ({', '.join(choices)})"


def _bounds(schema: dict[str, Any]) -> str:
    signs = {"minimum": "≥", "exclusiveMinimum": ">", "maximum": "≤", "exclusiveMaximum": "<"}
    options = [schema, *schema.get("anyOf", [])]
    bounds = [[f"{sign} {option[name]:g}" for name, sign in signs.items() if name in option] for option in options]
    told = " or ".join(", ".join(each) for each in bounds if each)
    return f" ({told})" if told else ""
