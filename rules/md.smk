"""Dynamics with the committee: exploration for structures it does not know, and the production run."""

if POOL:

    rule score_pool:
        """Active learning on a labelled set: what is left of the pool takes the place of exploration."""
        input:
            models=members(f"{MEMBER}/model.pt"),
            dataset=f"{ROUND}/dataset.npz",
            calibration=f"{ROUND}/test/calibration.json",
            database=f"{REFERENCE}/reference.db",
            split=f"{REFERENCE}/split.npz",
        output:
            trajectory=f"{ROUND}/explore/trajectory.h5",
            walkers=f"{ROUND}/explore/walkers.csv",
        log:
            f"{LOGS}/{{arm}}/round_{{r}}/score_pool.log",
        benchmark:
            f"{TIMES}/{{arm}}/round_{{r}}/score_pool.tsv"
        conda:
            "../envs/mlip.yaml"
        threads: THREADS
        resources:
            gpu=GPUS,
            mem_mb=growing(4000),
            runtime=growing(240),
        params:
            device=config["device"],
        script:
            "../workflow_scripts/score_pool.py"

else:

    rule explore:
        input:
            models=members(f"{MEMBER}/model.pt"),
            dataset=f"{ROUND}/dataset.npz",
            calibration=f"{ROUND}/test/calibration.json",
        output:
            trajectory=f"{ROUND}/explore/trajectory.h5",
            walkers=f"{ROUND}/explore/walkers.csv",
            images=f"{ROUND}/explore/walkers.traj",
        log:
            f"{LOGS}/{{arm}}/round_{{r}}/explore.log",
        benchmark:
            f"{TIMES}/{{arm}}/round_{{r}}/explore.tsv"
        conda:
            "../envs/mlip.yaml"
        threads: THREADS
        resources:
            gpu=GPUS,
            mem_mb=growing(2000),
            runtime=growing(240),
        params:
            settings=config["exploration"],
            stress_weight=config["training"]["stress_weight"],
            seed=seed_for("explore"),
            device=config["device"],
            state=f"{STATES}/{{arm}}/round_{{r}}/explore",
        script:
            "../workflow_scripts/explore.py"


rule simulate:
    input:
        models=members(f"{MEMBER}/model.pt"),
        dataset=f"{ROUND}/dataset.npz",
        calibration=f"{ROUND}/test/calibration.json",
    output:
        trajectory=f"{ROUND}/simulate/nve.traj",
        thermo=f"{ROUND}/simulate/thermo.csv",
        velocities=f"{ROUND}/simulate/velocities.h5",
        walkers=f"{ROUND}/simulate/walkers.csv",
    log:
        f"{LOGS}/{{arm}}/round_{{r}}/simulate.log",
    benchmark:
        f"{TIMES}/{{arm}}/round_{{r}}/simulate.tsv"
    conda:
        "../envs/mlip.yaml"
    threads: THREADS
    resources:
        gpu=GPUS,
        mem_mb=growing(2000),
        runtime=growing(240),
    params:
        settings=config["simulation"],
        stress_weight=config["training"]["stress_weight"],
        seed=seed_for("simulate"),
        device=config["device"],
        state=f"{STATES}/{{arm}}/round_{{r}}/simulate",
    script:
        "../workflow_scripts/simulate.py"
