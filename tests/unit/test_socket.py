"""The committee behind i-PI's protocol, as docs/using.md has it: another process asks, and gets our forces."""

import subprocess
import sys
from pathlib import Path

import numpy as np
from ase.build import molecule
from ase.calculators.socketio import SocketIOCalculator

from ouroboros.calculator import CommitteeCalculator
from ouroboros.committee import Committee

CLIENT = """
import sys
from ase.build import molecule
from ase.calculators.socketio import SocketClient
from ouroboros.calculator import CommitteeCalculator
from ouroboros.committee import Committee

atoms = molecule("CH3OH")
atoms.calc = CommitteeCalculator(Committee.load(sys.argv[2:]))
SocketClient(unixsocket=sys.argv[1]).run(atoms)
"""


def test_a_program_that_speaks_i_pi_gets_the_forces_of_the_committee(committee_files, tmp_path: Path):
    ours, theirs = molecule("CH3OH"), molecule("CH3OH")
    ours.calc = CommitteeCalculator(Committee.load(committee_files))
    command = [sys.executable, "-c", CLIENT, tmp_path.name, *map(str, committee_files)]
    with SocketIOCalculator(unixsocket=tmp_path.name, timeout=120) as server:
        theirs.calc = server
        client = subprocess.Popen(command)
        for seed in (1, 2):
            for atoms in (ours, theirs):
                atoms.rattle(0.05, seed=seed)
            np.testing.assert_allclose(theirs.get_forces(), ours.get_forces(), atol=1e-6)
            np.testing.assert_allclose(theirs.get_potential_energy(), ours.get_potential_energy(), atol=1e-6)
    assert client.wait(60) == 0
