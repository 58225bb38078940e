"""What a job costs that has hardly any work: a script in `ouroboros.job.start` beside one that ends by itself.

    .venv/bin/python bench/small_jobs.py [--repeats 5]

Both import the committee, and with it torch, Lightning and SchNetPack, which is most of what a small job does. They run
in turns.

The last line is JSON:

    framed_seconds, bare_seconds: medians of the processor time of a process
    ratio: of both
"""

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
BARE = "import ouroboros.committee"
FRAMED = """
from types import SimpleNamespace
from ouroboros.job import start
snakemake = SimpleNamespace(rule="test", log=["log.txt"], params={}, threads=1, resources={}, output=[], wildcards={})
with start(snakemake):
    import ouroboros.committee
"""


def processor_seconds(code: str, folder: str) -> float:
    """User and system time of a Python that runs the code."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "workflow_scripts"), "OMP_NUM_THREADS": "1"}
    subprocess.run([sys.executable, "-W", "ignore", "-c", code], cwd=folder, env=environment, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=5)
    repeats = parser.parse_args().repeats
    with tempfile.TemporaryDirectory() as folder:
        processor_seconds(BARE, folder)  # compiles what was never imported here
        pairs = [(processor_seconds(FRAMED, folder), processor_seconds(BARE, folder)) for _ in range(repeats)]
    framed, bare = (statistics.median(times) for times in zip(*pairs, strict=True))
    figures = {"framed_seconds": framed, "bare_seconds": bare, "ratio": framed / bare}
    print(json.dumps({name: round(value, 3) for name, value in figures.items()}))


if __name__ == "__main__":
    main()
