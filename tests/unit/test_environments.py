"""The set-up files agree with one another: one Python, one version of each package, nothing tied to a machine."""

import ast
import re
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
SCRIPTS = ROOT / "workflow_scripts"
ENVIRONMENTS = sorted((ROOT / "envs").glob("*.yaml"))
LOCK_TEXT = (ROOT / "requirements.lock").read_text()
LOCK = dict(re.findall(r"^([a-z0-9][a-z0-9.-]*)==([^\s;]+)", LOCK_TEXT, re.MULTILINE))


def normalised(name):
    return re.sub(r"[-_.]+", "-", name).lower()


def conda_dependencies(path):
    """The conda packages of an environment file as written, and its pip pins as {name: version}."""
    dependencies = yaml.safe_load(path.read_text())["dependencies"]
    conda = [entry for entry in dependencies if isinstance(entry, str)]
    pip = [pin for entry in dependencies if isinstance(entry, dict) for pin in entry["pip"]]
    return conda, dict(pin.split(";")[0].strip().split("==") for pin in pip)


def for_types_only(node):
    return isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)


def imported(path):
    """Modules a file imports when it is loaded: not what a function imports later, nor what only types need."""
    package = list(path.relative_to(SCRIPTS).parent.parts)
    pending = [ast.parse(path.read_text())]
    while pending:
        node = pending.pop()
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            module = ".".join([*base, *([node.module] if node.module else [])])
            yield from (f"{module}.{alias.name}" for alias in node.names)
        elif not isinstance(node, ast.FunctionDef | ast.Lambda) and not for_types_only(node):
            pending.extend(ast.iter_child_nodes(node))


def third_party(path, seen):
    """Top-level names of foreign modules that loading a script needs, through our own library."""
    for module in imported(path):
        first, *rest = module.split(".")
        if first == "ouroboros":
            for depth in range(len(rest) + 1):
                stem = SCRIPTS.joinpath(first, *rest[:depth])
                for file in (stem.with_suffix(".py"), stem / "__init__.py"):
                    if file.exists() and file not in seen:
                        seen.add(file)
                        yield from third_party(file, seen)
        elif first not in sys.stdlib_module_names:
            yield first


def scripts_and_environments():
    """Each rule's script with the environment it names, as (script, environment)."""
    for rules in sorted((ROOT / "rules").glob("*.smk")):
        for rule in re.split(r"^\s*(?:rule|checkpoint) \w+:", rules.read_text(), flags=re.MULTILINE)[1:]:
            script = re.search(r'"\.\./workflow_scripts/([^"]+)"', rule)
            environment = re.search(r'"\.\./envs/([^"]+)"', rule)
            if script and "ORACLE_ENVIRONMENT" in rule:  # of the oracle's kind: the common one here
                yield script[1], "label.yaml"
            elif script:
                yield script[1], environment[1] if environment else None


def test_lock_holds_names_and_versions_only():
    entry = re.compile(r"[a-z0-9][a-z0-9.-]*==[^\s;]+( ; [^#]+)?( +# via .+)?")
    lines = [line for line in LOCK_TEXT.splitlines() if not line.startswith("#")]
    assert [line for line in lines if not entry.fullmatch(line)] == []
    assert not re.search(r"://|--hash|--index|--find-links|(^|\s)/\w", LOCK_TEXT)


def test_lock_leaves_the_gpu_libraries_to_torch():
    assert [name for name in LOCK if name.startswith(("nvidia-", "cuda-", "triton"))] == []


@pytest.mark.parametrize("path", ENVIRONMENTS, ids=lambda path: path.name)
def test_environment_has_the_versions_of_the_lock(path):
    _, pins = conda_dependencies(path)
    assert pins == {name: LOCK.get(name) for name in pins}


def test_one_python_everywhere():
    python = (ROOT / ".python-version").read_text().strip()
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    assert project["project"]["requires-python"] == f"=={python}.*"
    assert project["tool"]["mypy"]["python_version"] == python
    assert project["tool"]["ruff"]["target-version"] == "py" + python.replace(".", "")
    for path in ENVIRONMENTS:
        assert f"python ={python}" in conda_dependencies(path)[0], path.name


def test_what_we_ask_for_is_in_the_lock():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    asked = [*project["dependencies"], *project["optional-dependencies"]["labels"]]
    asked += [line for line in (ROOT / "requirements.in").read_text().splitlines() if line[:1].isalpha()]
    names = {normalised(re.match(r"[A-Za-z0-9._-]+", line)[0]) for line in asked}
    assert sorted(names - LOCK.keys()) == []


def test_every_script_has_an_environment():
    chosen = dict(scripts_and_environments())
    assert sorted(chosen) == sorted(path.name for path in SCRIPTS.glob("*.py"))
    assert None not in chosen.values()


@pytest.mark.parametrize(("script", "environment"), list(scripts_and_environments()))
def test_environment_has_what_its_scripts_import(script, environment):
    _, pins = conda_dependencies(ROOT / "envs" / environment)
    sources = packages_distributions()
    needed = {normalised(sources[name][0]) for name in third_party(SCRIPTS / script, set())}
    assert sorted(needed - pins.keys()) == []


def copied(recipe):
    """Files of the project that a recipe of an image takes."""
    text = (ROOT / "envs" / recipe).read_text()
    if recipe == "Dockerfile":
        lines = re.findall(r"^COPY (.+)$", text, re.MULTILINE)
        return {name for line in lines for name in line.split()[:-1]}
    return {line.split()[0] for line in text.split("%files")[1].split("%post")[0].splitlines() if line.strip()}


@pytest.mark.parametrize("recipe", ["Dockerfile", "ouroboros.def"])
def test_an_image_is_made_from_the_lock_with_the_same_python_and_the_same_script(recipe):
    text, python = (ROOT / "envs" / recipe).read_text(), (ROOT / ".python-version").read_text().strip()
    assert re.search(rf"^F(ROM|rom:) python:{re.escape(python)}-slim-bookworm$", text, re.MULTILINE)
    assert copied(recipe) == {".python-version", "requirements.lock", "envs/create.sh"}
    assert all((ROOT / name).is_file() for name in copied(recipe))
    assert "envs/create.sh" in text.split("requirements.lock")[-1]
    assert "apt-get install --yes --no-install-recommends g++ git make" in text


def test_the_script_of_an_image_reads_nothing_that_the_image_does_not_hold():
    script = (ROOT / "envs/create.sh").read_text()
    named = set(
        re.findall(r"(?<![\w/.])((?:envs/|\.)?[\w-]+\.(?:lock|txt|in|toml|yaml|smk|py)|\.python-version)\b", script)
    )
    assert named <= {"requirements.lock", ".python-version"}
