"""Files in exactly the formats in which MD17 and rMD17 are published, and what the tests of their download share."""

import io
import tarfile
from pathlib import Path

import numpy as np

CONTENT = np.random.default_rng(0).bytes(400_000)  # any bytes
SPLITS = [f"index_{part}_0{fold}.csv" for part in ("train", "test") for fold in range(1, 6)]
WANTED = "rmd17_ethanol.npz"


def sgdml_arrays(n=50):
    grid = np.arange(n * 9 * 3, dtype=float).reshape(n, 9, 3)
    return {
        "z": np.array([6, 6, 8, 1, 1, 1, 1, 1, 1], np.uint8),
        "R": grid / 64,
        "F": grid[:, ::-1] / -128,
        "E": np.arange(n, dtype=float)[:, None] / 4 - 97000,
    }


def sgdml_file(path, arrays, md5=b"d4a37c08243820bb01bc828d3dfe0d4d"):
    about = {"type": "d", "name": "ethanol", "theory": "PBE+vdW-TS", "r_unit": "Ang", "e_unit": "kcal/mol"}
    np.savez_compressed(path, **arrays, **about, **({"md5": md5} if md5 else {}))
    return path


def rmd17_npz(n=40, n_atoms=9, seed=0):
    draw, file = np.random.default_rng(seed), io.BytesIO()
    arrays = {name: draw.normal(size=(n, n_atoms, 3)) for name in ("coords", "forces", "old_forces")}
    arrays |= {name: draw.normal(-97000, 1, n) for name in ("energies", "old_energies")}
    arrays |= {"nuclear_charges": np.full(n_atoms, 6, np.uint8), "old_indices": draw.permutation(n)}
    np.savez_compressed(file, **arrays)
    return file.getvalue()


def rmd17_members():
    members = {"rmd17/readme.txt": b"Revised MD17"}
    members |= {
        f"rmd17/npz_data/rmd17_{name}.npz": rmd17_npz(seed=i) for i, name in enumerate(["ethanol", "salicylic"])
    }
    for i, name in enumerate(SPLITS):
        members[f"rmd17/splits/{name}"] = "".join(f"{j}\n" for j in range(i, i + 10)).encode()
    return members


def write_tar(path, members, mode="w:bz2"):
    """Members are contents, or TarInfos of links and devices."""
    with tarfile.open(path, mode) as tar:
        for name, content in members.items():
            info = content if isinstance(content, tarfile.TarInfo) else tarfile.TarInfo(name)
            if not isinstance(content, tarfile.TarInfo):
                info.size = len(content)
            tar.addfile(info, io.BytesIO(content) if isinstance(content, bytes) else None)
    return path


def files(folder):
    return sorted(path.name for path in Path(folder).iterdir())


def sentence(problem):
    """The message, which has to be one line that says what to do."""
    text = str(problem.value)
    assert "\n" not in text and len(text) > 40
    return text
