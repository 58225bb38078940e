"""Vibrations of a round's potential beside those of the oracle: harmonic frequencies, and spectra of MD."""


rule oracle_harmonic:
    input:
        unpack(exact_oracle),
        reference=f"{REFERENCE}/reference.db",
        trajectory=f"{ROUND}/simulate/nve.traj",
    output:
        summary=f"{ROUND}/vibrations/oracle_harmonic.json",
    log:
        f"{LOGS}/{{arm}}/round_{{r}}/oracle_harmonic.log",
    conda:
        ORACLE_ENVIRONMENT
    threads: config["labels"]["threads"]
    resources:
        mem_mb=growing(config["labels"]["mem_mb"]),
        runtime=growing(1440),
    params:
        oracle=ORACLE,
        settings=finite_differences(),
        store=STORE,
    script:
        "../workflow_scripts/oracle_harmonic.py"


rule committee_harmonic:
    input:
        models=members(f"{MEMBER}/model.pt"),
        oracle=f"{ROUND}/vibrations/oracle_harmonic.json",
    output:
        summary=f"{ROUND}/vibrations/committee_harmonic.json",
    log:
        f"{LOGS}/{{arm}}/round_{{r}}/committee_harmonic.log",
    conda:
        "../envs/mlip.yaml"
    threads: THREADS
    resources:
        gpu=GPUS,
        mem_mb=growing(2000),
        runtime=growing(60),
    params:
        settings=finite_differences(),
        device=config["device"],
    script:
        "../workflow_scripts/committee_harmonic.py"


rule oracle_nve:
    """The oracle's own dynamics; codes keep what they know from step to step, so that no step is a label of the store."""
    input:
        unpack(exact_oracle),
        trajectory=f"{ROUND}/simulate/nve.traj",
    output:
        trajectory=f"{ROUND}/vibrations/oracle_nve.traj",
        summary=f"{ROUND}/vibrations/oracle_nve.json",
    log:
        f"{LOGS}/{{arm}}/round_{{r}}/oracle_nve.log",
    benchmark:
        f"{TIMES}/{{arm}}/round_{{r}}/oracle_nve.tsv"
    conda:
        ORACLE_ENVIRONMENT
    threads: config["labels"]["threads"]
    resources:
        mem_mb=growing(config["labels"]["mem_mb"]),
        runtime=growing(minutes_of_oracle_md()),
    params:
        oracle=ORACLE,
        run=production_run(),
        every_fs=config["simulation"]["velocities_every_fs"],
        walkers=config["analysis"]["vibrations"]["oracle_walkers"],
        hours=config["analysis"]["vibrations"]["oracle_hours"],
    script:
        "../workflow_scripts/oracle_nve.py"


rule compare_vibrations:
    input:
        oracle=f"{ROUND}/vibrations/oracle_harmonic.json",
        committee=f"{ROUND}/vibrations/committee_harmonic.json",
        oracle_run=f"{ROUND}/vibrations/oracle_nve.json",
        oracle_trajectory=f"{ROUND}/vibrations/oracle_nve.traj",
        trajectory=f"{ROUND}/simulate/nve.traj",
        velocities=f"{ROUND}/simulate/velocities.h5",
    output:
        summary=f"{ROUND}/vibrations/vibrations.json",
        table=f"{ROUND}/vibrations/vibrations.csv",
        figure=report(
            f"{ROUND}/vibrations/vibrations.svg",
            category="5. Production run",
            subcategory=arm_label,
            labels=in_round(figure="vibrations"),
            caption="../docs/captions/vibrations.rst",
        ),
    log:
        f"{LOGS}/{{arm}}/round_{{r}}/compare_vibrations.log",
    conda:
        "../envs/analysis.yaml"
    params:
        limit_per_cm=config["analysis"]["vibrations"]["deviation_limit_per_cm"],
    script:
        "../workflow_scripts/compare_vibrations.py"


rule vibrations:
    """The target `vibrations`."""
    input:
        of_the_last_round("vibrations/vibrations.svg"),
