"""What drawing each member's training set with replacement does to accuracy and to the spread.

    .venv/bin/python bench/bootstrap.py [--frames 200] [--epochs 100] [--members 4]

Two committees on the same frames of rMD17 ethanol (../shared), the defaults but for the length: in one the members
differ by their seeds only, the other has `committee.bootstrap`. Both are calibrated on the 50 validation frames and
tested on the 1,000 test frames. The last line is JSON, `<committee>_<figure>` for `seeds` and `bootstrap`, of

    force_mae_meV_per_A, member_force_mae_meV_per_A (mean over the members)
    spearman: rank correlation of expected and real force error over atoms
    scale: rms force error where the spreads of atom and frame are 1 eV/Å, calibrated
    coverage_90: share of atoms within the calibrated 90 % interval
"""

import argparse
import json
import sys
import warnings
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "workflow_scripts"))
warnings.filterwarnings("ignore")

import numpy as np  # noqa: E402
import torch  # noqa: E402
from accuracy import read, training_frames  # noqa: E402

from ouroboros.committee import Committee  # noqa: E402
from ouroboros.config import load_experiment  # noqa: E402
from ouroboros.frames import Frames  # noqa: E402
from ouroboros.training import train_member  # noqa: E402
from ouroboros.uncertainty import calibrate, quality  # noqa: E402


def committee(frames: Frames, epochs: int, members: int, bootstrap: bool) -> Committee:
    """Members trained with the default settings."""
    config = load_experiment({"training": {"epochs": epochs, "compile": "always"}})
    fits = [
        train_member(
            frames, config["model"], config["training"], seed=m, bootstrap_seed=1000 + m if bootstrap else None
        )
        for m in range(members)
    ]
    offsets = np.stack([fit.energy_offsets for fit in fits])
    return Committee([fit.model for fit in fits], offsets, config["model"]["cutoff_A"])


def measure(trained: Committee, validation: Frames, test: Frames) -> dict[str, float]:
    """Errors and quality of the spread on the test frames."""
    calibration, predicted = calibrate(trained.predict(validation), validation), trained.predict(test)
    (told,) = quality(predicted, test, {"test": np.ones(len(test), bool)}, calibration)
    return {
        "force_mae_meV_per_A": float(1000 * np.abs(predicted.forces - test.forces).mean()),
        "member_force_mae_meV_per_A": float(1000 * np.abs(predicted.member_forces - test.forces).mean()),
        "spearman": told.figures["spearman"],
        "scale": calibration.scale,
        "coverage_90": told.figures["calibrated"]["coverage_90"],
    }


def main() -> None:
    """Train both, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--frames", type=int, default=200)
    parser.add_argument("--epochs", type=int, default=100)
    parser.add_argument("--members", type=int, default=4)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    whole, test = training_frames(), read("test_MD.xyz")
    subset = whole.columns["subset"]
    train = np.flatnonzero(subset == "train")[: arguments.frames]
    frames = whole.take(np.concatenate([train, np.flatnonzero(subset == "validation")]))
    validation = whole.take(subset == "validation")
    figures = {}
    for name in ("seeds", "bootstrap"):
        trained = committee(frames, arguments.epochs, arguments.members, bootstrap=name == "bootstrap")
        figures |= {f"{name}_{key}": round(value, 3) for key, value in measure(trained, validation, test).items()}
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
