"""A config is either checked plain values or one sentence that names the key, the value and what is allowed."""

import json
from pathlib import Path

import pytest
import yaml

from ouroboros.config import ConfigError, load_experiment
from ouroboros.config.document import SCHEMA, config_yaml, json_schema
from ouroboros.config.sections import Experiment

PROJECT = Path(__file__).parents[2]


def test_an_empty_config_is_the_default_experiment():
    assert load_experiment({}) == Experiment().model_dump(mode="json")


def test_config_yaml_and_schema_are_in_step_with_the_models():
    written = (PROJECT / "config.yaml").read_text(encoding="utf-8")
    assert written == config_yaml(), "run `make config`"
    assert load_experiment(yaml.safe_load(written)) == load_experiment({})
    assert (PROJECT / SCHEMA).read_text(encoding="utf-8") == json_schema(), "run `make config`"


def test_the_example_of_md17_has_the_settings_that_it_promises():
    config = load_experiment(yaml.safe_load((PROJECT / "examples/md17_aspirin.yaml").read_text(encoding="utf-8")))
    assert (config["seed"], config["rounds"]["seeds"], config["committee"]["size"]) == (42, [42], 1)
    assert (
        config["reference"]["download"] | {"dataset": "md17", "molecule": "aspirin"} == config["reference"]["download"]
    )
    promised = {
        "model": {
            "representation": "schnet", "n_atom_basis": 128, "n_interactions": 6, "n_filters": 128, "cutoff_A": 5.0,
        },
        "training": {
            "batch_size": 32, "learning_rate": 1e-4, "weight_decay": 0.01, "epochs": 50, "schedule": "plateau",
            "warmup_fraction": 0.0, "plateau_factor": 0.5, "loss": "mse", "energy_weight": 0.01, "force_weight": 0.99,
        },
        "split": {"train": 100000, "validation": 10000, "test": 10000, "strategy": "random"},
    }  # fmt: skip
    for section, values in promised.items():
        assert {name: config[section][name] for name in values} == values


def test_a_training_shorter_than_the_validations_are_apart_is_validated_at_its_end():
    assert load_experiment({"training": {"epochs": 3, "validate_every_epochs": 10}})["training"]["epochs"] == 3


def test_the_result_is_plain_values_that_survive_json():
    experiment = load_experiment({})
    assert json.loads(json.dumps(experiment)) == experiment


