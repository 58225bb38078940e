"""Which explored structures are worth a label."""


rule select:
    input:
        models=computed_models,
        trajectory=computed("explore/trajectory.h5"),
        dataset=computed("dataset.npz"),
    output:
        candidates=f"{ROUND}/select/candidates.extxyz",
        fates=f"{ROUND}/select/selection.csv",
        summary=f"{ROUND}/select/selection.json",
        map=report(
            f"{ROUND}/select/map.svg",
            category="4. Exploration and selection",
            subcategory="{arm}",
            labels={"round": "{r}", "figure": "map of the selected structures"},
            caption="../docs/captions/selection_map.rst",
        ),
        uncertainty=report(
            f"{ROUND}/select/uncertainty.svg",
            category="4. Exploration and selection",
            subcategory="{arm}",
            labels={"round": "{r}", "figure": "uncertainty along the walkers"},
            caption="../docs/captions/exploration.rst",
        ),
    log:
        f"{LOGS}/{{arm}}/round_{{r}}/select.log",
    benchmark:
        f"{TIMES}/{{arm}}/round_{{r}}/select.tsv"
    wildcard_constraints:
        arm=OWN_ARM,
    conda:
        "../envs/mlip.yaml"
    threads: THREADS
    resources:
        gpu=GPUS,
        mem_mb=growing(2000),
    params:
        settings=config["selection"],
        timestep_fs=None if POOL else config["exploration"]["timestep_fs"],
        strategy=strategy_of,
        seed=seed_for("select"),
        device=config["device"],
        states=state_of_trajectory,
    script:
        "../workflow_scripts/select_structures.py"
