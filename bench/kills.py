"""Thirty kills and more: does a run that is killed at random, in every stage, end as the unbroken one?

    .venv/bin/python bench/kills.py [--seed 0] [--rounds 5]

A small run (water, GFN2-xTB, both arms) is begun; Snakemake and all that it started get SIGKILL at a random moment of a
job of one stage, or of whatever is at work where none of it has come for 12 s; the steps of `make resume` go
on; and so forth through all stages in turn. An unbroken run of the same config stands beside it.

The last line is JSON:

    kills: how many, and kills_in: with which rules at work
    different_files: results (labels, selections, test errors, analysis, decisions, tables) that are not those of the
        unbroken run
    labels_recomputed: labels that were there at a kill and were written again, of labels_at_kills
    epochs_repeated: epochs that were trained again though a checkpoint held them at a kill, of checkpoints_at_kills
    temporary_files: unfinished files that are left among the results
"""

import argparse
import json
import random
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "workflow_scripts"), str(ROOT / "tests/workflow")]

from conftest import TINY, changed, command_for  # noqa: E402
from killed_run import KilledRun, differences  # noqa: E402

WITHIN_S = {  # the kill comes so long at most after a job of the stage is seen
    "generate": 2, "curate": 1.5, "split": 1.5, "dataset": 1, "train": 10, "test": 5, "explore": 6, "simulate": 6,
    "analyse": 3, "select_structures": 4, "label": 2, "gather": 1, "prospective": 4, "decide": 1, "report": 1.5,
    "compare": 1,
}  # fmt: skip
PATIENCE_S = 12.0  # a stage may have passed while another was killed
FIRST = ["environment", "generate", "generate", "curate", "split", "check_oracle", "leakage"]
A_ROUND = ["dataset", "train", "train", "test", "explore", "simulate", "analyse", "select_structures", "label",
           "gather", "prospective", "decide"]  # fmt: skip
LAST = ["report", "compare"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    config = changed(TINY, rounds__count=arguments.rounds, training__steps=1500)  # long enough to leave a state
    with tempfile.TemporaryDirectory() as name:
        unbroken, killed = Path(name, "unbroken"), Path(name, "killed")
        unbroken.mkdir(), killed.mkdir()
        subprocess.run(command_for(unbroken, config), check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        run = KilledRun(killed, config, random.Random(arguments.seed))
        for stage in FIRST + A_ROUND * arguments.rounds + LAST:
            before = len(run.kills)
            run.kill_in(stage, WITHIN_S.get(stage, 1.5), patience_s=PATIENCE_S)
            if len(run.kills) > before:
                print(f"kill {len(run.kills)}: {' '.join(sorted(run.kills[-1]))}", file=sys.stderr, flush=True)
        run.finish()
        figures = {
            "kills": len(run.kills),
            "kills_in": dict(Counter(rule for working in run.kills for rule in working)),
            "different_files": differences(unbroken / "results/tiny", run.home),
            "labels_recomputed": run.labels_recomputed(),
            "labels_at_kills": len(run.labels),
            "epochs_repeated": run.epochs_repeated(),
            "checkpoints_at_kills": len(run.checkpoints),
            "temporary_files": [str(path) for path in run.home.rglob("*") if path.suffix in (".part", ".tmp")],
        }
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
