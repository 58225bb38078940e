"""Reference data: made here, downloaded or taken over from files; curated, split once for all rounds, and checked."""


rule generate:
    input:
        **generate_input(),
    output:
        trajectory=f"{REFERENCE}/raw/trajectory_{{k}}.extxyz",
    log:
        f"{LOGS}/generate/{{k}}.log",
    benchmark:
        f"{TIMES}/generate/{{k}}.tsv"
    conda:
        ORACLE_ENVIRONMENT
    threads: config["labels"]["threads"]
    resources:
        mem_mb=growing(config["labels"]["mem_mb"]),
        runtime=growing(240),
    params:
        oracle=ORACLE,
        store=STORE,
        settings=without(config["reference"]["generate"], "temperatures_K", "trajectories_per_temperature", "distorted"),
        temperature_K=temperature_of,
        seed=reference_seed,
    script:
        "../workflow_scripts/generate.py"


rule distort:
    """Structures that dynamics seldom reaches, for the shifted part of the test set."""
    input:
        **generate_input(),
    output:
        structures=f"{REFERENCE}/raw/distorted.extxyz",
    log:
        f"{LOGS}/distort.log",
    benchmark:
        f"{TIMES}/distort.tsv"
    conda:
        ORACLE_ENVIRONMENT
    threads: config["labels"]["threads"]
    resources:
        mem_mb=growing(config["labels"]["mem_mb"]),
        runtime=growing(240),
    params:
        oracle=ORACLE,
        store=STORE,
        molecule=config["reference"]["generate"]["molecule"],
        n=config["reference"]["generate"]["distorted"],
        seed=seeds.integer(config["seed"], "distorted"),
    script:
        "../workflow_scripts/distort.py"


rule download:
    output:
        data=f"{REFERENCE}/raw/published.npz",
        record=f"{REFERENCE}/raw/published.json",
        splits=directory(PUBLISHED_SPLITS),
    log:
        f"{LOGS}/download.log",
    conda:
        "../envs/label.yaml"
    resources:
        runtime=growing(240),
    params:
        dataset=config["reference"]["download"]["dataset"],
        molecule=config["reference"]["download"]["molecule"],
        sha256=config["reference"]["download"]["sha256"],
        reference=f"{REFERENCE}/reference.json",
    script:
        "../workflow_scripts/download.py"


rule import_reference:
    input:
        **files_to_import(),
    output:
        frames=f"{REFERENCE}/raw/frames.npz",
        record=f"{REFERENCE}/raw/frames.json",
    log:
        f"{LOGS}/import_reference.log",
    conda:
        "../envs/label.yaml"
    resources:
        mem_mb=growing(4000),
    params:
        source=SOURCE,
        settings=without(config["reference"]["files"], "paths") if SOURCE == "files" else None,
    script:
        "../workflow_scripts/import_reference.py"


rule curate:
    input:
        **raw_files(),
    output:
        database=f"{REFERENCE}/reference.db",
        summary=f"{REFERENCE}/reference.json",
    log:
        f"{LOGS}/curate.log",
    conda:
        "../envs/label.yaml"
    resources:
        mem_mb=growing(4000),
    params:
        settings=config["reference"]["curate"],
        source=SOURCE,
        molecule=molecule(),
    script:
        "../workflow_scripts/curate.py"


rule split:
    input:
        **split_input(),
    output:
        split=f"{REFERENCE}/split.npz",
        summary=f"{REFERENCE}/split.json",
    log:
        f"{LOGS}/split.log",
    conda:
        "../envs/label.yaml"
    resources:
        mem_mb=growing(4000),
    params:
        settings=split_settings(),
        pool=POOL,
        seed=config["seed"],
    script:
        "../workflow_scripts/split.py"


rule leakage:
    input:
        database=f"{REFERENCE}/reference.db",
        split=f"{REFERENCE}/split.npz",
    output:
        summary=f"{REFERENCE}/leakage.json",
    log:
        f"{LOGS}/leakage.log",
    conda:
        "../envs/label.yaml"
    threads: THREADS
    resources:
        mem_mb=growing(4000),
    script:
        "../workflow_scripts/leakage.py"


rule check_oracle:
    """The oracle labels some reference frames again: before the first training, so that no work is done in vain."""
    input:
        **teacher(),
        database=f"{REFERENCE}/reference.db",
        reference=f"{REFERENCE}/reference.json",
        split=f"{REFERENCE}/split.npz",
    output:
        summary=f"{REFERENCE}/oracle_check.json",
    log:
        f"{LOGS}/check_oracle.log",
    conda:
        ORACLE_ENVIRONMENT
    threads: config["labels"]["threads"]
    resources:
        mem_mb=growing(config["labels"]["mem_mb"]),
        runtime=growing(240),
    params:
        oracle=ORACLE,
        store=STORE,
    script:
        "../workflow_scripts/check_oracle.py"


rule check_reference:
    """Stop before the first training: the test set leaks, the oracle is another surface, or dynamics cannot begin.

    Its limits are no params: Snakemake looks for no other change below a job that has to run, and everything is below.
    """
    input:
        **checks_of_reference(),
    output:
        checked=f"{REFERENCE}/reference_checked.json",
    log:
        f"{LOGS}/check_reference.log",
    retries: 0  # its answer is the same each time
    conda:
        "../envs/label.yaml"
    script:
        "../workflow_scripts/check_reference.py"
