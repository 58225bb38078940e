"""Settings of the model and its training compared: a training and a test of each, on the data of round 0."""


use rule train as sweep_train with:
    input:
        dataset=f"{HOME}/{START}-{SEEDS[0]}/round_0/dataset.npz",
    output:
        model=f"{SWEEP}/{{run}}/seed_{{s}}/model.pt",
        metrics=f"{SWEEP}/{{run}}/seed_{{s}}/metrics.csv",
        summary=f"{SWEEP}/{{run}}/seed_{{s}}/training.json",
        curves=report(
            f"{SWEEP}/{{run}}/seed_{{s}}/curves.svg",
            category="6. Sweep",
            subcategory="{run}",
            labels={"figure": "training", "seed": "{s}"},
            caption="../docs/captions/curves.rst",
        ),
    log:
        f"{LOGS}/sweep/{{run}}/seed_{{s}}/train.log",
    benchmark:
        f"{TIMES}/sweep/{{run}}/seed_{{s}}/train.tsv"
    resources:
        gpu=GPUS,
        mem_mb=growing(config["training"]["mem_mb"]),
        runtime=growing(config["training"]["runtime_min"]),
        timed=1,  # one at a time by the default profile: trainings side by side slow one another
    params:
        model=sweep_model,
        training=sweep_training,
        seed=sweep_seed,
        bootstrap_seed=None,
        tensorboard=f"{HOME}/tensorboard/sweep/{{run}}/seed_{{s}}",
        state=f"{STATES}/sweep/{{run}}/seed_{{s}}",


use rule test as sweep_test with:
    input:
        models=[f"{SWEEP}/{{run}}/seed_{{s}}/model.pt"],
        dataset=f"{HOME}/{START}-{SEEDS[0]}/round_0/dataset.npz",
        reference=f"{REFERENCE}/reference.db",
        split=f"{REFERENCE}/split.npz",
    output:
        metrics=f"{SWEEP}/{{run}}/seed_{{s}}/test/metrics.json",
        calibration=f"{SWEEP}/{{run}}/seed_{{s}}/test/calibration.json",
        predictions=f"{SWEEP}/{{run}}/seed_{{s}}/test/predictions.npz",
        parity=report(
            f"{SWEEP}/{{run}}/seed_{{s}}/test/parity.svg",
            category="6. Sweep",
            subcategory="{run}",
            labels={"figure": "parity", "seed": "{s}"},
            caption="../docs/captions/parity.rst",
        ),
        table=f"{SWEEP}/{{run}}/seed_{{s}}/test/errors.csv",
        histograms=f"{SWEEP}/{{run}}/seed_{{s}}/test/errors.svg",
        uncertainty=f"{SWEEP}/{{run}}/seed_{{s}}/test/uncertainty.svg",
    log:
        f"{LOGS}/sweep/{{run}}/seed_{{s}}/test.log",
    benchmark:
        f"{TIMES}/sweep/{{run}}/seed_{{s}}/test.tsv"


rule sweep_table:
    input:
        trainings=sweep_files("training.json"),
        tests=sweep_files("test/metrics.json"),
    output:
        table=report(
            f"{SWEEP}/table.csv",
            category="6. Sweep",
            subcategory="all runs",
            labels={"figure": "table (CSV)"},
            caption="../docs/captions/sweep.rst",
        ),
        figure=report(
            f"{SWEEP}/error_against_time.svg",
            category="6. Sweep",
            subcategory="all runs",
            labels={"figure": "error against training time"},
            caption="../docs/captions/sweep.rst",
        ),
    log:
        f"{LOGS}/sweep/table.log",
    conda:
        "../envs/analysis.yaml"
    params:
        rows=sweep_rows(),
    script:
        "../workflow_scripts/sweep_table.py"


rule sweep:
    """The target `sweep`."""
    input:
        f"{SWEEP}/table.csv",
        f"{SWEEP}/error_against_time.svg",
