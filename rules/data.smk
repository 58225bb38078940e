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
        settings=without(config["split"], "leakage_rmsd_A"),
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
    params:
        threshold_A=config["split"]["leakage_rmsd_A"],
    script:
        "../workflow_scripts/leakage.py"
