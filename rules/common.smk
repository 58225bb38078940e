"""The checked config, every path, and every function that the rules call."""

import json
import os
import sys

from snakemake.exceptions import WorkflowError

sys.path.insert(0, os.path.join(workflow.basedir, "workflow_scripts"))

from ouroboros import seeds
from ouroboros.config import ConfigError, load_experiment

try:
    config = load_experiment(config)
except ConfigError as error:
    raise WorkflowError(str(error))

# --- paths -----------------------------------------------------------------------------------------------------
HOME = f"results/{config['name']}"
REFERENCE = f"{HOME}/reference"
ROUND = f"{HOME}/{{arm}}/round_{{r}}"
MEMBER = f"{ROUND}/model_{{m}}"
LOGS = f"{HOME}/logs"
TIMES = f"{HOME}/benchmarks"
STORE = f"{HOME}/labels"  # undeclared on purpose: Snakemake deletes declared outputs of a failed job, labels stay

# --- sizes -----------------------------------------------------------------------------------------------------
STRATEGIES = config["rounds"]["strategies"]
SEEDS = config["rounds"]["seeds"]
ARMS = [f"{strategy}-{seed}" for seed in SEEDS for strategy in STRATEGIES]
FOLLOWERS = [f"{strategy}-{seed}" for seed in SEEDS for strategy in STRATEGIES[1:]]
LAST_ROUND = config["rounds"]["count"] - 1
MEMBERS = range(config["committee"]["size"])
BATCHES = range(-(-config["selection"]["per_round"] // config["labels"]["batch_size"]))
TEMPERATURES = [
    temperature
    for temperature in config["reference"]["generate"]["temperatures_K"]
    for _ in range(config["reference"]["generate"]["trajectories_per_temperature"])
]
GPUS = 1 if config["device"] == "cuda" else 0  # on a CPU run members would else train one by one for nothing
THREADS = config["threads"]


wildcard_constraints:
    arm="[a-z]+-[0-9]+",
    r="[0-9]+",
    m="[0-9]+",
    b="[0-9]+",
    k="[0-9]+",


# --- lists of files --------------------------------------------------------------------------------------------
def members(pattern):
    """The pattern once for each committee member, other wildcards kept."""
    return expand(pattern, m=MEMBERS, allow_missing=True)


def batches(pattern):
    """The pattern once for each labelling batch of a round, other wildcards kept."""
    return expand(pattern, b=BATCHES, allow_missing=True)


def rounds_up_to(pattern):
    """An input function: the pattern once for each round of the arm up to {r}."""

    def files(wildcards):
        return expand(pattern, arm=wildcards.arm, r=range(int(wildcards.r) + 1))

    return files


def round_before(wildcards):
    return int(wildcards.r) - 1


def dataset_input(wildcards):
    """Round 0 starts from the reference split; each later round grows the set of the one before it."""
    if wildcards.r == "0":
        return {"reference": f"{REFERENCE}/reference.db", "split": f"{REFERENCE}/split.npz"}
    before = ROUND.format(arm=wildcards.arm, r=round_before(wildcards))
    return {"previous": f"{before}/dataset.npz", "labels": f"{before}/labels.extxyz"}


def train_input(wildcards):
    """The round's dataset and, for a warm start, the member of the round before."""
    files = {"dataset": f"{ROUND}/dataset.npz".format(**wildcards)}
    if config["training"]["warm_start"] and wildcards.r != "0":
        before = MEMBER.format(arm=wildcards.arm, r=round_before(wildcards), m=wildcards.m)
        files["start_from"] = f"{before}/model.pt"
    return files


def decide_input(wildcards):
    """What a round is judged by; the last round is not labelled, as nothing would be trained on its labels."""
    folder = ROUND.format(**wildcards)
    files = {
        "metrics": f"{folder}/test/metrics.json",
        "dataset": f"{folder}/dataset.json",
        "walkers": f"{folder}/explore/walkers.csv",
        "selection": f"{folder}/select/selection.json",
        "analysis": f"{folder}/analysis/analysis.json",
    }
    if int(wildcards.r) < LAST_ROUND:
        files["labels"] = f"{folder}/labels.json"
    return files


# --- arms that start alike -------------------------------------------------------------------------------------
START_FILES = [
    *members("model_{m}/model.pt"),
    *members("model_{m}/metrics.csv"),
    *members("model_{m}/training.json"),
    *members("model_{m}/curves.svg"),
    *expand(
        "test/{name}", name=("metrics.json", "calibration.json", "predictions.npz", "parity.svg", "uncertainty.svg")
    ),
    *expand("explore/{name}", name=("trajectory.h5", "walkers.csv")),
    *expand("simulate/{name}", name=("nve.traj", "thermo.csv")),
    *expand(
        "analysis/{name}",
        name=("analysis.json", "energy.svg", "temperature.svg", "distances.svg", "spectrum.svg", "msd.svg"),
    ),
]


def leading_arm(wildcards):
    """Round 0 of the first strategy with the same seed: the same data and seeds, hence the same committee."""
    seed = wildcards.follower.rsplit("-", 1)[1]
    return [f"{HOME}/{STRATEGIES[0]}-{seed}/round_0/{name}" for name in START_FILES]


# --- params that depend on wildcards ---------------------------------------------------------------------------
def without(section, *keys):
    """A section of the config less some keys, so that a rule sees only what it uses."""
    return {name: value for name, value in section.items() if name not in keys}


def temperature_of(wildcards):
    return TEMPERATURES[int(wildcards.k)]


def reference_seed(wildcards):
    return seeds.integer(config["seed"], "reference trajectory", int(wildcards.k))


def seed_for(purpose):
    """A params function: the seed of one purpose in the arm's round; the same for every strategy.

    Arms of one seed draw alike, so that they differ by what they select and by nothing else.
    """

    def seed(wildcards):
        arm_seed = int(wildcards.arm.rsplit("-", 1)[1])
        member = [int(wildcards.m)] if "m" in wildcards.keys() else []
        return seeds.integer(config["seed"], purpose, arm_seed, int(wildcards.r), *member)

    return seed


def strategy_of(wildcards):
    return wildcards.arm.rsplit("-", 1)[0]


def is_last_round(wildcards):
    return int(wildcards.r) == LAST_ROUND


# --- targets ---------------------------------------------------------------------------------------------------
def final_round(arm):
    """The last round that the arm runs, so far as decisions are known."""
    if config["rounds"]["mode"] == "fixed":
        return LAST_ROUND
    for r in range(LAST_ROUND + 1):
        with checkpoints.decide.get(arm=arm, r=r).output.decision.open() as stream:
            decision = json.load(stream)
        if decision["state"] == "broken":
            raise WorkflowError(f"Arm {arm} is broken in round {r}: {decision['reason']}.")
        if decision["state"] != "continue":
            return r
    return LAST_ROUND


def everything(wildcards):
    """Reports and decisions of every arm, and the comparison of the arms."""
    ends = {arm: final_round(arm) for arm in ARMS}
    files = [f"{HOME}/{arm}/report/rounds_{r}/rounds.csv" for arm, r in ends.items()]
    return [*files, f"{HOME}/comparison/rounds_{'-'.join(str(r) for r in ends.values())}/learning_curve.svg"]


def compared_rounds(wildcards):
    """The round tables of all arms, each at the round that the folder's name gives for it."""
    ends = wildcards.ends.split("-")
    return [f"{HOME}/{arm}/report/rounds_{r}/rounds.csv" for arm, r in zip(ARMS, ends, strict=True)]
