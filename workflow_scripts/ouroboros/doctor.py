"""`make doctor`: what this machine has for a run, whether it works, and what to do where it does not.

    python -m ouroboros.doctor

Ends with status 1 where there is a fault.
"""

import json
import os
import shutil
import subprocess
import sys
import warnings
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from .findings import FAULT, NOTE, OK, Finding, as_text
from .installation import compiler_finding, gpu_finding, lock_finding, python_finding
from .machine import memory_finding, processor_finding, results_finding, scratch_finding

# Water as ase.build.molecule has it; energies in eV with the versions of the lock, on Linux x86-64.
SINGLE_POINTS: dict[str, dict[str, Any]] = {
    "GFN2-xTB": {"oracle": {"kind": "xtb"}, "energy": -137.9678},
    "PBE/def2-SVP": {"oracle": {"kind": "pyscf"}, "energy": -2075.4815},
}
AGREE_EV = 1e-3
PACKAGES = {"xtb": "tblite", "pyscf": "pyscf"}
REINSTALL = "rm .venv/.installed; make env"
SINGLE_POINT = """
import json, sys, time
from ase.build import molecule
from ouroboros.oracles import make_oracle

oracle, began = make_oracle(json.loads(sys.argv[1])), time.perf_counter()
label = oracle.label(molecule("H2O"))
if not label.converged:
    sys.exit(label.message)
print(json.dumps([label.energy, time.perf_counter() - began]))
"""
PROGRAMS = ("orca", "cp2k", "cp2k_shell", "cp2k.psmp", "vasp_std", "pw.x")


def examine(whole_lock: bool = True) -> Iterator[Finding]:
    """Everything but the oracles, cheap enough to stand beside every run.

    Args:
        whole_lock: a package that is missing is a fault; conda's environments hold no more than their rules need.
    """
    looks = {
        "Python": python_finding,
        "packages": lambda: lock_finding(whole_lock),
        "GPU": gpu_finding,
        "C++ compiler": compiler_finding,
        "processors": processor_finding,
        "memory": memory_finding,
        "results": results_finding,
        "scratch": scratch_finding,
    }
    for subject, look in looks.items():
        try:
            yield look()
        except Exception as error:  # what is only looked at stops no run
            yield Finding(
                subject,
                NOTE,
                f"could not be looked at ({type(error).__name__}: {error})",
                "see whether that names something amiss",
            )


def examine_oracles() -> Iterator[Finding]:
    """A real single point of water with each oracle that is installed, and the programs that ASE would call."""
    for name, known in SINGLE_POINTS.items():
        yield oracle_finding(name, **known)
    programs = [program for program in PROGRAMS if shutil.which(program)]
    told = (
        f"on the path: {', '.join(programs)} (not tried)" if programs else "none of ORCA, CP2K, VASP, Quantum ESPRESSO"
    )
    yield Finding("other oracles", OK, f"{told}; docs/oracles.md has recipes")


def oracle_finding(name: str, oracle: dict[str, Any], energy: float, time_limit_s: float = 600.0) -> Finding:
    """A single point in a process of its own, so that a crash, or no answer, is a line like another.

    Args:
        name: what the line is about.
        oracle: settings for `make_oracle`.
        energy: what is to come out, in eV.
        time_limit_s: after which there is no answer, s.
    """
    package = PACKAGES.get(oracle["kind"], "ase")
    if not find_spec(package):
        return Finding(
            name, NOTE, f"{package} is not installed", "make env; envs/README.md tells of platforms without it"
        )
    command = [sys.executable, "-c", SINGLE_POINT, json.dumps(oracle)]
    library = str(Path(__file__).parents[1])
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([library, *sys.path]), "OMP_NUM_THREADS": "1"}
    try:
        run = subprocess.run(command, capture_output=True, text=True, timeout=time_limit_s, env=environment)
    except subprocess.TimeoutExpired:
        return Finding(name, FAULT, f"no single point of water in {time_limit_s:g} s", REINSTALL)
    if run.returncode < 0:
        return Finding(name, FAULT, f"crashed at a single point of water (signal {-run.returncode})", REINSTALL)
    if run.returncode:
        last = (run.stderr.strip().splitlines() or ["no word why"])[-1]
        return Finding(name, FAULT, f"no single point of water: {last}", REINSTALL)
    found, seconds = json.loads(run.stdout.splitlines()[-1])
    told = f"water {found:.4f} eV in {seconds:.2f} s"
    if abs(found - energy) > AGREE_EV:
        fix = "compare the versions with requirements.lock; label nothing before this is understood"
        return Finding(name, FAULT, f"{told}, where {energy:.4f} is to come out", fix)
    return Finding(name, OK, told)


def main() -> None:
    """Print the findings."""
    warnings.simplefilter("ignore")  # of libraries, while they are imported: no news for the user
    findings = [*examine(), *examine_oracles()]
    print(as_text(findings))
    faults, notes = (sum(finding.state == state for finding in findings) for state in (FAULT, NOTE))
    print(f"{faults} faults, {notes} notes")
    sys.exit(1 if faults else 0)


if __name__ == "__main__":
    main()
