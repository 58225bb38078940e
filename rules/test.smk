"""Errors of the committee on the frozen test set, and the calibration of its uncertainty on the validation set."""


rule test:
    input:
        models=members(f"{MEMBER}/model.pt"),
        dataset=f"{ROUND}/dataset.npz",
        reference=f"{REFERENCE}/reference.db",
        split=f"{REFERENCE}/split.npz",
    output:
        metrics=f"{ROUND}/test/metrics.json",
        calibration=f"{ROUND}/test/calibration.json",
        predictions=f"{ROUND}/test/predictions.npz",
        table=report(
            f"{ROUND}/test/errors.csv",
            category="2. Accuracy",
            subcategory=arm_label,
            labels=in_round(figure="table of errors (CSV)"),
            caption="../docs/captions/error_table.rst",
        ),
        parity=report(
            f"{ROUND}/test/parity.svg",
            category="2. Accuracy",
            subcategory=arm_label,
            labels=in_round(figure="parity"),
            caption="../docs/captions/parity.rst",
        ),
        histograms=report(
            f"{ROUND}/test/errors.svg",
            category="2. Accuracy",
            subcategory=arm_label,
            labels=in_round(figure="histograms of errors"),
            caption="../docs/captions/errors.rst",
        ),
        uncertainty=report(
            f"{ROUND}/test/uncertainty.svg",
            category="2. Accuracy",
            subcategory=arm_label,
            labels=in_round(figure="error against uncertainty"),
            caption="../docs/captions/uncertainty.rst",
        ),
    log:
        f"{LOGS}/{{arm}}/round_{{r}}/test.log",
    benchmark:
        f"{TIMES}/{{arm}}/round_{{r}}/test.tsv"
    conda:
        "../envs/mlip.yaml"
    threads: THREADS
    resources:
        gpu=GPUS,
        mem_mb=growing(2000),
    params:
        device=config["device"],
        by=error_columns(),
        states=states_of_members,
        split=split_settings(),  # which test frames are of the start set's kind
    script:
        "../workflow_scripts/test.py"


rule trained:
    """The committee of round 0, tested: what the reference data alone give."""
    input:
        f"{computed_in(ARMS[0],0)}/test/metrics.json",
