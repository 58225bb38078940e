"""The rounds of a run in one table: in the report, and on the terminal (`python -m ouroboros.rounds my.yaml`)."""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from .decision import BROKEN, CONTINUE
from .domain import IN_DOMAIN, OUT_OF_DOMAIN
from .records import RANDOM_WEIGHTS, read_json

TERMINAL = {
    "arm": "arm",
    "round": "round",
    "labels": "labels",
    "energy_mae_meV": "energy MAE (meV)",
    "force_mae_meV_per_A": "force MAE (meV/Å)",
    "candidates": "candidates",
    "coverage": "within 90 %",
    "survived": "walkers survived",
    "failed": "failed labels",
    "state": "decision",
}
ERRORS = ("energy_mae_meV", "force_mae_meV_per_A")
SHOWN = (*ERRORS, "labels", "candidates", "coverage_90", "walkers", "walkers_survived")


def figures_of_round(metrics: str, dataset: str, walkers: str, selection: str, analysis: str) -> dict[str, Any]:
    """What a round is judged by, read from its files.

    Args:
        metrics: test/metrics.json.
        dataset: dataset.json; its frames are the labels so far.
        walkers: explore/walkers.csv.
        selection: select/selection.json.
        analysis: analysis/analysis.json.
    """
    errors, told, members, by_domain = (
        read_json(metrics)[name] for name in ("committee", "uncertainty", "members", "by_domain")
    )
    quality = told.get(IN_DOMAIN) or told.get(OUT_OF_DOMAIN) or {}
    sizes = quality.get("calibrated", {})
    counts, chosen, table = read_json(dataset), read_json(selection), pd.read_csv(walkers)
    return {
        "labels": counts["train"] + counts["validation"],
        "energy_mae_meV": errors["energy_mae_meV"],
        "force_mae_meV_per_A": errors["force_mae_meV_per_A"],
        **{
            f"force_mae_{name}_meV_per_A": by_domain.get(name, {}).get("force_mae_meV_per_A")
            for name in (IN_DOMAIN, OUT_OF_DOMAIN)
        },
        "uncertainty_of": next((name for name in (IN_DOMAIN, OUT_OF_DOMAIN) if name in told), "none"),
        "uncertainty_spearman": quality.get("spearman"),
        "coverage_90": sizes.get("coverage_90"),
        "coverage_90_out_of_domain": told.get(OUT_OF_DOMAIN, {}).get("calibrated", {}).get("coverage_90"),
        "miscalibration_area": sizes.get("miscalibration_area"),
        "error_over_uncertainty_rms": sizes.get("error_over_uncertainty_rms"),
        "members": len(members),
        "members_living": sum((member["force_r2"] or 0) > 0 for member in members),  # better than the mean label
        "frames_explored": chosen["explored"],
        "frames_physical": chosen["physical"],
        # one member has no spread, which is not knowing, not being sure
        "candidates": chosen["uncertain"] if len(members) > 1 else None,
        "uncertain_fraction": chosen["uncertain_fraction"] if len(members) > 1 else None,
        "selected": chosen["selected"],
        "walkers": len(table),
        "walkers_survived": int(table["survived"].sum()),
        "survival_fraction": float(table["survived"].mean()) if len(table) else None,  # a pool has no walkers
        "checks_failed": [name for name, check in read_json(analysis)["verdicts"].items() if not check["passed"]],
    }


def round_table(
    decisions: list[dict[str, Any]],
    labels: list[dict[str, Any]],
    trainings: list[list[dict[str, Any]]],
    prospective: list[dict[str, Any] | None],
    warm_start: bool = False,
) -> pd.DataFrame:
    """One row a round: the figures, what came of its labels, how training went, the decision and its reason.

    Args:
        decisions: decision.json of each round.
        labels: labels.json of the rounds that were labelled, from round 0 on.
        trainings: training.json of each member of each round.
        prospective: prospective/uncertainty.json of the rounds that were labelled.
        warm_start: members go on from those of the round before, so that another start is told (from round 1 on).
    """
    rows = []
    for number, decision in enumerate(decisions):
        figures = dict(decision["figures"])
        figures["checks_failed"] = ", ".join(figures["checks_failed"]) or "none"
        label = labels[number] if number < len(labels) else {"n_labelled": 0, "n_failed": 0}
        figures |= {"labelled": label["n_labelled"], "failed": label["n_failed"]}
        before = (prospective[number] if number < len(prospective) else None) or {"calibrated": {}}
        figures["prospective_spearman"] = before.get("spearman")
        figures["prospective_coverage_90"] = before["calibrated"].get("coverage_90")
        figures["training"] = training_remarks(trainings[number], warm_start and number > 0)
        rows.append({"round": number, **figures, "state": decision["state"], "reason": decision["reason"]})
    return pd.DataFrame(rows)


