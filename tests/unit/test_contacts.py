"""How close atoms may come: one structure with its reason, or all frames at once."""

import numpy as np
from ase import Atoms
from ase.build import bulk, molecule

from ouroboros.contacts import check_geometry, closest_contacts
from ouroboros.frames import Frames


def test_check_geometry():
    assert check_geometry(molecule("CH3CH2OH")) is None
    assert check_geometry(bulk("Si")) is None
    assert "no atoms" in check_geometry(Atoms())
    assert "not finite" in check_geometry(Atoms("H2", [[0, 0, 0], [0, 0, np.nan]]))
    across = Atoms("H2", [[0, 0, 0.1], [0, 0, 7.9]], cell=[8, 8, 8], pbc=True)
    assert "atoms 0 (H) and 1 (H) are 0.200 Å apart, under 0.5 of" in check_geometry(across)
    across.pbc = False
    assert check_geometry(across) is None
    assert "0.000 Å" in check_geometry(Atoms("H2", np.zeros((2, 3))))


def test_closest_contacts_of_all_frames_at_once():
    images = [molecule(name) for name in ("H2O", "CH4", "OH", "H", "CO2", "NH3")] + [bulk("Si"), bulk("Si", a=3.0)]
    images[1].positions[2] = images[1].positions[0] * 0.7 + images[1].positions[2] * 0.3
    closest = closest_contacts(Frames.from_atoms(images))
    for atoms, contact in zip(images, closest, strict=True):
        if np.isfinite(contact):
            assert check_geometry(atoms, contact * 1.0001) and check_geometry(atoms, contact * 0.9999) is None
    assert np.isinf(closest[3]) and closest[1] < 0.5 < closest[0]
