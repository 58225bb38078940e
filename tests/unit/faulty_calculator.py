"""EMT that counts what it computes and breaks on purpose: real forces, real crashes."""

import os
import signal
import subprocess
import time
from pathlib import Path

import numpy as np
from ase import Atoms
from ase.build import bulk
from ase.calculators.calculator import Calculator
from ase.calculators.emt import EMT
from tblite.ase import TBLite


class FaultyEMT(EMT):
    """EMT; `log` gets a line for each structure begun.

    The first coordinate of the first atom names a structure. `seconds` it takes at least; `crash`, `hang`, `program`
    and `unconverged` name those at which it dies, never ends, waits for a program that never ends, or says that its
    SCF did not converge.
    """

    def __init__(self, log, seconds=0.0, crash=(), hang=(), program=(), unconverged=(), **arguments):
        super().__init__(**arguments)
        self.log, self.seconds = Path(log), seconds
        self.crash, self.hang, self.program, self.unconverged = crash, hang, program, unconverged
        self.converged = True

    def calculate(self, atoms=None, properties=("energy",), system_changes=("positions",)):
        name = float(atoms.positions[0, 0])
        with self.log.open("a", encoding="utf-8") as log:  # one short line: appended in one piece
            log.write(f"{name!r}\n")
        if name in self.crash:
            os.kill(os.getpid(), signal.SIGSEGV)
        if name in self.hang:
            time.sleep(1000)
        if name in self.program:
            program = subprocess.Popen(["sleep", "1000"])
            self.log.with_suffix(".pid").write_text(str(program.pid), encoding="utf-8")
            program.wait()
        self.converged = name not in self.unconverged
        time.sleep(self.seconds)
        super().calculate(atoms, properties, system_changes)


def copper(name):
    """A periodic cell with one atom displaced; its first coordinate is its name."""
    atoms = bulk("Cu", cubic=True)
    atoms.positions[0] = [name, 0.05, 0.0]
    atoms.info["candidate"] = str(name)
    return atoms


class FileXtb(Calculator):
    """GFN2-xTB of the positions that it finds in a file in its folder, as programs with input files work."""

    implemented_properties = ("energy", "forces")

    def calculate(self, atoms=None, properties=("energy",), system_changes=("positions",)):
        super().calculate(atoms, properties, system_changes)
        path = Path(self.directory) / "input.npy"
        np.save(path, atoms.positions)
        time.sleep(0.002)
        read = Atoms(atoms.numbers, np.load(path), calculator=TBLite(method="GFN2-xTB", verbosity=0))
        self.results = {"energy": read.get_potential_energy(), "forces": read.get_forces()}
