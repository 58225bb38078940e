"""For debugging: can the model learn one batch by heart? If it cannot, more data will not help it."""


use rule train as overfit_train with:
    input:
        dataset=f"{HOME}/{START}-{SEEDS[0]}/round_0/dataset.npz",
    output:
        model=f"{OVERFIT}/model.pt",
        metrics=f"{OVERFIT}/metrics.csv",
        summary=f"{OVERFIT}/training.json",
        curves=f"{OVERFIT}/curves.svg",
    log:
        f"{LOGS}/overfit/train.log",
    benchmark:
        f"{TIMES}/overfit/train.tsv"
    params:
        training=one_batch_training(),
        seed=seeds.integer(config["seed"], "overfit"),
        bootstrap_seed=None,
        tensorboard=f"{HOME}/tensorboard/overfit",
        state=f"{STATES}/overfit",


rule overfit:
    """Stop where the batch was not learnt; the training stays to be looked at."""
    input:
        summary=f"{OVERFIT}/training.json",
    output:
        verdict=f"{OVERFIT}/verdict.json",
    log:
        f"{LOGS}/overfit/verdict.log",
    retries: 0  # its answer is the same each time
    conda:
        "../envs/label.yaml"
    params:
        states=state_of_one_batch,
    script:
        "../workflow_scripts/overfit.py"
