"""The answer of an arm, in sentences: is its last potential usable, for what, on what evidence, within what limits."""

import re
from typing import Any

import pandas as pd

from .decision import BROKEN, BUDGET_SPENT, CONTINUE, CONVERGED
from .domain import IN_DOMAIN, OUT_OF_DOMAIN
from .error_groups import NO_VALUE
from .units import CHEMICAL_ACCURACY_MEV

HEADLINES = {
    CONVERGED: "Usable, within the limits below",
    BUDGET_SPENT: "Not shown to be good enough",
    BROKEN: "Not usable",
    CONTINUE: "Not finished",
}
HELD_OUT = {  # what the test set is, by the strategy of the split
    "trajectory": " of trajectories that training never saw",
    "time": " of a later time than training saw",
    "column": " of groups that training never saw",
    "published": " of the published test set, random in time",
    "random": " drawn at random: neighbours of training frames are among them",
}
DOMAINS = {IN_DOMAIN: "in the domain of the start set", OUT_OF_DOMAIN: "out of the domain of the start set"}


def answer(
    reference: dict[str, Any],
    split: dict[str, Any],
    leakage: dict[str, Any],
    table: pd.DataFrame,
    metrics: dict[str, Any],
    analysis: dict[str, Any],
    walkers: pd.DataFrame,
    targets: dict[str, float],
) -> dict[str, Any]:
    """What the last round of an arm amounts to.

    Args:
        reference: reference.json.
        split: split.json.
        leakage: leakage.json.
        table: of `rounds.round_table`.
        metrics: test/metrics.json of the last round.
        analysis: analysis/analysis.json of the last round.
        walkers: explore/walkers.csv of the last round.
        targets: the `decision` section of the config, by which the round was judged.

    Returns:
        `round`, `state`, `headline` and `targets`; and `use`, `evidence` and `limits`, a list of sentences each.
    """
    last = table.iloc[-1]
    return {
        "round": int(last["round"]),
        "state": last["state"],
        "headline": f"{HEADLINES[last['state']]}: {last['reason']}.",
        "targets": targets_in_words(targets),
        "use": use(reference, metrics, analysis, walkers),
        "evidence": [*_accuracy(split, metrics), *_uncertainty(metrics, table), *_dynamics(last, analysis)],
        "limits": limits(reference, split, leakage, table, metrics),
    }


def targets_in_words(targets: dict[str, float]) -> str:
    """What a potential has to reach to be called converged."""
    rounds = f", for {targets['stable_rounds']:g} rounds in a row" if targets["stable_rounds"] > 1 else ""
    return (
        f"force MAE at most {targets['force_mae_meV_per_A']:g} meV/Å, at most {targets['uncertain_fraction']:.0%} of "
        f"the explored frames uncertain, at least {targets['survival_fraction']:.0%} of the walkers alive at the end, "
        f"and no failed check of the production run{rounds}"
    )


def use(
    reference: dict[str, Any], metrics: dict[str, Any], analysis: dict[str, Any], walkers: pd.DataFrame
) -> list[str]:
    """What the potential was made for: system, level of theory, and where it has been."""
    system = analysis["system"]
    name, formula = reference["molecule"], system.get("formula")
    what = f"{name} ({formula})" if formula and formula != name else name
    kind = "" if "periodic" not in system else ", periodic" if system["periodic"] else ", isolated"
    elements, tested = ", ".join(metrics["by_element"]), _listed(metrics["by_temperature_K"])
    sentences = [
        f"{what}{kind}; elements {elements}; at the level of {reference['level_of_theory']}",
        f"Tested on frames {f'of {tested}' if tested else 'that carry no temperature'}",
    ]
    if len(walkers):
        explored = " and ".join(f"{kelvin:g} K" for kelvin in sorted(walkers["target_K"].unique()))
        sentences.append(
            f"Explored by walkers begun at {explored}, {walkers['time_ps'].sum():.3g} ps of all in the last round"
        )
    if "simulated_ps" in system:
        sentences.append(
            f"Production run: {system['ensemble'].upper()}, {system['n_walkers']} walkers, "
            f"{system['simulated_ps']:.3g} ps in all, time step {system['timestep_fs']:g} fs"
        )
    return sentences


