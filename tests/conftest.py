"""Settings for all tests, made before any library is imported."""

import os
from pathlib import Path

os.environ["OMP_NUM_THREADS"] = "1"  # with two threads xTB forces differ in the last digit from run to run
os.environ["PYTHONPATH"] = str(Path(__file__).parents[1] / "workflow_scripts")  # for the processes that tests start
