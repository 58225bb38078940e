"""The changes that docs/extending.md shows are applied to a copy of the library, and the new parts are asked."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

PROJECT = Path(__file__).parents[2]
ASK = """
import numpy as np
import torch
from ase import Atoms
from ase.build import molecule
from ase.calculators.fd import calculate_numerical_forces

from ouroboros.analysis.trajectory import analyse
from ouroboros.calculator import CommitteeCalculator
from ouroboros.committee import Committee
from ouroboros.config import load_experiment, oracle_settings
from ouroboros.models import build_model, save_model
from ouroboros.oracles import make_oracle

# the oracle: its well is epsilon deep at 2^(1/6) sigma
config = load_experiment({"reference": {"generate": {"molecule": "Ar2.xyz"}}, "oracle": {"kind": "lennard_jones"}})
oracle = make_oracle(oracle_settings(config["oracle"]))
label = oracle.label(Atoms("Ar2", [[0, 0, 0], [0, 0, 2 ** (1 / 6) * 3.4]]))
assert label.converged and abs(label.energy + 0.0103) < 1e-4 and np.abs(label.forces).max() < 1e-3, label
assert "one element" in oracle.refusal(molecule("H2O"))

# the analysis: two atoms of the same mass, d apart, have a radius of d / 2
images, rows = [], []
for step in range(20):
    atoms = Atoms("Ar2", [[0, 0, 0], [0, 0, 4.0 + 0.3 * step]], momenta=np.ones((2, 3)))
    atoms.info = {"walker": 0, "step": step}
    images.append(atoms)
    rows.append((0, step, 0.5 * step, 0.0, 0.1, 0.1, 300.0))
columns = ("walker", "step", "time_fs", "potential_energy_eV", "kinetic_energy_eV", "total_energy_eV", "temperature_K")
told = analyse(images, dict(zip(columns, np.array(rows).T)), None)
assert abs(told["gyration"]["radius_of_gyration_A"] - np.mean([2.0 + 0.15 * step for step in range(20)])) < 1e-6
assert not told["verdicts"]["gyration"]["passed"]

# the network: its forces are the derivative of its energy, through file, committee and calculator
settings = load_experiment({"model": {"representation": "one_sum", "n_atom_basis": 16}})["model"]
torch.manual_seed(0)
save_model("model.pt", build_model(settings).double(), settings, np.zeros(101))
atoms = molecule("CH3CH2OH")
atoms.calc = CommitteeCalculator(Committee.load(["model.pt"]))
forces = atoms.get_forces()
assert np.abs(forces).max() > 1e-3
np.testing.assert_allclose(calculate_numerical_forces(atoms, 1e-4), forces, atol=1e-6)
"""


def test_what_the_page_shows_works(tmp_path: Path):
    shutil.copytree(
        PROJECT / "workflow_scripts", tmp_path / "workflow_scripts", ignore=shutil.ignore_patterns("__pycache__")
    )
    page = (PROJECT / "docs/extending.md").read_text(encoding="utf-8")
    changes = re.findall(r"```diff\n(.*?)```", page, flags=re.DOTALL)
    assert len(changes) == 3
    for change in changes:
        subprocess.run(["git", "apply", "-"], input=change, text=True, cwd=tmp_path, check=True)
    (tmp_path / "Ar2.xyz").write_text("2\n\nAr 0 0 0\nAr 0 0 4\n")
    environment = {**os.environ, "PYTHONPATH": str(tmp_path / "workflow_scripts")}
    run = subprocess.run([sys.executable, "-c", ASK], cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
