"""Can a config file be read at all? `python -m ouroboros.config_file my.yaml`, as Snakemake names no line."""

import sys
from pathlib import Path

import yaml


def problem_of(path: Path) -> str:
    """Why a file cannot be a config, in one sentence; empty where it can, whatever its keys."""
    if not path.is_file():
        return (
            f"There is no file {path}; make new MOLECULE=... writes the config of a molecule, CONFIG=my.yaml names it."
        )
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        return f"{path} is not YAML: {error.problem} in line {line}; look there and in the line before it."
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        return f"{path} cannot be read: {error}."
    if content is not None and not isinstance(content, dict):
        return f"{path} holds no keys, but {content!r:.40}; a config is made of lines such as name: my."
    return ""


if __name__ == "__main__":
    if problem := problem_of(Path(sys.argv[1])):
        sys.exit(f"{problem}\n  More: docs/troubleshooting.md#the-config-cannot-be-run")
