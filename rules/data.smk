"""Reference data: made here, curated, split once for all rounds. A download or an import would write raw/ instead."""


rule generate:
    output:
        trajectory=f"{REFERENCE}/raw/trajectory_{{k}}.extxyz",
    log:
        f"{LOGS}/generate/{{k}}.log",
    benchmark:
        f"{TIMES}/generate/{{k}}.tsv"
    conda:
        "../envs/label.yaml"
    resources:
        mem_mb=1000,
        runtime=240,
    params:
        oracle=config["oracle"],
        settings=without(config["reference"]["generate"], "temperatures_K", "trajectories_per_temperature"),
        temperature_K=temperature_of,
        seed=reference_seed,
    script:
        "../workflow_scripts/generate.py"


rule curate:
    input:
        raw=expand(f"{REFERENCE}/raw/trajectory_{{k}}.extxyz", k=range(len(TEMPERATURES))),
    output:
        database=f"{REFERENCE}/reference.db",
        summary=f"{REFERENCE}/reference.json",
    log:
        f"{LOGS}/curate.log",
    conda:
        "../envs/label.yaml"
    params:
        settings=config["reference"]["curate"],
        source=config["reference"]["source"],
        molecule=config["reference"]["generate"]["molecule"],
    script:
        "../workflow_scripts/curate.py"


rule split:
    input:
        database=f"{REFERENCE}/reference.db",
    output:
        split=f"{REFERENCE}/split.npz",
        summary=f"{REFERENCE}/split.json",
    log:
        f"{LOGS}/split.log",
    conda:
        "../envs/label.yaml"
    params:
        settings=config["split"],
        seed=config["seed"],
    script:
        "../workflow_scripts/split.py"
