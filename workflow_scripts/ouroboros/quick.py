"""A quick run: the whole loop on a few frames of the user's own data, to see whether it works before it costs anything.

`python -m ouroboros.quick my.yaml` runs it in `results/<name>_quick`, next to the real results and never in them;
further arguments go to Snakemake.
"""

import copy
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import yaml

from .config import ConfigError, load_experiment
from .decision import BROKEN
from .records import read_json

ENDING = "_quick"
FRAMES = {"train": 16, "validation": 4, "test": 10}
STEPS, STRIDES, LABELS = 60, 20, 2  # of a training, of a walker or trajectory, of a round


def quick_settings(settings: dict[str, Any]) -> dict[str, Any]:
    """The experiment cut down: its data, model and oracle, but few frames, few steps, two members, one arm, two rounds.

    What judges the result is opened wide, as a model of few steps passes no limit.

    Args:
        settings: a checked config.
    """
    quick = copy.deepcopy(settings)
    quick["name"] += ENDING
    for name, count in FRAMES.items():
        quick["split"][name] = count if isinstance(quick["split"][name], float) else min(quick["split"][name], count)
    quick["split"]["max_leaked_fraction"] = 1.0
    _shorten(quick["reference"]["generate"])
    _shorten(quick["exploration"])
    _lower(quick["reference"]["generate"], trajectories_per_temperature=2, equilibration_ps=0.1, distorted=2)
    _lower(quick["oracle_gate"], frames=2)
    _lower(quick["committee"], size=2)
    _lower(quick["training"], batch_size=8)
    quick["training"] |= {"steps": STEPS, "epochs": None, "early_stopping_patience": None}
    _lower(quick["exploration"], walkers=4)
    quick["exploration"]["temperatures_K"] = quick["exploration"]["temperatures_K"][:4]
    quick["exploration"] |= {"hard_limit_eV_per_A": 1000.0, "max_temperature_factor": 1000.0, "grace_steps": 0}
    quick["selection"] |= {"per_round": LABELS, "low_eV_per_A": 0.0, "force_cap_eV_per_A": 1000.0}
    quick["simulation"] |= {"walkers": 2, "steps": 40, "stride": 2}
    strategies = quick["rounds"]["strategies"]
    quick["rounds"] |= {
        "mode": "fixed",
        "count": 2,
        "strategies": strategies[:1],
        "seeds": quick["rounds"]["seeds"][:1],
    }
    quick["sweep"]["over"] = {}
    return load_experiment(quick)


def _lower(section: dict[str, Any], **limits: float) -> None:
    for name, limit in limits.items():
        section[name] = min(section[name], limit)


def _shorten(section: dict[str, Any]) -> None:
    """Dynamics of a few kept frames."""
    _lower(section, length_ps=STRIDES * section["stride_fs"] / 1000)


def write_quick(config: Path) -> Path:
    """Write the quick run's config into its own folder, and return its path.

    Raises:
        ConfigError: the config cannot be run, or the folder belongs to an experiment of the user's own.
    """
    quick = quick_settings(load_experiment(yaml.safe_load(config.read_text(encoding="utf-8")) or {}))
    path = Path("results") / quick["name"] / "quick.yaml"
    if path.parent.exists() and not path.exists():
        raise ConfigError(
            f"{path.parent} is there already and is no quick run; rename that experiment, or move it away."
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(yaml.safe_dump(quick, sort_keys=False, allow_unicode=True), encoding="utf-8")
    return path


def verdict(folder: Path, config: Path, seconds: float) -> tuple[str, bool]:
    """What a quick run that came to its end says, and whether the pipeline works.

    Args:
        folder: its results.
        config: of the experiment that it stands for.
        seconds: that it took.
    """
    last = max(folder.glob("*-*/round_*/decision.json"), key=lambda path: path.stat().st_mtime)
    decision, labels = read_json(last), read_json(last.parents[1] / "round_0/labels.json")
    if decision["state"] == BROKEN:
        return f"The pipeline ran, but its last round is broken: {decision['reason']}.", False
    text = (
        f"The pipeline works: data, training, test, exploration, production run, {labels['n_labelled']} new labels "
        f"({labels['n_failed']} failed, {labels['level_of_theory']}) and a second round in {seconds:.0f} s. "
        f"Its errors mean nothing ({STEPS} steps a training); the real run is: make run CONFIG={config}"
    )
    return text, True


def main(config: Path, options: list[str]) -> int:
    """Run it and say whether the pipeline works; every step anew, but no label twice."""
    try:
        quick = write_quick(config)
    except (ConfigError, OSError) as error:
        print(f"{error}\nThe quick run of {config} has not started.")
        return 1
    if not {"-n", "--dry-run", "--dryrun"} & set(options):
        shutil.rmtree(quick.parent / "states", ignore_errors=True)  # every step anew
    began = time.perf_counter()
    command = [sys.executable, "-m", "snakemake", "--configfile", str(quick), "--forceall", *options]
    if subprocess.run(command).returncode:
        print(
            f"The pipeline does not work yet: the sentence above says where it stopped; the logs are in {quick.parent}."
        )
        return 1
    if {"-n", "--dry-run", "--dryrun"} & set(options):
        return 0
    text, works = verdict(quick.parent, config, time.perf_counter() - began)
    print(text)
    return 0 if works else 1


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.argv[2:]))
