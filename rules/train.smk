"""The round's training set and the committee."""


rule dataset:
    input:
        unpack(dataset_input),
    output:
        dataset=f"{ROUND}/dataset.npz",
        summary=f"{ROUND}/dataset.json",
    log:
        f"{LOGS}/{{arm}}/round_{{r}}/dataset.log",
    conda:
        "../envs/label.yaml"
    params:
        validation_fraction=validation_fraction,
        seed=seed_for("dataset"),
    script:
        "../workflow_scripts/dataset.py"


rule train:
    input:
        unpack(train_input),
    output:
        model=f"{MEMBER}/model.pt",
        metrics=f"{MEMBER}/metrics.csv",
        summary=f"{MEMBER}/training.json",
        curves=report(
            f"{MEMBER}/curves.svg",
            category="3. Training",
            subcategory=arm_label,
            labels=in_round(member="{m}"),
            caption="../docs/captions/curves.rst",
        ),
    log:
        f"{LOGS}/{{arm}}/round_{{r}}/train_{{m}}.log",
    benchmark:
        f"{TIMES}/{{arm}}/round_{{r}}/train_{{m}}.tsv"
    conda:
        "../envs/mlip.yaml"
    threads: THREADS
    resources:
        gpu=GPUS,
        mem_mb=growing(config["training"]["mem_mb"]),
        runtime=growing(config["training"]["runtime_min"]),
    params:
        model=config["model"],
        training=for_training(config["training"]),
        seed=seed_for("train"),
        bootstrap_seed=bootstrap_seed,
        device=config["device"],
        tensorboard=f"{HOME}/tensorboard/{{arm}}/round_{{r}}/model_{{m}}",
        state=f"{STATES}/{{arm}}/round_{{r}}/model_{{m}}",
    script:
        "../workflow_scripts/train.py"
