"""Import and curation of a set as large as MD17's: 200,000 frames of aspirin, time and memory.

    .venv/bin/python bench/curate.py [--frames 200000]

Aspirin (geometry of GFN2-xTB) with random displacements in a harmonic well, in the arrays and units of MD17, goes
through what the rules `import_reference` and `curate` do, each in a process of its own, as in a run. For comparison,
SchNetPack's own `ASEAtomsData.add_systems` writes 2,000 of the frames. The last line is JSON: seconds and peak memory
(GiB).
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "workflow_scripts"))

from ouroboros.units import KCAL_PER_MOL_IN_EV  # noqa: E402

NUMBERS = [6] * 6 + [1] * 4 + [6, 8, 8, 1, 8, 6, 8, 6, 1, 1, 1]
POSITIONS = np.array(
    [
        [1.19, 0.18, 0.16], [0.21, 1.16, 0.29], [-1.13, 0.84, 0.11], [-1.50, -0.46, -0.19], [-0.53, -1.45, -0.29],
        [0.80, -1.13, -0.12], [-1.87, 1.61, 0.21], [-2.54, -0.71, -0.32], [-0.81, -2.47, -0.51], [1.58, -1.88, -0.19],
        [2.65, 0.44, 0.29], [3.45, -0.40, 0.59], [3.01, 1.69, -0.05], [3.97, 1.78, 0.06], [0.49, 2.48, 0.59],
        [1.25, 2.77, 1.67], [1.64, 1.95, 2.45], [1.48, 4.25, 1.77], [1.78, 4.64, 0.80], [0.54, 4.73, 2.06],
        [2.23, 4.45, 2.52],
    ]
)  # fmt: skip
STIFFNESS = 15.0  # eV/Å²
ENERGY = -17630.0  # eV, about that of aspirin
MEASURED = """
import json, resource, sys, time
from pathlib import Path
began = time.perf_counter()
{body}
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
print(json.dumps({{"seconds": time.perf_counter() - began, "peak_gib": peak}}))
"""
IMPORT = """
from ouroboros.records import write_json
from ouroboros.reference.importing import import_published
from ouroboros.reference.plausibility import check_units
record = {"dataset": "md17", "molecule": "aspirin", "sha256": "0" * 64}
frames, record = import_published(sys.argv[1] + "/md17_aspirin.npz", record)
check_units(frames, energy_unit="kcal/mol", force_unit="kcal/mol/A", where="aspirin")
frames.save(sys.argv[1] + "/frames.npz")
write_json(sys.argv[1] + "/frames.json", record)
"""
CURATE = """
from ouroboros.energy_baseline import EnergyRange
from ouroboros.reference import curate, write_database
from ouroboros.reference.importing import read_raw
raw, source = read_raw([sys.argv[1] + "/frames.npz"], sys.argv[1] + "/frames.json")
kept, counts = curate(raw, {"force_cap_eV_per_A": 50.0, "closest_contact": 0.5})
assert counts["kept"] == counts["frames_in"] - 1 == counts["frames_in"] - counts["rejected"]["duplicate"], counts
write_database(sys.argv[1] + "/reference.db", kept, {**source, "energy_range": EnergyRange.of(kept).record()})
"""
STOCK = """
import numpy as np
from schnetpack.data import ASEAtomsData
from ouroboros.frames import Frames
from ouroboros.reference import write_database
frames = Frames.load(sys.argv[1] + "/frames.npz").take(np.arange(2000))
images = frames.to_atoms()
ours = time.perf_counter()
write_database(sys.argv[1] + "/ours.db", frames, {})
ours = time.perf_counter() - ours
stock = ASEAtomsData.create(sys.argv[1] + "/stock.db", "Ang", {"energy": "eV", "forces": "eV/Ang"})
properties = [{"energy": np.array([a.get_potential_energy()]), "forces": a.get_forces()} for a in images]
for atoms in images:
    atoms.calc = None  # else each frame's labels are written twice
began = time.perf_counter()
stock.add_systems(properties, images)
print((time.perf_counter() - began) / ours, file=sys.stderr)
"""


def write_npz(path: Path, n: int) -> None:
    """MD17's arrays, the last frame a repeat of the first."""
    rng = np.random.default_rng(0)
    step = rng.normal(scale=0.05, size=(n, 21, 3))
    step[-1] = step[0]
    energy = ENERGY + STIFFNESS / 2 * (step**2).sum(axis=(1, 2))
    np.savez(
        path,
        z=np.array(NUMBERS, dtype=np.uint8),
        R=POSITIONS + step,
        E=energy[:, None] / KCAL_PER_MOL_IN_EV,
        F=-STIFFNESS * step / KCAL_PER_MOL_IN_EV,
    )


def measured(body: str, folder: Path) -> tuple[dict[str, float], str]:
    """Seconds and peak memory of a process of its own, imports included, and what it printed beside."""
    code = f"import sys; sys.path.insert(0, {str(ROOT / 'workflow_scripts')!r})\n" + MEASURED.format(body=body)
    began = time.perf_counter()
    run = subprocess.run([sys.executable, "-c", code, str(folder)], capture_output=True, text=True)
    if run.returncode:
        sys.exit(run.stderr)
    return {**json.loads(run.stdout), "seconds": time.perf_counter() - began}, run.stderr


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--frames", type=int, default=200_000)
    n = parser.parse_args().frames
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        write_npz(folder / "md17_aspirin.npz", n)
        figures = {}
        for name, body in (("import", IMPORT), ("curate", CURATE)):
            figures[name] = measured(body, folder)[0]
            print(f"{name}: {figures[name]['seconds']:.1f} s, peak {figures[name]['peak_gib']:.2f} GiB")
        size = (folder / "reference.db").stat().st_size / 2**30
        ratio = float(measured(STOCK, folder)[1].split()[-1])
        print(f"reference.db {size:.2f} GiB; SchNetPack's add_systems takes {ratio:.1f} times as long as ours")
    print(
        json.dumps(
            {
                "frames": n,
                "import_seconds": figures["import"]["seconds"],
                "curate_seconds": figures["curate"]["seconds"],
                "total_seconds": figures["import"]["seconds"] + figures["curate"]["seconds"],
                "peak_gib": max(step["peak_gib"] for step in figures.values()),
                "stock_over_ours": ratio,
            }
        )
    )


if __name__ == "__main__":
    main()
