"""Does choosing by uncertainty pay? The experiment of examples/ethanol_shifted.yaml, run or read.

    .venv/bin/python bench/active_learning.py [--config examples/ethanol_shifted.yaml] [--read]

Runs `make run` on the config (it goes on where it was), prints the comparison of the arms, and ends with one JSON line:

    label_saving_shifted: share of the control's labels (start set included) that the committee needs less to come to
        the control's final force error on test frames out of the start set's domain; mean over the seeds that come
        there, null where none does
    in_domain_ratio: final force error of the committee over the control's on test frames in the domain, mean over seeds
    shifted_ratio: likewise out of it
    seeds: pairs of arms
"""

import argparse
import json
import subprocess
import sys
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[1]


def main() -> None:
    """Run, read, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--config", type=Path, default=ROOT / "examples/ethanol_shifted.yaml")
    parser.add_argument("--read", action="store_true", help="only read what is there")
    a = parser.parse_args()
    if not a.read:
        subprocess.run(["make", "run", f"CONFIG={a.config}"], cwd=ROOT, check=True, stdout=sys.stderr)
    home = ROOT / "results" / yaml.safe_load(a.config.read_text())["name"] / "comparison"
    found = sorted(home.glob("*/comparison.json"), key=lambda path: path.stat().st_mtime)
    if not found:
        sys.exit(f"there is no comparison in {home}: run the experiment first, without --read")
    figures = json.loads(found[-1].read_text())["against_random"]["committee"]
    for each in figures.values():
        saved, seeds = each["label_saving"], each["seeds_that_reach_it"]
        print(f"{each['of']}: {each['verdict']}; labels saved {saved} ({seeds} seeds)")
    shifted, inside = (figures[f"force_mae_{where}_meV_per_A"] for where in ("out_of_domain", "in_domain"))
    saved = shifted["label_saving"]
    print(
        json.dumps(
            {
                "label_saving_shifted": None if saved is None else round(saved, 3),
                "in_domain_ratio": round(inside["ratio"], 3),
                "shifted_ratio": round(shifted["ratio"], 3),
                "seeds": inside["seeds"],
            }
        )
    )


if __name__ == "__main__":
    main()
