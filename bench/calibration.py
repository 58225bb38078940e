"""What the spread of the frame adds to that of the atom: both calibrations of every round of some results.

    .venv/bin/python bench/calibration.py results/ethanol_shifted

Each round's committee is calibrated on its validation frames twice, by the spread of the atom alone and by both, as
`test` does it, and tested on the test frames in and out of the start set's domain. The last line is JSON:
`<form>_<domain>_<figure>` for the forms `atom` and `both`, the mean over rounds of `area` (miscalibration area) and of
`coverage_90`, and the shares `small_area` (at most 0.05) and `near_90` (coverage within 3 points of 90 %); `rounds`.
"""

import argparse
import json
import sys
import warnings
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "workflow_scripts"))
warnings.filterwarnings("ignore")

import numpy as np  # noqa: E402
import pandas as pd  # noqa: E402

from ouroboros.calibration import fit_calibration  # noqa: E402
from ouroboros.committee import Committee  # noqa: E402
from ouroboros.datasets import VALIDATION  # noqa: E402
from ouroboros.domain import IN_DOMAIN, OUT_OF_DOMAIN  # noqa: E402
from ouroboros.frames import COLUMN, Frames  # noqa: E402
from ouroboros.predictions import Prediction  # noqa: E402
from ouroboros.uncertainty import force_errors, sizes  # noqa: E402


def of_round(folder: Path) -> list[dict[str, Any]]:
    """A row for each form and domain."""
    dataset = Frames.load(folder / "dataset.npz")
    validation = dataset.take(dataset.columns["subset"] == VALIDATION)
    known = Committee.load(sorted(folder.glob("model_*/model.pt"))).predict(validation)
    kept = np.load(folder / "test/predictions.npz")
    told = Prediction(kept["member_energy_eV"], kept["member_forces_eV_per_A"], kept["n_atoms"])
    learned_from = force_errors(known, validation)
    error = np.linalg.norm(told.forces - kept["forces_eV_per_A"], axis=1)
    inside = kept[COLUMN + "domain"] == IN_DOMAIN
    atoms, rows = np.repeat(inside, kept["n_atoms"]), []
    for form, second in (("atom", "force_std"), ("both", "frame_force_std")):
        calibration = fit_calibration(known.force_std, getattr(known, second), learned_from, len(validation))
        expected = calibration.expected_error(told.force_std, getattr(told, second))
        for domain, own in ((IN_DOMAIN, atoms), (OUT_OF_DOMAIN, ~atoms)):
            found = sizes(expected[own], error[own], calibration)
            area, coverage = found["miscalibration_area"], found["coverage_90"]
            where = f"{folder.parent.name}/{folder.name}"
            rows.append({"round": where, "form": form, "domain": domain, "area": area, "coverage_90": coverage})
    return rows


def main() -> None:
    """Calibrate, test, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("results", type=Path)
    a = parser.parse_args()
    rounds = sorted(path.parents[1] for path in a.results.glob("*/round_*/test/metrics.json"))
    table = pd.DataFrame([row for folder in rounds for row in of_round(folder)])
    table["small_area"] = table["area"] <= 0.05
    table["near_90"] = (table["coverage_90"] - 0.9).abs() <= 0.03
    print(table.drop(columns=["small_area", "near_90"]).to_string(index=False, float_format="%.3f"))
    means = table.groupby(["form", "domain"])[["area", "coverage_90", "small_area", "near_90"]].mean()
    figures = {
        f"{form}_{domain}_{name}": round(v, 3) for (form, domain), row in means.iterrows() for name, v in row.items()
    }
    print(json.dumps({**figures, "rounds": len(rounds)}))


if __name__ == "__main__":
    main()
