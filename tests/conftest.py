"""Settings for all tests, made before any library is imported."""

import os

os.environ["OMP_NUM_THREADS"] = "1"  # with two threads xTB forces differ in the last digit from run to run
