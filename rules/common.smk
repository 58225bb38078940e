"""The checked config, every path, and the functions that rules of several stages call."""

import json
import os
import re
import sys

sys.path.insert(0, os.path.join(workflow.basedir, "workflow_scripts"))

from ouroboros import faults, last_rounds, seeds
from ouroboros.config import ConfigError, load_experiment, oracle_settings, sweep_runs, with_changes
from ouroboros.installation import main_versions


def refuse_config(problem):
    """End with a sentence, before anything has begun; to a WorkflowError Snakemake would add where it was raised."""
    sys.exit("\n".join([problem, *faults.advice("the-config-cannot-be-run")]))


try:
    config = load_experiment(config)
except ConfigError as error:
    refuse_config(str(error))

# --- paths -----------------------------------------------------------------------------------------------------
HOME = f"results/{config['name']}"
REFERENCE = f"{HOME}/reference"
ROUND = f"{HOME}/{{arm}}/round_{{r}}"
MEMBER = f"{ROUND}/model_{{m}}"
LOGS = f"{HOME}/logs"
TIMES = f"{HOME}/benchmarks"
PUBLISHED_SPLITS = f"{REFERENCE}/raw/splits"
SWEEP = f"{HOME}/sweep"
OVERFIT = f"{HOME}/overfit"
STATES = f"{HOME}/states"  # of unfinished trainings; undeclared like the labels, so that a killed one goes on
STORE = f"{HOME}/labels"  # undeclared on purpose: Snakemake deletes declared outputs of a failed job, labels stay

