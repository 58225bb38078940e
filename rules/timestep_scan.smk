"""The time-step scan of a round's potential: is the energy error that of the integrator?"""


rule scan_timesteps:
    input:
        models=members(f"{MEMBER}/model.pt"),
        trajectory=f"{ROUND}/simulate/nve.traj",
    output:
        summary=f"{ROUND}/timestep_scan/timestep_scan.json",
        figure=report(
            f"{ROUND}/timestep_scan/timestep_scan.svg",
            category="5. Production run",
            subcategory=arm_label,
            labels=in_round(figure="time-step scan"),
            caption="../docs/captions/timestep_scan.rst",
        ),
    log:
        f"{LOGS}/{{arm}}/round_{{r}}/timestep_scan.log",
    benchmark:
        f"{TIMES}/{{arm}}/round_{{r}}/timestep_scan.tsv"
    conda:
        "../envs/mlip.yaml"
    threads: THREADS
    resources:
        gpu=GPUS,
        mem_mb=growing(2000),
        runtime=growing(240),
    params:
        settings=config["analysis"]["timestep_scan"],
        drift_limit_eV_per_step=config["analysis"]["drift_limit_eV_per_step"],
        run=production_run(),
        limits=what_stops_a_walker(),
        device=config["device"],
    script:
        "../workflow_scripts/timestep_scan.py"


rule timestep_scan:
    """The target `timestep_scan`."""
    input:
        of_the_last_round("timestep_scan/timestep_scan.svg"),
