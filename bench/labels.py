"""DFT labels: do they extend rMD17, do they run side by side, and what does the orchestration cost?

    .venv/bin/python bench/labels.py [--frames 12] [--repeats 1]

Frames of rMD17 ethanol go through the rule `label` as in a run: PySCF with the default settings (PBE/def2-SVP,
density fitting, grid level 4, conv_tol 1e-9), two batches, with `--cores 1` and `--cores 2` in turn, each time into an
empty store. As a control, the same frames go through two bare PySCF processes, one after the other and together: what
the machine gives when nothing is orchestrated. The last line is JSON:

    dft_force_mae_meV_per_A, dft_energy_mae_meV (after a constant shift): against the labels of rMD17
    two_core_speedup: wall time of the rule at one core over that at two; bare_speedup: the control's
    orchestration_fraction: wall time at one core that is not spent in the oracle, over that which is; for these few
        frames, the start of Snakemake included
    job_overhead_s: of that, what each job of a batch costs: its share falls with the size of the batch
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import rmd17

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "workflow_scripts"))

from ouroboros.energy_baseline import EnergyRange  # noqa: E402
from ouroboros.frames import Frames  # noqa: E402
from ouroboros.label_files import read_labels, write_labels  # noqa: E402
from ouroboros.records import write_json  # noqa: E402

ARM = "results/bench/random-42/round_0"
CONFIG = {
    "name": "bench",
    "oracle": {"kind": "pyscf"},
    "rounds": {"count": 2, "strategies": ["random"]},
}
BARE = """
import sys
from ouroboros.label_files import read_labels
from ouroboros.oracles import make_oracle
oracle = make_oracle({"kind": "pyscf"})
for atoms in read_labels(sys.argv[1])[int(sys.argv[2])::2]:
    oracle.label(atoms)
"""


def prepare(folder: Path, n: int) -> Frames:
    """A run that has come as far as its candidates."""
    images = rmd17.images("test_MD.xyz", f"::{1000 // n}")[:n]
    for i, atoms in enumerate(images):
        atoms.info = {"candidate": f"frame_{i}"}
    reference = Frames.from_atoms(images)
    (folder / ARM / "select").mkdir(parents=True, exist_ok=True)
    (folder / "results/bench/reference").mkdir(exist_ok=True)
    write_json(folder / "results/bench/reference/reference.json", {"energy_range": EnergyRange.of(reference).record()})
    write_json(folder / "results/bench/reference/reference_checked.json", {})
    bare = [atoms.copy() for atoms in images]
    for atoms in bare:
        atoms.calc = None
    write_labels(folder / ARM / "select/candidates.extxyz", bare)
    config = CONFIG | {"selection": {"per_round": n}, "labels": {"batch_size": -(-n // 2)}}
    (folder / "config.json").write_text(json.dumps(config))
    return reference


def run_rule(folder: Path, cores: int) -> tuple[float, list]:
    """Wall seconds of the rule on both batches, and the labels."""
    shutil.rmtree(folder / "results/bench/labels", ignore_errors=True)
    shutil.rmtree(folder / ARM / "label", ignore_errors=True)
    targets = [f"{ARM}/label/batch_{b}.extxyz" for b in (0, 1)]
    command = [sys.executable, "-m", "snakemake", "--snakefile", ROOT / "Snakefile", "--directory", folder]
    command += ["--profile", ROOT / "profiles/default", "--configfile", folder / "config.json", "--cores", cores]
    command += ["--allowed-rules", "label", "--", *targets]
    began = time.perf_counter()
    subprocess.run([str(part) for part in command], check=True, capture_output=True)
    return time.perf_counter() - began, [atoms for target in targets for atoms in read_labels(folder / target)]


def run_bare(folder: Path, together: bool) -> float:
    """Wall seconds of two plain processes that compute half of the frames each."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT / "workflow_scripts")}
    candidates = str(folder / ARM / "select/candidates.extxyz")
    began, running = time.perf_counter(), []
    for half in "01":
        running.append(subprocess.Popen([sys.executable, "-c", BARE, candidates, half], env=environment))
        if not together:
            running[-1].wait()
    for process in running:
        process.wait()
    return time.perf_counter() - began


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--frames", type=int, default=12)
    parser.add_argument("--repeats", type=int, default=1)
    arguments = parser.parse_args()
    speedups, bare_speedups, fractions, overheads = [], [], [], []
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        reference = prepare(folder, arguments.frames)
        for _ in range(arguments.repeats):
            one, labels = run_rule(folder, 1)
            tables = (folder / f"results/bench/benchmarks/random-42/round_0/label_{b}.tsv" for b in (0, 1))
            jobs = sum(float(table.read_text().splitlines()[1].split()[0]) for table in tables)
            two, _ = run_rule(folder, 2)
            bare_one, bare_two = run_bare(folder, together=False), run_bare(folder, together=True)
            oracle = sum(atoms.info["label_seconds"] for atoms in labels)
            speedups.append(one / two)
            bare_speedups.append(bare_one / bare_two)
            fractions.append((one - oracle) / oracle)
            overheads.append((jobs - oracle) / 2)
            print(
                f"rule: {one:.1f} s on one core, {two:.1f} s on two; {oracle / len(labels):.1f} s in the oracle a label"
            )
            print(f"bare processes: {bare_one:.1f} s one after the other, {bare_two:.1f} s together")
    found = Frames.from_atoms(sorted(labels, key=lambda atoms: int(atoms.info["candidate"].split("_")[1])))
    force_error = 1000 * np.abs(found.forces - reference.forces)
    difference = 1000 * (found.energy - reference.energy)
    figures = {
        "dft_force_mae_meV_per_A": float(force_error.mean()),
        "dft_energy_mae_meV": float(np.abs(difference - difference.mean()).mean()),
        "two_core_speedup": float(np.median(speedups)),
        "bare_speedup": float(np.median(bare_speedups)),
        "orchestration_fraction": float(np.median(fractions)),
        "job_overhead_s": float(np.median(overheads)),
        "frames": len(found),
    }
    print(f"energy shift {difference.mean():.2f} meV; largest force error {force_error.max():.2f} meV/Å")
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
