"""Functions of the sweep and of the training on one batch."""


def sweep_files(name):
    """An input function: the file of each run with each seed, in the order of `sweep_rows`."""

    def files(wildcards):
        if not SWEEP_RUNS:
            refuse_config(
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
    return for_training(with_changes(config, SWEEP_RUNS[wildcards.run])["training"])


def sweep_seed(wildcards):
    """The same for every run, so that runs of one seed see the frames in the same order."""
    return seeds.integer(config["seed"], "sweep", int(wildcards.s))


def one_batch_training():
    """The training of the config on one batch, with enough steps that what is left of the error is no lack of them."""
    steps = max(2000, config["training"]["steps"])
    one_batch = {"overfit_batches": 1, "steps": steps, "epochs": None}
    one_batch |= {"early_stopping_patience": None, "average_decay": None}
    return for_training(config["training"]) | one_batch
