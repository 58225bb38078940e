"""What a run ran with: beside the results, for whoever repeats it."""


rule environment:
    output:
        record=f"{HOME}/environment.json",
    log:
        f"{LOGS}/environment.log",
    conda:
        "../envs/mlip.yaml"
    threads: THREADS
    resources:
        gpu=GPUS,
        mem_mb=growing(2000),
        runtime=growing(10),
    params:
        device=config["device"],
        versions=main_versions(),
    script:
        "../workflow_scripts/environment.py"
