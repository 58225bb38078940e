"""Does choosing by uncertainty pay? The experiment of examples/ethanol_shifted.yaml, run or read.

    .venv/bin/python bench/active_learning.py [--config examples/ethanol_shifted.yaml] [--read]

Runs `make run` on the config (it goes on where it was), prints the learning curves and the comparison of the arms, and
ends with one JSON line:

    label_saving_shifted: share of the control's labels (start set included) that the committee needs less to come to
        the higher of their two final force errors on test frames out of the start set's domain (below zero where it
        needs more); mean over seeds, and label_savings_shifted of each
    in_domain_ratio: force error of the committee over the control's with equal labels, on test frames in the domain,
        mean over seeds
    shifted_ratio: likewise out of it
    labels: that the errors are compared at, of each seed
    seeds: pairs of arms
"""

import argparse
import json
import subprocess
import sys
from pathlib import Path

import pandas as pd
import yaml

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "workflow_scripts"))

from ouroboros.comparison import ERRORS, by_strategy, mean_curve  # noqa: E402


def learning_curves(results: Path) -> str:
    """Labels and force errors of each round and strategy: mean ± standard deviation over the seeds, meV/Å."""
    newest: dict[str, Path] = {}
    for path in sorted(results.glob("*/report/*/rounds.csv"), key=lambda path: path.stat().st_mtime):
        newest[path.parts[-4]] = path
    rows = []
    for strategy, tables in by_strategy({arm: pd.read_csv(path) for arm, path in newest.items()}).items():
        curves = {of: mean_curve(tables, error) for error, of in ERRORS.items()}
        for r, labels in enumerate(next(iter(curves.values()))["labels"]):
            told = {of: f"{curve['mean'][r]:.1f} ± {curve['std'][r]:.1f}" for of, curve in curves.items()}
            rows.append({"strategy": strategy, "labels": round(labels), **told})
    return pd.DataFrame(rows).to_string(index=False)


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
    print(learning_curves(home.parent))
    figures = json.loads(found[-1].read_text())["against_random"]["committee"]
    for each in figures.values():
        savings = ", ".join(f"{saved:.0%}" for saved in each["label_savings"])
        print(f"{each['of']}: {each['verdict']}; labels saved {each['label_saving']:.0%} ({savings})")
    shifted, inside = (figures[f"force_mae_{where}_meV_per_A"] for where in ("out_of_domain", "in_domain"))
    print(
        json.dumps(
            {
                "label_saving_shifted": round(shifted["label_saving"], 3),
                "label_savings_shifted": [round(saved, 3) for saved in shifted["label_savings"]],
                "in_domain_ratio": round(inside["ratio"], 3),
                "shifted_ratio": round(shifted["ratio"], 3),
                "labels": inside["labels_compared"],
                "seeds": inside["seeds"],
            }
        )
    )


if __name__ == "__main__":
    main()
