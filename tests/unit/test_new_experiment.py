"""`make new`: a molecule becomes a config that passes all checks, or one sentence says why not."""

import sys
from pathlib import Path

import ase.io
import pytest
import yaml
from ase import Atoms
from ase.build import bulk, molecule

from ouroboros.config import ConfigError, load_experiment
from ouroboros.new_experiment import config_text, main, write


@pytest.fixture(autouse=True)
def _own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("given", ["ethanol", "Acetic acid", "CH3CH2OH", "mine.xyz", "folder/my molecule.xyz"])
def test_a_name_or_a_file_becomes_a_config_that_passes_all_checks(given: str):
    Path("folder").mkdir()
    for path in ("mine.xyz", "folder/my molecule.xyz"):
        ase.io.write(path, molecule("CH3CH2OH"))
    path = write(*config_text(given))
    settings = load_experiment(yaml.safe_load(path.read_text(encoding="utf-8")))
    assert path.name == f"{settings['name']}.yaml"
    assert settings["reference"]["generate"]["molecule"] == given
    assert settings["oracle"]["kind"] == "xtb"


def test_a_radical_is_told_its_multiplicity_and_takes_it():
    radical = molecule("CH3CH2OH")
    del radical[-1]
    ase.io.write("radical.xyz", radical)
    with pytest.raises(ConfigError, match=r"has 25 electrons, so the multiplicity has to be even"):
        config_text("radical.xyz")
    name, text = config_text("radical.xyz", multiplicity=2)
    assert name == "radical" and load_experiment(yaml.safe_load(text))["oracle"]["multiplicity"] == 2


def test_what_yaml_would_take_for_something_else_stays_a_name():
    _, text = config_text("NO", name="no", multiplicity=2)
    settings = load_experiment(yaml.safe_load(text))
    assert settings["name"] == "no" and settings["reference"]["generate"]["molecule"] == "NO"


@pytest.mark.parametrize(("given", "name"), [("éthanol.xyz", "thanol"), ("_w.xyz", "w"), ("a b.xyz", "a_b")])
def test_a_name_is_made_of_what_may_stand_in_one(given: str, name: str):
    ase.io.write(given, molecule("CH3CH2OH"))
    assert config_text(given)[0] == name


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ("two.xyz", "two.xyz holds 2 structures; give a file with one"),
        ("copper.cif", "is periodic.*reference.source: files"),
        ("text.xyz", "a file that ASE cannot read"),
        ("missing.xyz", "looks like a file, but there is none at that path"),
        ("oganesson.xyz", "GFN2-xTB has no parameters for Og"),
        ("aceton", "did you mean acetone"),
        ("overlap.xyz", r"atoms 0 \(H\) and 1 \(H\) are 0\.002 Å apart"),
        ("乙醇.xyz", "No name for the experiment can be made of 乙醇; give one: NAME="),
    ],
)
def test_what_is_no_molecule_for_it_is_told_in_one_sentence(given: str, sentence: str):
    ase.io.write("overlap.xyz", Atoms("H2", [[0, 0, 0], [0, 0, 0.002]]))
    ase.io.write("two.xyz", [molecule("H2O"), molecule("H2O")])
    ase.io.write("copper.cif", bulk("Cu", cubic=True))
    ase.io.write("oganesson.xyz", Atoms("OgH2", [[0, 0, 0], [0, 0, 2], [0, 2, 0]]))
    ase.io.write("乙醇.xyz", molecule("CH3CH2OH"))
    Path("text.xyz").write_text("hello\n", encoding="utf-8")
    with pytest.raises(ConfigError, match=sentence):
        config_text(given)


def test_nothing_is_overwritten():
    name, text = config_text("ethanol")
    write(name, "mine")
    with pytest.raises(ConfigError, match=r"ethanol\.yaml is there already and stays as it is"):
        write(name, text)
    assert Path("ethanol.yaml").read_text(encoding="utf-8") == "mine"
    Path("results/other").mkdir(parents=True)
    with pytest.raises(ConfigError, match="results/other is there already"):
        write("other", text)


def test_the_command_says_what_comes_next_or_what_to_give(monkeypatch: pytest.MonkeyPatch, capsys):
    monkeypatch.setattr(sys, "argv", ["new", "ethanol", "--name", "mine"])
    assert main() == 0
    assert "make plan CONFIG=mine.yaml" in capsys.readouterr().out
    monkeypatch.setattr(sys, "argv", ["new", "ethanol", "--charge", "1"])
    assert main() == 1
    assert "make new takes CHARGE=... and MULTIPLICITY=... too.\nNothing was written." in capsys.readouterr().out
    monkeypatch.setattr(sys, "argv", ["new", ""])
    assert main() == 1
    assert "make new MOLECULE=my.xyz" in capsys.readouterr().out
