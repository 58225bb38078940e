"""For every config key, the rules that run again when it changes, found by dry runs on a finished run.

    .venv/bin/python bench/reruns.py [--write]

A small run (the one of the tests) is made; then each key is changed alone, by a value that the config accepts, and
Snakemake is asked what it would do. `--write` puts the table into docs/reruns.md. Some ten minutes.

The last line is JSON: for each set of rules, by its name in the docs, the keys.
"""

import argparse
import copy
import json
import sys
import tempfile
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "workflow_scripts"), str(ROOT / "tests/workflow")]

from conftest import TINY, job_counts, snakemake  # noqa: E402

from ouroboros.config import ConfigError, load_experiment  # noqa: E402
from ouroboros.config.sections import Experiment  # noqa: E402

DOCS, BEGIN, END = ROOT / "docs/reruns.md", "<!-- by bench/reruns.py -->", "<!-- end -->"
ELSEWHERE = (  # keys of other sources and oracles than the small run has, and those that make it another run
    *("name", "reference.source", "reference.download", "reference.files", "split.strategy"),
    *("oracle.kind", "oracle.pyscf", "oracle.ase", "oracle.model"),
)
VERDICT = ("decide", "check_decision", "report", "compare")
A_ROUND = ("train", "test", "explore", "simulate", "analyse", "select", "draw_selected", "show_structures", *VERDICT)
VALUES: list[Any] = [1, 2, 5, 7, 0.5, 0.25, 1.5, 100.0, True, "x", "ammonia", [1], [350.0], ["random"], [0.2, 0.4, 0.8]]
VALUES += [{"model.n_rbf": [8]}]


def keys(section: type[BaseModel] = Experiment, above: str = "") -> dict[str, Any]:
    """Every key of the config with its field."""
    found: dict[str, Any] = {}
    for name, field in section.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            found |= keys(field.annotation, f"{above}{name}.")
        else:
            found[above + name] = field
    return found


def with_another_value(key: str, field: Any) -> dict[str, Any] | None:
    """The config with another value for the key; None where none of those at hand is accepted."""
    before = load_experiment(copy.deepcopy(TINY))
    *sections, name = key.split(".")
    value = before
    for part in (*sections, name):
        value = value[part]
    choices = [choice for choice in get_args(field.annotation) if isinstance(choice, str)]
    near: list[Any] = []
    if isinstance(value, bool):
        near = [not value]
    elif isinstance(value, int | float):
        near = [value + 1, value * 1.5, value / 2]
    for other in [*choices, *near, *VALUES]:
        config = copy.deepcopy(TINY)
        target = config
        for part in sections:
            target = target.setdefault(part, {})
        target[name] = other
        try:
            if load_experiment(copy.deepcopy(config)) != before:
                return config
        except ConfigError:
            continue
    return None


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", action="store_true")
    arguments = parser.parse_args()
    changes = {key: with_another_value(key, field) for key, field in keys().items() if not key.startswith(ELSEWHERE)}
    for key in [key for key, config in changes.items() if config is None]:
        print(f"{key}: no other value was accepted", file=sys.stderr)
        del changes[key]
    with tempfile.TemporaryDirectory() as folder:
        run = snakemake(Path(folder), TINY)
        assert run.returncode == 0, run.stdout

        def rules(key: str) -> tuple[str, ...]:
            path = Path(folder, f"{key}.json")
            path.write_text(json.dumps(changes[key]), encoding="utf-8")
            told = snakemake(Path(folder), path, "--dry-run", "--nolock")
            assert told.returncode == 0, told.stdout
            return tuple(sorted(set(job_counts(told.stdout)) - {"all"}))

        with ThreadPoolExecutor(2) as pool:
            found = dict(zip(changes, pool.map(rules, changes), strict=True))
    table: dict[tuple[str, ...], list[str]] = {}
    for key, ruled in found.items():
        table.setdefault(ruled, []).append(key)
    if arguments.write:
        write(table)
    print(json.dumps({", ".join(ruled) or "nothing": named for ruled, named in table.items()}))


def write(table: dict[tuple[str, ...], list[str]]) -> None:
    """The table of the docs."""
    rows = [
        "## Every key",
        "",
        "By dry runs on the finished small run of the tests (`bench/reruns.py --write`), each key changed alone.",
        f"*A round* is {names(A_ROUND)};",
        f"*verdict* is {names(VERDICT)}.",
        "",
        "| rules that run again | changed key |",
        "|---|---|",
    ]
    for ruled, changed_keys in sorted(table.items(), key=lambda row: len(row[0])):
        rows.append(f"| {in_short(set(ruled))} | {by_section(changed_keys)} |")
    text = DOCS.read_text(encoding="utf-8")
    before, after = text.split(BEGIN)[0], text.split(END)[1]
    DOCS.write_text("\n".join([before + BEGIN, "", *rows, "", END]) + after, encoding="utf-8")


def names(rules: Iterable[str]) -> str:
    return ", ".join(f"`{rule}`" for rule in rules)


def in_short(rules: set[str]) -> str:
    """Rules by name, those that always come together by the name of their group."""
    groups = []
    for name, group in (("a round", A_ROUND), ("verdict", VERDICT)):
        if rules >= set(group):
            groups.append(f"*{name}*")
            rules = rules - set(group)
    return ", ".join([*([names(sorted(rules))] if rules else []), *groups]) or "none"


def by_section(changed_keys: list[str]) -> str:
    """Keys behind the name of their section, which is said once."""
    sections: dict[str, list[str]] = {}
    for key in changed_keys:
        section, _, name = key.rpartition(".")
        sections.setdefault(section, []).append(name)
    return "; ".join(f"{section}: {names(found)}" if section else names(found) for section, found in sections.items())


if __name__ == "__main__":
    main()
