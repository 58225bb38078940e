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
            subcategory=arm_label,
            labels=in_round(figure="map of the selected structures"),
            caption="../docs/captions/selection_map.rst",
        ),
        uncertainty=report(
            f"{ROUND}/select/uncertainty.svg",
            category="4. Exploration and selection",
            subcategory=arm_label,
            labels=in_round(figure="uncertainty along the walkers"),
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


rule draw_selected:
    input:
        candidates=f"{ROUND}/select/candidates.extxyz",
        summary=f"{ROUND}/select/selection.json",
    output:
        pictures=report(
            f"{ROUND}/select/structures.svg",
            category="4. Exploration and selection",
            subcategory=arm_label,
            labels=in_round(figure="selected structures"),
            caption="../docs/captions/structures.rst",
        ),
    log:
        f"{LOGS}/{{arm}}/round_{{r}}/draw_selected.log",
    wildcard_constraints:
        arm=OWN_ARM,
    conda:
        "../envs/analysis.yaml"
    params:
        timestep_fs=None if POOL else config["exploration"]["timestep_fs"],
    script:
        "../workflow_scripts/draw_selected.py"


rule show_structures:
    input:
        candidates=rounds_up_to("select/candidates.extxyz", round_folder),
        selections=rounds_up_to("select/selection.json", round_folder),
        failures=rounds_before("label_failures.csv"),
        errors=rounds_before("prospective/frames.csv"),
    output:
        page=report(
            f"{HOME}/{{arm}}/report/rounds_{{r}}/structures.html",
            category="4. Exploration and selection",
            subcategory=arm_label,
            labels={"figure": "structures in 3-D", "round": "all"},
            caption="../docs/captions/structures_3d.rst",
        ),
    log:
        f"{LOGS}/{{arm}}/show_structures_{{r}}.log",
    wildcard_constraints:
        arm=OWN_ARM,
    conda:
        "../envs/analysis.yaml"
    params:
        timestep_fs=None if POOL else config["exploration"]["timestep_fs"],
    script:
        "../workflow_scripts/show_structures.py"
