"""Every command of docs/tutorial.md, in their order, in a copy of the project whose tutorial config is made smaller."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml
from conftest import PROJECT, changed

TUTORIAL = PROJECT / "docs/tutorial.md"


def commands() -> list[str]:
    """The shell commands of the tutorial, a block each."""
    return re.findall(r"^```sh\n(.*?)^```$", TUTORIAL.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)


def smaller(config: dict) -> dict:
    """The tutorial's experiment with hardly any work in each job, and two trainings in its sweep."""
    return changed(
        config, reference__generate__length_ps=0.4, reference__generate__trajectories_per_temperature=2,
        reference__generate__equilibration_ps=0.05, split__train=24, split__validation=6, split__test=20,
        committee__size=2, training__steps=200, exploration__walkers=4, exploration__length_ps=0.05,
        exploration__stride_fs=5, exploration__hard_limit_eV_per_A=20, simulation__walkers=2, simulation__steps=200,
        simulation__stride=2, selection__per_round=4, selection__low_eV_per_A=0.0, sweep__seeds=[0],
        sweep__over={"model.n_interactions": [3], "model.representation": ["painn"]},
        analysis__timestep_scan__length_ps=0.05, analysis__vibrations__oracle_walkers=1,
    )  # fmt: skip


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the project as a newcomer has it: what git tracks, with its times, and the environment."""
    folder = tmp_path_factory.mktemp("project")
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=PROJECT, check=True, capture_output=True, text=True).stdout
    for name in filter(None, listed.split("\0")):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(PROJECT / name, folder / name)
    (folder / ".venv").symlink_to(PROJECT / ".venv")
    config = folder / "examples/tutorial.yaml"
    config.write_text(yaml.safe_dump(smaller(yaml.safe_load(config.read_text(encoding="utf-8")))), encoding="utf-8")
    return folder


def test_every_command_of_the_tutorial_works_in_its_order(project: Path):
    environment = {**os.environ, "XDG_CACHE_HOME": str(project / "cache")}
    blocks = commands()
    assert len(blocks) > 10
    for block in blocks:
        run = subprocess.run(
            ["bash", "-ec", block],
            cwd=project,
            env=environment,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        assert run.returncode == 0, f"{block}\n{run.stdout}"
    last = "tutorial/committee-42/round_1"
    made = ["tutorial.html", "tutorial/sweep/table.csv", "tutorial/overfit/verdict.json", "tutorial/comparison"]
    made += [f"{last}/{name}" for name in ("timestep_scan", "vibrations/vibrations.svg", "export/model_1.torchscript")]
    assert [name for name in made if not (project / "results" / name).exists()] == []


def test_every_figure_and_page_that_the_tutorial_names_is_there():
    for link in re.findall(r"\]\(([^)#]+)", TUTORIAL.read_text(encoding="utf-8")):
        if not link.startswith("http"):
            assert (TUTORIAL.parent / link).exists(), link