def limits(
    reference: dict[str, Any],
    split: dict[str, Any],
    leakage: dict[str, Any],
    table: pd.DataFrame,
    metrics: dict[str, Any],
) -> list[str]:
    """What the evidence does not show."""
    last, told, sentences = table.iloc[-1], metrics["uncertainty"], []
    kelvin = [float(word) for name in metrics["by_temperature_K"] for word in re.findall(r"[0-9.]+", name)]
    beyond = f", and nothing above {max(kelvin):g} K" if kelvin else ""
    sentences.append(f"Only {reference['molecule']} was tested, no other molecule, charge or phase{beyond}")
    sentences.append(f"All errors are against {reference['level_of_theory']}, not against experiment")
    if split["strategy"] in ("random", "published"):
        sentences.append("Test frames are neighbours in time of training frames, so that errors on new ones are larger")
    if leakage["near_duplicates"]:
        sentences.append(
            f"{leakage['near_duplicates']} of {leakage['compared']} test frames lie within {leakage['threshold_A']:g} "
            "Å RMSD of a training frame of the start set, so that the errors flatter"
        )
    if not told:
        sentences.append("One member has no spread, so that no single prediction can be doubted")
    elif OUT_OF_DOMAIN not in told:
        sentences.append("No test frame is out of the domain of the start set: the uncertainty was not tested there")
    for name, where in DOMAINS.items():
        if name in told and (coverage := told[name]["calibrated"]["coverage_90"]) < 0.8:
            sentences.append(
                f"The uncertainty is over-confident {where}: {coverage:.0%} of the errors lie within its 90 % interval"
            )
    if failed := table["failed"].sum():
        sentences.append(f"{failed} of {failed + table['labelled'].sum()} labels failed; nothing was learned there")
    if pd.notna(last["uncertain_fraction"]) and last["uncertain_fraction"] > 0:
        sentences.append(
            f"{last['uncertain_fraction']:.1%} of the frames explored last are above the uncertainty threshold, and "
            "have no label"
        )
    return sentences


def _accuracy(split: dict[str, Any], metrics: dict[str, Any]) -> list[str]:
    errors, domains = metrics["committee"], metrics["by_domain"]
    sentences = [
        f"Tested on {split['test']} frames{HELD_OUT[split['strategy']]}",
        f"{_capital(metrics['verdict']['energy'])}; RMSE {errors['energy_rmse_meV']:.1f} meV",
        f"{_capital(metrics['verdict']['forces'])}; RMSE {errors['force_rmse_meV_per_A']:.1f} meV/Å, largest error "
        f"of a component {errors['force_max_meV_per_A']:.0f} meV/Å",
    ]
    parts = [
        f"{domains[name]['force_mae_meV_per_A']:.1f} meV/Å {where}"
        for name, where in DOMAINS.items()
        if name in domains
    ]
    if len(parts) > 1:
        sentences.append(f"Force MAE {', '.join(parts)}; chemical accuracy is {CHEMICAL_ACCURACY_MEV:.1f} meV/Å")
    return sentences


def _uncertainty(metrics: dict[str, Any], table: pd.DataFrame) -> list[str]:
    """A sentence each for the test frames in and out of the domain of the start set, and what was labelled last."""
    told, sentences = metrics["uncertainty"], []
    for name, where in DOMAINS.items():
        if name in told:
            sizes = told[name]["calibrated"]
            sentences.append(
                f"Uncertainty, {told[name]['frames']} test frames {where}: {sizes['coverage_90']:.0%} of the force "
                f"errors within its 90 % interval, miscalibration area {sizes['miscalibration_area']:.3f}, error over "
                f"uncertainty {_number(sizes['error_over_uncertainty_rms'])} (1 is right, above 1 is over-confident)"
            )
    before = table["prospective_coverage_90"].dropna()
    if len(before):
        sentences.append(
            f"Uncertainty, the structures labelled last: {before.iloc[-1]:.0%} of the force errors within the 90 % "
            "interval that the committee gave before"
        )
    return sentences or ["Uncertainty: not known, one member has no spread"]


def _dynamics(last: pd.Series, analysis: dict[str, Any]) -> list[str]:
    """How exploration and the production run went; each check of the latter with its reason."""
    survived = f"Walkers that survived exploration: {last['walkers_survived']} of {last['walkers']}"
    sentences = [survived] if last["walkers"] else ["No walkers: the structures came from a pool of labelled frames"]
    for name, check in analysis["verdicts"].items():
        sentences.append(f"Production run, {name}: {'passed' if check['passed'] else 'FAILED'}; {check['reason']}")
    return sentences


def _listed(temperatures: dict[str, Any]) -> str:
    names = [f"{name} K" for name in temperatures if name != NO_VALUE]
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


def _capital(verdict: str) -> str:
    return verdict[:1].upper() + verdict[1:]


def _number(value: float | None) -> str:
    return "not known" if value is None else f"{value:.2f}"
