"""`make doctor`: what this machine has for a run, whether it works, and what to do where it does not.

    python -m ouroboros.doctor

Ends with status 1 where there is a fault.
"""

import shutil
import sys
import time
import warnings
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context
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
PROGRAMS = ("orca", "cp2k", "cp2k_shell", "cp2k.psmp", "vasp_std", "pw.x")


def examine(whole_lock: bool = True) -> Iterator[Finding]:
    """Everything but the oracles, cheap enough to stand beside every run.

    Args:
        whole_lock: a package that is missing is a fault; conda's environments hold no more than their rules need.
    """
    yield python_finding()
    yield lock_finding(whole_lock)
    yield gpu_finding()
    yield compiler_finding()
    yield processor_finding()
    yield memory_finding()
    yield results_finding()
    yield scratch_finding()


def examine_oracles() -> Iterator[Finding]:
    """A real single point of water with each oracle that is installed, and the programs that ASE would call."""
    for name, known in SINGLE_POINTS.items():
        yield oracle_finding(name, **known)
    programs = [program for program in PROGRAMS if shutil.which(program)]
    told = (
        f"on the path: {', '.join(programs)} (not tried)" if programs else "none of ORCA, CP2K, VASP, Quantum ESPRESSO"
    )
    yield Finding("other oracles", OK, f"{told}; docs/oracles.md has recipes")


def oracle_finding(name: str, oracle: dict[str, Any], energy: float) -> Finding:
    """A single point in a process of its own, so that a crash is a line like another.

    Args:
        name: what the line is about.
        oracle: settings for `make_oracle`.
        energy: what is to come out, in eV.
    """
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        try:
            found, seconds = pool.submit(single_point, oracle).result()
        except BrokenProcessPool:
            return Finding(name, FAULT, "crashed at a single point of water", "rm .venv/.installed; make env")
        except Exception as error:  # whatever is the matter with it is what is to be told
            fix = "envs/README.md tells of platforms without a package; else rm .venv/.installed; make env"
            return Finding(name, FAULT, f"no single point of water: {' '.join(str(error).split())}", fix)
    told = f"water {found:.4f} eV in {seconds:.2f} s"
    if abs(found - energy) > AGREE_EV:
        fix = "compare the versions with requirements.lock; label nothing before this is understood"
        return Finding(name, FAULT, f"{told}, where {energy:.4f} is to come out", fix)
    return Finding(name, OK, told)


def single_point(oracle: dict[str, Any]) -> tuple[float, float]:
    """Energy of water in eV and the seconds it took.

    Raises:
        RuntimeError: it did not converge or broke; the message is the oracle's own.
    """
    from ase.build import molecule

    from .oracles import make_oracle

    began = time.perf_counter()
    label = make_oracle(oracle).label(molecule("H2O"))
    if not label.converged:
        raise RuntimeError(label.message)
    return label.energy, time.perf_counter() - began


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
