"""The checked config, every path, and every function that the rules call."""

import json
import os
import re
import sys

from snakemake.exceptions import WorkflowError

sys.path.insert(0, os.path.join(workflow.basedir, "workflow_scripts"))

from ouroboros import seeds
from ouroboros.config import ConfigError, load_experiment, oracle_settings, sweep_runs, with_changes

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
PUBLISHED_SPLITS = f"{REFERENCE}/raw/splits"
SWEEP = f"{HOME}/sweep"
OVERFIT = f"{HOME}/overfit"
STATES = f"{HOME}/states"  # of unfinished trainings; undeclared like the labels, so that a killed one goes on
STORE = f"{HOME}/labels"  # undeclared on purpose: Snakemake deletes declared outputs of a failed job, labels stay

# --- sizes -----------------------------------------------------------------------------------------------------
STRATEGIES = config["rounds"]["strategies"]
SEEDS = config["rounds"]["seeds"]
START = "start"  # the arm of what all strategies of one seed have in common
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
    arm="(committee|random|start)-[0-9]+",
    r="[0-9]+",
    m="[0-9]+",
    b="[0-9]+",
    k="[0-9]+",
    s="[0-9]+",
    run="|".join(re.escape(run) for run in SWEEP_RUNS) or "none",


# --- the reference ---------------------------------------------------------------------------------------------
def raw_files():
    """What `curate` reads: trajectories made here, or imported frames and what is known of them."""
    if SOURCE == "generate":
        return {"raw": expand(f"{REFERENCE}/raw/trajectory_{{k}}.extxyz", k=range(len(TEMPERATURES)))}
    return {"raw": [f"{REFERENCE}/raw/frames.npz"], "record": f"{REFERENCE}/raw/frames.json"}


def generate_input():
    """The user's structure file, where the molecule is one: an edited file makes the trajectories anew."""
    name = config["reference"]["generate"]["molecule"]
    return teacher() | ({"structure": name} if os.path.isfile(name) else {})


def split_settings():
    """The keys that the strategy uses, so that no other reruns the split."""
    own = {
        "trajectory": ["start_temperature_max_K"],
        "time": ["gap_frames"],
        "column": ["column", "test_values"],
        "published": ["fold"],
        "random": [],
    }
    split = config["split"]
    return {name: split[name] for name in ("strategy", "train", "validation", "test", *own[split["strategy"]])}


def error_columns():
    """Columns by whose values errors are told; a column that only counts frames or times groups nothing."""
    named = config["reference"]["files"]["columns"] if SOURCE == "files" else []
    split_by = split_settings().get("column")
    columns = dict.fromkeys(["temperature_K", "source", *named, *([split_by] if split_by else [])])
    return [name for name in columns if name not in ("trajectory", "time_fs", "raw_index") or name == split_by]


def files_to_import():
    """What `import_reference` reads: a published set, or the user's own files."""
    if SOURCE == "download":
        return {"files": [f"{REFERENCE}/raw/published.npz"], "record": f"{REFERENCE}/raw/published.json"}
    return {"files": config["reference"]["files"]["paths"]}


def molecule():
    """The name of the molecule, where the config gives one."""
    return config["reference"][SOURCE].get("molecule")


def checks_of_reference():
    """What is judged before the first training; a run that asks for no label has no use for the oracle."""
    files = {"leakage": f"{REFERENCE}/leakage.json"}
    return files | ({"oracle": f"{REFERENCE}/oracle_check.json"} if LAST_ROUND else {})


def split_input():
    """The database, and the published indices where they are asked for."""
    files = {"database": f"{REFERENCE}/reference.db"}
    return files | ({"published": PUBLISHED_SPLITS} if config["split"]["strategy"] == "published" else {})


def teacher():
    """The models that label, where the oracle is a teacher: another teacher makes other labels."""
    return {"teacher": ORACLE["paths"]} if ORACLE["kind"] == "model" else {}


def label_input():
    """The candidates, what the reference's energies are like, and the pool where it is the oracle."""
    files = {
        "candidates": f"{ROUND}/select/candidates.extxyz",
        "reference": f"{REFERENCE}/reference.json",
        "checked": f"{REFERENCE}/reference_checked.json",  # another oracle passes the gate before it labels
    }
    return files | teacher() | ({"pool": f"{REFERENCE}/reference.db"} if POOL else {})


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


def labels_before(wildcards):
    """The summaries of the labels that the arm's rounds up to {r} learned from."""
    return [f"{round_folder(wildcards.arm, r)}/labels.json" for r in range(int(wildcards.r))]


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
    }


# --- params that depend on wildcards ---------------------------------------------------------------------------
def without(section, *keys):
    """A section of the config less some keys, so that a rule sees only what it uses."""
    return {name: value for name, value in section.items() if name not in keys}


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


# --- the sweep -------------------------------------------------------------------------------------------------
def sweep_files(name):
    """An input function: the file of each run with each seed, in the order of `sweep_rows`."""

    def files(wildcards):
        if not SWEEP_RUNS:
            raise WorkflowError(
                "Config key 'sweep.over' is empty, so that there is nothing to compare; give it the values to try, such "
                "as {model.n_interactions: [3, 6, 9]}."
            )
        return expand(f"{SWEEP}/{{run}}/seed_{{s}}/{name}", run=SWEEP_RUNS, s=SWEEP_SEEDS)

    return files


def sweep_rows():
    """What tells the rows of the sweep's table apart: run, seed, and the value of each key that is swept."""
    rows = []
    for run, changes in SWEEP_RUNS.items():
        changed = with_changes(config, changes)
        values = {key: changed[key.split(".")[0]][key.split(".")[1]] for key in config["sweep"]["over"]}
        rows += [{"run": run, **values, "seed": seed} for seed in SWEEP_SEEDS]
    return rows


def sweep_model(wildcards):
    return with_changes(config, SWEEP_RUNS[wildcards.run])["model"]


def sweep_training(wildcards):
    return without(with_changes(config, SWEEP_RUNS[wildcards.run])["training"], "warm_start", "from_scratch_every")


def sweep_seed(wildcards):
    """The same for every run, so that runs of one seed see the frames in the same order."""
    return seeds.integer(config["seed"], "sweep", int(wildcards.s))


def one_batch_training():
    """The training of the config on one batch, with enough steps that what is left of the error is no lack of them."""
    steps = max(2000, config["training"]["steps"])
    one_batch = {"overfit_batches": 1, "steps": steps, "epochs": None}
    one_batch |= {"early_stopping_patience": None, "average_decay": None}
    return without(config["training"], "warm_start", "from_scratch_every") | one_batch


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
        decisions = [f"{round_folder(arm, r)}/decision.json" for r in range(last + 1)]
        return [*decisions, f"{HOME}/{arm}/report/rounds_{last}/rounds.csv"]

    return files


def comparison(wildcards):
    """The learning curves of all arms; the folder's name tells the last round of each."""
    ends = "-".join(str(final_round(arm)) for arm in ARMS)
    return f"{HOME}/comparison/rounds_{ends}/learning_curve.svg"


def compared_rounds(wildcards):
    """The round tables of all arms, each at the round that the folder's name gives for it."""
    ends = wildcards.ends.split("-")
    return [f"{HOME}/{arm}/report/rounds_{r}/rounds.csv" for arm, r in zip(ARMS, ends, strict=True)]
