"""Settings for all tests, made before any library is imported."""

import os
import runpy
from pathlib import Path

os.environ["OMP_NUM_THREADS"] = "1"  # with two threads xTB forces differ in the last digit from run to run
os.environ["PYTHONPATH"] = str(Path(__file__).parents[1] / "workflow_scripts")  # for the processes that tests start

import ase.io
import pytest

PROJECT = Path(__file__).parents[1]


@pytest.fixture
def folder_of_examples(tmp_path: Path) -> Path:
    """A folder to run an example in: what `make copper` makes first is there, a frame of it."""
    made = runpy.run_path(str(PROJECT / "examples/copper_emt.py"))["trajectory"](0, 1600.0, steps=1, n_frames=1)
    (tmp_path / "downloads").mkdir()
    ase.io.write(tmp_path / "downloads/copper_emt.extxyz", made, format="extxyz")
    return tmp_path