NAMED = {
    "paths": [__file__],
    "energy_key": "energy",
    "force_key": "forces",
    "energy_unit": "eV",
    "force_unit": "eV/A",
    "length_unit": "A",
    "level_of_theory": "PBE",
}
RANDOM = {"strategy": "random"}
STRESS = {"stress_key": "stress", "stress_unit": "GPa", "stress_sign": "tension"}


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ({"training": {"learning_rat": 1e-3}}, ["training.learning_rat", "unknown", "learning_rate"]),
        ({"trainin": {}}, ["trainin", "unknown", "training"]),
        ({"model": {"colour": 1}}, ["model.colour", "n_atom_basis"]),
        ({"training": {"learning_rate": "fast"}}, ["training.learning_rate", "'fast'", "number"]),
        ({"training": {"batch_size": 2.5}}, ["training.batch_size", "2.5", "integer"]),
        ({"training": {"schedule": "linear"}}, ["training.schedule", "'linear'", "one_cycle"]),
        ({"exploration": {"temperatures_K": [300, -5]}}, ["exploration.temperatures_K.1", "-5", "greater than 0", "K"]),
        ({"exploration": {"temperatures_K": [9000]}}, ["exploration.temperatures_K.0", "9000", "5000"]),
        ({"simulation": {"timestep_fs": 50}}, ["simulation.timestep_fs", "50", "less than or equal to 5", "fs"]),
        ({"training": None}, ["'training' is a section", "None", "defaults"]),
        ({"training": [1]}, ["'training' is a section", "[1]"]),
        ([1], ["set of sections", "[1]"]),
        ({"threads": True}, ["threads", "True", "integer"]),
        ({"committee": {"size": "3"}}, ["committee.size", "'3'", "integer"]),
        ({"labels": {"force_cap_eV_per_A": float("inf")}}, ["labels.force_cap_eV_per_A", "inf", "finite"]),
        (
            {"training": {"energy_weight": 0.0, "force_weight": 0.0, "stress_weight": 0.0}},
            ["training.energy_weight", "training.force_weight", "(0)", "raise one of them above 0"],
        ),
        (
            {"training": {"energy_weight": 0.0, "force_weight": 0.0, "stress_weight": 10.0}},
            ["training.energy_weight", "training.force_weight", "stress alone", "above 0"],
        ),
        ({"training": {"epochs": 15}}, ["training.epochs", "15", "multiple", "validate_every_epochs"]),
        ({"exploration": {"walkers": 2, "temperatures_K": [1, 2, 3]}}, ["exploration.temperatures_K", "3", "walkers"]),
        ({"reference": {"generate": {"temperatures_K": [300, 300]}}}, ["temperatures_K", "each may stand there once"]),
        ({"reference": {"generate": {"molecule": "O2"}}}, ["oracle.multiplicity", "2 unpaired", "3"]),
        ({"reference": {"generate": {"molecule": "H"}}}, ["molecule", "single atom", "at least 2"]),
        (
            {"reference": {"generate": {"molecule": "water"}}, "oracle": {"charge": 12}},
            ["oracle.charge", "10 electrons"],
        ),
        ({"committee": {"size": 1}}, ["committee.size", "1", "at least 2", "random"]),
        (
            {"committee": {"size": 1}, "rounds": {"strategies": ["random", "percentile"]}},
            ["committee.size", "percentile", "at least 2"],
        ),
        (
            {"rounds": {"mode": "until_converged", "count": 2}, "decision": {"stable_rounds": 3}},
            ["decision.stable_rounds", "3", "rounds.count (2)"],
        ),
        (
            {"rounds": {"mode": "until_converged", "strategies": ["random"]}, "committee": {"size": 1}},
            ["committee.size", "1", "until_converged", "decision.uncertain_fraction"],
        ),
        (
            {
                "reference": {"generate": {"distorted": 5}},
                "split": {"strategy": "random", "train": 20, "validation": 5, "test": 20},
            },
            ["reference.generate.distorted", "5", "random", "trajectory"],
        ),
        (
            {
                "reference": {"source": "download"},
                "split": {"strategy": "random"},
                "oracle": {"kind": "pool"},
                "selection": {"low_eV_per_A": 0.3, "high_eV_per_A": 0.2},
            },
            ["selection.high_eV_per_A", "0.2", "selection.low_eV_per_A"],
        ),
        ({"split": {"train": 5000}}, ["split.train", "5000", "100 frames"]),
        ({"split": {"validation": 400}}, ["split.validation", "400", "100 frames"]),
        ({"split": {"test": 10000}}, ["split.test", "10000", "500 frames"]),
        ({"split": {"start_temperature_max_K": 100}}, ["split.start_temperature_max_K", "100"]),
        ({"reference": {"generate": {"molecule": "ethanoll"}}}, ["reference.generate.molecule", "ethanoll", "ethanol"]),
        ({"reference": {"generate": {"molecule": "Xx2"}}}, ["reference.generate.molecule", "Xx2"]),
        ({"reference": {"generate": {"stride_fs": 0.7}}}, ["reference.generate.stride_fs", "0.7", "whole number"]),
        (
            {"reference": {"generate": {"trajectories_per_temperature": 1}}},
            ["trajectories_per_temperature", "at least 2"],
        ),
        ({"oracle": {"multiplicity": 2}}, ["oracle.multiplicity", "2", "26 electrons", "odd"]),
        ({"oracle": {"charge": 1}}, ["oracle.multiplicity", "25 electrons", "even"]),
        ({"selection": {"per_round": 10000}}, ["selection.per_round", "10000", "800 frames"]),
        ({"selection": {"low_eV_per_A": 5}}, ["selection.low_eV_per_A", "5", "exploration.hard_limit_eV_per_A"]),
        ({"simulation": {"steps": 100}}, ["simulation.steps", "100", "20"]),
        ({"rounds": {"seeds": [1, 1]}}, ["rounds.seeds", "[1, 1]"]),
        ({"name": "my run/../x"}, ["name", "my run/../x"]),
        ({"split": {"train": 1.5}}, ["split.train", "1.5", "share between 0 and 1"]),
        ({"split": {"train": "all"}}, ["split.train", "'all'", "number of frames"]),
        ({"split": {"train": 0.8, "test": 0.3, "strategy": "random"}}, ["split.train", "split.test", "[0.8, 0.3]"]),
        ({"split": {"strategy": "column"}}, ["split.column", "not set"]),
        ({"split": {"strategy": "published"}}, ["split.strategy", "published", "rMD17"]),
        (
            {"split": RANDOM, "reference": {"source": "files", "files": NAMED | {"paths": []}}},
            ["reference.files.paths", "empty"],
        ),
        (
            {"split": RANDOM, "reference": {"source": "files", "files": NAMED | {"paths": ["nowhere.xyz"]}}},
            ["paths", "'nowhere.xyz'"],
        ),
        (
            {
                "split": RANDOM,
                "reference": {"source": "files", "files": NAMED | {"energy_key": None, "energy_unit": None}},
            },
            ["reference.files.energy_key", "reference.files.energy_unit", "never guessed"],
        ),
        (
            {
                "split": RANDOM,
                "reference": {"source": "files", "files": NAMED | {"stress_key": "stress", "stress_unit": "GPa"}},
            },
            ["reference.files.stress_sign", "stress_key is 'stress'", "never guessed"],
        ),
        (
            {"split": RANDOM, "reference": {"source": "files", "files": NAMED | {"stress_unit": "kbar"}}},
            ["reference.files.stress_unit", "'kbar'", "no stress_key"],
        ),
        (
            {"split": RANDOM, "reference": {"source": "files", "files": NAMED | STRESS | {"virial_key": "virial"}}},
            ["reference.files.stress_key", "reference.files.virial_key", "both set"],
        ),
        (
            {"reference": {"source": "files", "files": NAMED | {"energy_unit": "kcal"}}},
            ["reference.files.energy_unit", "'kcal'", "kcal/mol"],
        ),
        ({"reference": {"download": {"molecule": "asprin"}}}, ["reference.download.molecule", "asprin", "aspirin"]),
        ({"reference": {"download": {"sha256": "abc"}}}, ["reference.download.sha256", "abc", "64 hexadecimal digits"]),
        ({"oracle": {"kind": "orca"}}, ["oracle.kind", "'orca'", "pyscf"]),
        ({"oracle": {"method": "GFN1-xTB"}}, ["oracle.method", "unknown"]),
        ({"oracle": {"xtb": {"method": "PM7"}}}, ["oracle.xtb.method", "PM7", "GFN2-xTB"]),
        ({"oracle": {"kind": "pyscf", "pyscf": {"functional": "PBEE"}}}, ["oracle.pyscf.functional", "PBEE"]),
        ({"oracle": {"kind": "pyscf", "pyscf": {"basis": "def2-XVP"}}}, ["oracle.pyscf.basis", "def2-XVP"]),
        ({"oracle": {"kind": "ase"}}, ["oracle.ase.calculator", "ase.calculators.orca.ORCA"]),
        (
            {"oracle": {"kind": "ase", "ase": {"calculator": "ase.nothing.X", "level_of_theory": "PBE"}}},
            ["ase.nothing"],
        ),
        ({"reference": {"source": "download"}}, ["split.strategy", "no column 'trajectory'", "published"]),
        (
            {"reference": {"source": "files", "files": NAMED}},
            ["split.strategy", "no column 'trajectory'", "reference.files.columns"],
        ),
        (
            {"reference": {"source": "download"}, "split": {"strategy": "column", "column": "run"}},
            ["split.column", "'run'", "temperature_K"],
        ),
        (
            {"reference": {"source": "download"}, "split": {"strategy": "published", "train": 2000}},
            ["split.train", "2000", "1000 frames"],
        ),
        (
            {"reference": {"source": "download", "download": {"url": "ftp://x/y"}}, "split": {"strategy": "random"}},
            ["reference.download.url", "ftp://x/y", "https://"],
        ),
        (
            {"reference": {"source": "download", "download": {"url": "/no/y"}}, "split": {"strategy": "random"}},
            ["reference.download.url", "/no/y", "no such file"],
        ),
        (
            {"split": RANDOM, "reference": {"source": "files", "files": NAMED | {"columns": {"temperature": "T"}}}},
            ["reference.files.columns", "'temperature'", "'temperature_K'"],
        ),
        ({"labels": {"time_limit_s": 1e9}}, ["labels.time_limit_s", "2000000"]),
        ({"oracle": {"kind": "pool"}}, ["oracle.kind", "pool", "reference.source"]),
        ({"oracle": {"kind": "model"}}, ["oracle.model.paths", "empty"]),
        ({"oracle": {"kind": "model", "model": {"paths": ["no.pt"]}}}, ["oracle.model.paths", "'no.pt'"]),
    ],
)
def test_a_bad_config_is_one_sentence_that_names_key_value_and_what_is_allowed(config, words):
    with pytest.raises(ConfigError) as caught:
        load_experiment(config)
    sentence = str(caught.value)
    for word in words:
        assert word in sentence
    assert "Traceback" not in sentence
    assert "\n" not in sentence


def test_one_member_is_allowed_when_selection_is_random():
    config = {"committee": {"size": 1}, "rounds": {"strategies": ["random"]}}
    assert load_experiment(config)["committee"]["size"] == 1


def test_every_key_says_what_it_means():
    def keys(model, path=""):
        for name, field in model.model_fields.items():
            if hasattr(field.annotation, "model_fields"):
                assert field.annotation.__doc__
                yield from keys(field.annotation, f"{path}{name}.")
            else:
                yield f"{path}{name}", field.description

    missing = [name for name, description in keys(Experiment) if not description]
    assert missing == []
