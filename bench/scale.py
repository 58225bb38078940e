"""How Snakemake itself fares with many rounds, members, batches and arms, and what share of a run it costs.

    .venv/bin/python bench/scale.py [--skip-demo]

Dry runs of large experiments; a run of 20 rounds whose files are there, empty, and known to Snakemake as made (by its
option --touch), looked at again; and the demo's first two rounds for real, the time of its jobs against the wall.

The last line is JSON:

    dry_run_jobs, dry_run_seconds, dry_run_MiB: 20 rounds, 8 members, 50 batches of labels, 6 chains of arm and seed
    long_chain_seconds: 100 rounds of one chain
    noop_seconds: a run of 20 rounds that is finished, started again
    orchestration_fraction: the share of the wall time of the real run in which no job was at work, by the begin and end
        of each job that Snakemake noted; demo_seconds: that wall time
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "workflow_scripts"), str(ROOT / "tests/workflow")]

from conftest import TINY, changed, command_for  # noqa: E402

LARGE = {
    "committee__size": 8, "rounds__count": 20, "rounds__seeds": [0, 1, 2], "selection__per_round": 500,
    "labels__batch_size": 10, "exploration__walkers": 64,
}  # fmt: skip


def timed(folder: Path, config: dict[str, Any] | Path, *options: str) -> tuple[float, str]:
    """Seconds of a call of Snakemake, and what it printed."""
    began = time.perf_counter()
    run = subprocess.run(command_for(folder, config, *options), capture_output=True, text=True)
    assert run.returncode == 0, run.stdout + run.stderr
    return time.perf_counter() - began, run.stdout + run.stderr


def jobs_of(text: str) -> int:
    """The total of a table of jobs."""
    return int(text.rsplit("\ntotal", 1)[1].split()[0])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--skip-demo", action="store_true", help="leave out the real run")
    arguments = parser.parse_args()
    figures: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        seconds, text = timed(folder, changed(TINY, **LARGE), "--dry-run")
        mebibytes = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / (
            1024 if sys.platform == "linux" else 1024**2
        )
        figures |= {
            "dry_run_jobs": jobs_of(text),
            "dry_run_seconds": round(seconds, 1),
            "dry_run_MiB": round(mebibytes),
        }
        chain = changed(TINY, rounds__count=100, rounds__strategies=["committee"])
        figures["long_chain_seconds"] = round(timed(folder, chain, "--dry-run")[0], 1)
        finished = changed(TINY, rounds__count=20)
        make_files(folder, finished)
        seconds, text = timed(folder, finished)
        assert "Nothing to be done" in text, text
        figures["noop_seconds"] = round(seconds, 1)
        if not arguments.skip_demo:
            figures |= orchestration(folder / "demo")
    print(json.dumps(figures))


def make_files(folder: Path, config: dict[str, Any]) -> None:
    """Every file of the run, empty, and Snakemake's record that its jobs have made them."""
    _, table = timed(folder, config, "--summary")
    for line in table.splitlines():
        path = folder / line.split("\t")[0]
        if line.startswith("results/"):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
    timed(folder, config, "--touch")


def orchestration(folder: Path) -> dict[str, float]:
    """Two rounds of one arm of the demo: when some job was at work, against the wall."""
    folder.mkdir()
    config = yaml.safe_load((ROOT / "examples/demo.yaml").read_text())
    config["rounds"] = {"count": 2, "strategies": ["committee"]}
    seconds, _ = timed(folder, config)
    records = [json.loads(path.read_text()) for path in (folder / ".snakemake/metadata").iterdir() if path.is_file()]
    busy, until = 0.0, 0.0
    for begin, end in sorted({(record["starttime"], record["endtime"]) for record in records}):
        busy += max(0.0, end - max(begin, until))
        until = max(until, end)
    return {"demo_seconds": round(seconds, 1), "orchestration_fraction": round(1 - busy / seconds, 3)}


if __name__ == "__main__":
    main()
