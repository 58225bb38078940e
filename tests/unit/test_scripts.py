"""Snakemake puts a script's folder on the path, so a script must not hide a module that others import."""

import sys
from pathlib import Path

SCRIPTS = Path(__file__).parents[2] / "workflow_scripts"


def test_no_script_hides_a_standard_module():
    names = {path.stem for path in SCRIPTS.glob("*.py")}
    assert names & (sys.stdlib_module_names - {"test"}) == set()  # nothing but Python itself imports its `test`
