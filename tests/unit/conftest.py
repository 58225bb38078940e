"""Small real data for the tests of the library: labelled frames from tblite, and a committee trained on them.

The libraries are imported inside the fixtures, so that tests which need none of them start at once.
"""

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

MODEL = {
    "representation": "painn",
    "n_atom_basis": 16,
    "n_interactions": 2,
    "n_rbf": 10,
    "cutoff_A": 4.0,
    "radial_basis": "gaussian",
    "cutoff_function": "cosine",
    "n_filters": 16,
    "lmax": 1,
    "shared_interactions": False,
    "shared_filters": False,
    "output_layers": 2,
    "output_hidden": None,
}
TRAINING = {
    "batch_size": 8,
    "accumulation": 1,
    "precision": "float32",
    "compile": "never",
    "learning_rate": 1e-2,
    "weight_decay": 0.0,
    "schedule": "one_cycle",
    "warmup_fraction": 0.1,
    "plateau_factor": 0.5,
    "plateau_patience": 5,
    "average_decay": None,
    "steps": 120,
    "epochs": None,
    "validate_every_epochs": 5,
    "early_stopping_patience": None,
    "loss": "l1",
    "energy_weight": 0.05,
    "force_weight": 0.95,
    "stress_weight": 0.0,
    "gradient_clip": None,
    "overfit_batches": None,
}


@pytest.fixture(scope="session", autouse=True)
def _one_thread():
    """Tiny networks are slower on many threads, and results are the same on every machine."""
    import sys

    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(1)


@pytest.fixture
def model_settings() -> dict[str, Any]:
    """The `model` section of a config: a PaiNN of 16 features."""
    return dict(MODEL)


@pytest.fixture
def training_settings() -> dict[str, Any]:
    """The `training` section of a config."""
    return dict(TRAINING)


@pytest.fixture(scope="session")
def frames():
    """24 water and 16 methanol frames with GFN2-xTB labels, in mixed order; every fifth is for validation."""
    from ase.build import molecule
    from ase.calculators.singlepoint import SinglePointCalculator

    from ouroboros.frames import Frames
    from ouroboros.oracles import make_oracle

    oracle, images = make_oracle({"kind": "xtb"}), []
    for name, count in (("H2O", 24), ("CH3OH", 16)):
        for i in range(count):
            atoms = molecule(name)
            amplitude = 0.04 if i % 2 else 0.08
            atoms.rattle(amplitude, seed=i)
            label = oracle.label(atoms)
            assert label.converged
            atoms.calc = SinglePointCalculator(atoms, energy=label.energy, forces=label.forces)
            atoms.info.update(temperature_K=300.0 if i % 2 else 600.0)
            images.append(atoms)
    order = np.random.default_rng(0).permutation(len(images))
    frames = Frames.from_atoms([images[i] for i in order])
    subset = np.where(np.arange(len(frames)) % 5 == 4, "validation", "train")
    return frames.with_columns(subset=subset, round=0)


@pytest.fixture(scope="session")
def water(frames):
    """The water frames of `frames`."""
    return frames.take(frames.n_atoms == 3)


@pytest.fixture(scope="session")
def committee_files(frames, tmp_path_factory) -> list[Path]:
    """The `model.pt` of three members trained on `frames` from different seeds."""
    from ouroboros.models import save_model
    from ouroboros.training import train_member

    folder, paths = tmp_path_factory.mktemp("committee"), []
    for seed in range(3):
        fit = train_member(frames, MODEL, TRAINING, seed=seed)
        paths.append(folder / f"model_{seed}.pt")
        save_model(paths[-1], fit.model, MODEL, fit.energy_offsets)
    return paths


@pytest.fixture(scope="session")
def committee(committee_files):
    """The trained committee of three."""
    from ouroboros.committee import Committee

    return Committee.load(committee_files)


@pytest.fixture
def waiting_process():
    """Start a Python process that goes on until a line comes in; what it prints can be read. All end with the test."""
    started: list[subprocess.Popen] = []

    def start(code: str, *words: str, **options: Any) -> subprocess.Popen:
        command = [sys.executable, "-c", f"{code}\nimport sys; sys.stdin.readline()", *words]
        started.append(subprocess.Popen(command, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE, **options))
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.communicate()