def training_remarks(members: list[dict[str, Any]], warm_start: bool = False) -> str:
    """What was out of the ordinary in the trainings of a round, each with the members that it befell.

    Args:
        members: training.json of each.
        warm_start: a start from random weights is out of the ordinary too.
    """
    remarks: dict[str, list[str]] = {}
    for number, summary in enumerate(members):
        start = ["from scratch"] if warm_start and summary["started_from"] == RANDOM_WEIGHTS else []
        for remark in [*start, *(event["what"] for event in summary["interventions"]), *summary["warnings"]]:
            remarks.setdefault(remark.split(":")[0], []).append(str(number))
    return "; ".join(f"{what} (member {', '.join(who)})" for what, who in remarks.items()) or "nothing unusual"


def shown(arm: str, number: int, figures: Mapping[str, Any], failed: int | None, state: str) -> dict[str, str]:
    """A round as it is shown to readers: the columns of TERMINAL, as text.

    Args:
        arm: its name.
        number: of the round.
        figures: of `figures_of_round`, or the row of a round table.
        failed: labels that failed; None where the round was not labelled.
        state: of the decision.
    """
    known = {name: figures[name] for name in SHOWN if pd.notna(figures.get(name))}
    told = {name: f"{known[name]:.1f}" if name in known else "not known" for name in ERRORS}
    told |= {
        "arm": arm,
        "round": str(number),
        "labels": str(known["labels"]),
        "candidates": str(int(known["candidates"])) if "candidates" in known else "-",
        "coverage": f"{known['coverage_90']:.0%}" if "coverage_90" in known else "-",
        "failed": "-" if failed is None else str(failed),
        "survived": f"{known['walkers_survived']}/{known['walkers']}" if known["walkers"] else "-",
        "state": state,
    }
    return {title: told[name] for name, title in TERMINAL.items()}


def shown_table(arm: str, table: pd.DataFrame) -> list[dict[str, str]]:
    """The rows of a round table as they are shown; the last round is not labelled."""
    rows = table.to_dict("records")
    return [shown(arm, row["round"], row, row["failed"] if row is not rows[-1] else None, row["state"]) for row in rows]


def results_of(path: Path) -> tuple[Path, dict[str, Any] | None]:
    """The results that `path` means, a folder of results itself or the config file of an experiment, and its rounds."""
    if path.is_file():
        import yaml  # these two for the command line alone: the rules' environment has no pydantic

        from .config import load_experiment

        experiment = load_experiment(yaml.safe_load(path.read_text(encoding="utf-8")) or {})
        return Path("results") / experiment["name"], experiment["rounds"]
    return path, None


def decided(folder: Path, rounds: dict[str, Any] | None = None) -> list[tuple[Path, dict[str, Any]]]:
    """The decisions of a run, by arm and round: path and content.

    Args:
        folder: the results.
        rounds: section `rounds` of the config; what it no longer asks for (other arms, rounds from `count` on, rounds
            after an arm has ended) is left out. None: all that is there.
    """
    found = []
    for arm in sorted({path.parts[-3] for path in folder.glob("*/round_*/decision.json")}):
        strategy, seed = arm.rsplit("-", 1)
        if rounds and (strategy not in rounds["strategies"] or int(seed) not in rounds["seeds"]):
            continue
        for path in sorted((folder / arm).glob("round_*/decision.json"), key=_number_of):
            if rounds and _number_of(path) >= rounds["count"]:
                break
            found.append((path, read_json(path)))
            if rounds and rounds["mode"] == "until_converged" and found[-1][1]["state"] != CONTINUE:
                break
    return found


def _number_of(path: Path) -> int:
    return int(path.parts[-2].split("_")[1])


def terminal_table(folder: Path, rounds: dict[str, Any] | None = None) -> tuple[str, bool]:
    """The table of every arm and round that has a decision, and whether one of them is broken; see `decided`."""
    rows, broken = [], False
    for path, decision in decided(folder, rounds):
        labels = path.with_name("labels.json")
        failed = read_json(labels)["n_failed"] if labels.exists() else None
        rows.append(shown(path.parts[-3], _number_of(path), decision["figures"], failed, decision["state"]))
        broken = broken or decision["state"] == BROKEN
    if not rows:
        return f"No round of {folder} has come to a decision yet.", False
    return pd.DataFrame(rows).to_string(index=False), broken


if __name__ == "__main__":
    text, broken = terminal_table(*results_of(Path(sys.argv[1])))
    print(text)
    sys.exit(1 if broken else 0)
