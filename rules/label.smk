"""Quantum-chemistry labels for the selected structures, through the label store."""


rule label:
    input:
        **label_input(),
    output:
        labels=f"{ROUND}/label/batch_{{b}}.extxyz",
        failures=f"{ROUND}/label/batch_{{b}}_failures.csv",
    log:
        f"{LOGS}/{{arm}}/round_{{r}}/label_{{b}}.log",
    benchmark:
        f"{TIMES}/{{arm}}/round_{{r}}/label_{{b}}.tsv"
    conda:
        ORACLE_ENVIRONMENT
    threads: config["labels"]["threads"]
    resources:
        mem_mb=growing(config["labels"]["mem_mb"]),
        runtime=growing(1440),
    params:
        oracle=ORACLE,
        force_cap=config["labels"]["force_cap_eV_per_A"],
        energy_window=config["labels"]["energy_window_eV_per_atom"],
        accept_mismatch=config["oracle_gate"]["accept_mismatch"],
        n_batches=len(BATCHES),
        store=STORE,
    script:
        "../workflow_scripts/label.py"


rule gather:
    input:
        labels=batches(f"{ROUND}/label/batch_{{b}}.extxyz"),
        failures=batches(f"{ROUND}/label/batch_{{b}}_failures.csv"),
    output:
        labels=f"{ROUND}/labels.extxyz",
        failures=f"{ROUND}/label_failures.csv",
        summary=f"{ROUND}/labels.json",
    log:
        f"{LOGS}/{{arm}}/round_{{r}}/gather.log",
    conda:
        "../envs/label.yaml"
    script:
        "../workflow_scripts/gather.py"


rule check_labels:
    """Stop the run where too many labels failed: training on what is left would hide a fault of the oracle.

    The limit is no param: Snakemake looks for no other change below a job that has to run.
    """
    input:
        summary=f"{ROUND}/labels.json",
    output:
        checked=f"{ROUND}/labels_checked.json",
    log:
        f"{LOGS}/{{arm}}/round_{{r}}/check_labels.log",
    retries: 0  # its answer is the same each time
    conda:
        "../envs/label.yaml"
    script:
        "../workflow_scripts/check_labels.py"


rule prospective:
    """The committee's uncertainty about structures before they were labelled, against its errors on their labels."""
    input:
        models=computed_models,
        calibration=computed("test/calibration.json"),
        labels=f"{ROUND}/labels.extxyz",
    output:
        quality=f"{ROUND}/prospective/uncertainty.json",
        frames=f"{ROUND}/prospective/frames.csv",
        figure=report(
            f"{ROUND}/prospective/uncertainty.svg",
            category="4. Exploration and selection",
            subcategory=arm_label,
            labels=in_round(figure="uncertainty before, error after"),
            caption="../docs/captions/prospective.rst",
        ),
    log:
        f"{LOGS}/{{arm}}/round_{{r}}/prospective.log",
    benchmark:
        f"{TIMES}/{{arm}}/round_{{r}}/prospective.tsv"
    wildcard_constraints:
        arm=OWN_ARM,
    conda:
        "../envs/mlip.yaml"
    threads: THREADS
    resources:
        gpu=GPUS,
        mem_mb=growing(2000),
    params:
        device=config["device"],
    script:
        "../workflow_scripts/prospective.py"