# --- sizes -----------------------------------------------------------------------------------------------------
STRATEGIES = config["rounds"]["strategies"]
SEEDS = config["rounds"]["seeds"]
START = "start"  # the arm of what all strategies of one seed have in common
OWN_ARM = f"({'|'.join(STRATEGIES)})-[0-9]+"  # of what each strategy does for itself
ARMS = [f"{strategy}-{seed}" for seed in SEEDS for strategy in STRATEGIES]
LAST_ROUND = config["rounds"]["count"] - 1
MEMBERS = range(config["committee"]["size"])
BATCHES = range(-(-config["selection"]["per_round"] // config["labels"]["batch_size"]))
TEMPERATURES = [
    temperature
    for temperature in config["reference"]["generate"]["temperatures_K"]
    for _ in range(config["reference"]["generate"]["trajectories_per_temperature"])
]
SOURCE = config["reference"]["source"]
ORACLE = oracle_settings(config["oracle"])
POOL = ORACLE["kind"] == "pool"  # structures to choose from are labelled frames held back, not explored ones
ORACLE_ENVIRONMENT = "../envs/mlip.yaml" if ORACLE["kind"] == "model" else "../envs/label.yaml"
GPUS = 1 if config["device"] == "cuda" else 0  # on a CPU run members would else train one by one for nothing
THREADS = config["threads"]
SWEEP_RUNS = sweep_runs(config)  # the name of each run and the keys that it changes
SWEEP_SEEDS = config["sweep"]["seeds"]


wildcard_constraints:
    arm=f"({'|'.join(STRATEGIES)}|{START})-[0-9]+",
    r="[0-9]+",
    m="[0-9]+",
    b="[0-9]+",
    k="[0-9]+",
    s="[0-9]+",
    run="|".join(re.escape(run) for run in SWEEP_RUNS) or "none",


# --- lists of files --------------------------------------------------------------------------------------------
def members(pattern):
    """The pattern once for each committee member, other wildcards kept."""
    return expand(pattern, m=MEMBERS, allow_missing=True)


def batches(pattern):
    """The pattern once for each labelling batch of a round, other wildcards kept."""
    return expand(pattern, b=BATCHES, allow_missing=True)


def computed_in(arm, r):
    """The folder that holds the data, models, test, exploration and production run of an arm's round.

    Strategies of one seed start from the same data with the same seeds, hence with the same committee: this part of
    round 0 is computed once, in the folder start-<seed>, and they part when they select.
    """
    if int(r) == 0:
        arm = f"{START}-{arm.rsplit('-', 1)[1]}"
    return ROUND.format(arm=arm, r=r)


def computed(name):
    """An input function: a file from `computed_in`."""

    def file(wildcards):
        return f"{computed_in(wildcards.arm, wildcards.r)}/{name}"

    return file


def computed_models(wildcards):
    """The committee that drives the round."""
    return members(f"{computed_in(wildcards.arm, wildcards.r)}/model_{{m}}/model.pt")


def rounds_up_to(name, folder):
    """An input function: the file of each round of the arm up to {r}; `folder` gives a round's folder."""

    def files(wildcards):
        return [f"{folder(wildcards.arm, r)}/{name}" for r in range(int(wildcards.r) + 1)]

    return files


def trainings_up_to(wildcards):
    """How training went, for each member of each round of the arm up to {r}."""
    rounds = [computed_in(wildcards.arm, r) for r in range(int(wildcards.r) + 1)]
    return [f"{folder}/model_{m}/training.json" for folder in rounds for m in MEMBERS]


def rounds_before(name):
    """An input function: the file of each round of the arm before {r}."""

    def files(wildcards):
        return [f"{round_folder(wildcards.arm, r)}/{name}" for r in range(int(wildcards.r))]

    return files


def round_folder(arm, r):
    return ROUND.format(arm=arm, r=r)


def round_before(wildcards):
    return int(wildcards.r) - 1


def dataset_input(wildcards):
    """Round 0 starts from the reference split; each later round grows the set of the one before it."""
    if wildcards.r == "0":
        return {
            "reference": f"{REFERENCE}/reference.db",
            "split": f"{REFERENCE}/split.npz",
            "checked": ancient(f"{REFERENCE}/reference_checked.json"),  # other limits judge again and change no data
        }
    labels = round_folder(wildcards.arm, round_before(wildcards))
    return {
        "previous": f"{computed_in(wildcards.arm, round_before(wildcards))}/dataset.npz",
        "labels": f"{labels}/labels.extxyz",
        "checked": ancient(f"{labels}/labels_checked.json"),  # a changed limit judges again and changes no data
    }


def train_input(wildcards):
    """The round's dataset and, for a warm start, the member of the round before."""
    files = {"dataset": f"{round_folder(wildcards.arm, wildcards.r)}/dataset.npz"}
    every = config["training"]["from_scratch_every"]
    from_scratch = not config["training"]["warm_start"] or (every and int(wildcards.r) % every == 0)
    if wildcards.r != "0" and not from_scratch:
        before = computed_in(wildcards.arm, round_before(wildcards))
        files["start_from"] = f"{before}/model_{wildcards.m}/model.pt"
    return files


def decide_input(wildcards):
    """What a round is judged by: before it is labelled, so that no label is paid for once the arm has converged."""
    shared = computed_in(wildcards.arm, wildcards.r)
    return {
        "metrics": f"{shared}/test/metrics.json",
        "dataset": f"{shared}/dataset.json",
        "walkers": f"{shared}/explore/walkers.csv",
        "selection": f"{round_folder(wildcards.arm, wildcards.r)}/select/selection.json",
        "analysis": f"{shared}/analysis/analysis.json",
        "before": rounds_before("decision.json")(wildcards),
    }


# --- what jobs ask for -----------------------------------------------------------------------------------------
def growing(amount):
    """Memory in MB or time in minutes: a job that is tried again, as `retries` of a profile has it, asks for more."""

    def asked(wildcards, attempt):
        return amount * attempt

    return asked


# --- params that depend on wildcards ---------------------------------------------------------------------------
def without(section, *keys):
    """A section of the config less some keys, so that a rule sees only what it uses."""
    return {name: value for name, value in section.items() if name not in keys}


def for_training(section):
    """The section `training` as a job sees it: inputs tell what a round starts from, resources what the job asks for."""
    return without(section, "warm_start", "from_scratch_every", "mem_mb", "runtime_min")


def validation_fraction(wildcards):
    return config["labels"]["validation_fraction"] if wildcards.r != "0" else None


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


def bootstrap_seed(wildcards):
    """The seed of the member's own training set, the same in all rounds; none without bootstrap."""
    if not config["committee"]["bootstrap"]:
        return None
    arm_seed = int(wildcards.arm.rsplit("-", 1)[1])
    return seeds.integer(config["seed"], "bootstrap", arm_seed, int(wildcards.m))


def strategy_of(wildcards):
    return wildcards.arm.rsplit("-", 1)[0]


def is_last_round(wildcards):
    return int(wildcards.r) == LAST_ROUND


# --- how the report names things; it sorts them as text --------------------------------------------------------
def in_round(**labels):
    """A labels function: what is given, and the round, as wide as the last one."""

    def labels_of(wildcards):
        return labels | {"round": wildcards.r.zfill(len(str(LAST_ROUND)))}

    return labels_of


def arm_label(wildcards):
    """The arm; of what the arms of a seed have in common, whose it is."""
    strategy, seed = wildcards.arm.rsplit("-", 1)
    return f"{wildcards.arm}: round 0 of every arm of seed {seed}" if strategy == START else wildcards.arm


# --- states that a job discards --------------------------------------------------------------------------------
# They ask for `input`, as Snakemake records no param that derives from it: a state reruns nothing.
def state_beside(path):
    """Where a job that writes into this folder of the results keeps its state."""
    return path.replace(f"{HOME}/", f"{STATES}/", 1)


def states_of_members(wildcards, input):
    return [state_beside(os.path.dirname(model)) for model in input.models]


def state_of_trajectory(wildcards, input):
    return [state_beside(os.path.dirname(input.trajectory))]


def state_of_one_batch(wildcards, input):
    return [state_beside(os.path.dirname(input.summary))]


# --- targets ---------------------------------------------------------------------------------------------------
def final_round(arm):
    """The last round that the arm runs, so far as decisions are known."""
    if config["rounds"]["mode"] == "fixed":
        return LAST_ROUND
    for r in range(LAST_ROUND + 1):
        with checkpoints.decide.get(arm=arm, r=r).output.decision.open() as stream:
            if json.load(stream)["state"] != "continue":
                return r
    return LAST_ROUND


def results_of(arm):
    """An input function of its own for each arm, so that no arm waits for the decisions of another."""

    def files(wildcards):
        last = final_round(arm)
        names = ("decision.json", "decision_checked.json")
        decisions = [f"{round_folder(arm, r)}/{name}" for r in range(last + 1) for name in names]
        pictures = [f"{round_folder(arm, r)}/select/structures.svg" for r in range(last + 1)]
        pages = [f"{HOME}/{arm}/report/rounds_{last}/{name}" for name in ("rounds.csv", "structures.html")]
        return [*decisions, *pictures, *pages]

    return files


def comparison(wildcards):
    """The learning curves of all arms; the folder's name tells the last round of each."""
    ends = last_rounds.in_a_word(final_round(arm) for arm in ARMS)
    return f"{HOME}/comparison/rounds_{ends}/learning_curve.svg"


def compared(name):
    """An input function: a file from the report of each arm, each at the round that the folder's name gives for it."""

    def files(wildcards):
        ends = last_rounds.from_word(wildcards.ends)
        return [f"{HOME}/{arm}/report/rounds_{r}/{name}" for arm, r in zip(ARMS, ends, strict=True)]

    return files
