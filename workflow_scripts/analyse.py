"""Rule analyse: what the production run shows."""

from pathlib import Path

from ouroboros.job import start

with start(snakemake) as job:
    from ouroboros.analysis.completion import Planned, reasons_to_stop
    from ouroboros.analysis.figures import draw
    from ouroboros.analysis.trajectory import analyse
    from ouroboros.records import write_json
    from ouroboros.reference import read_database

    thermo, summary, run = snakemake.input.thermo, Path(snakemake.output.summary), snakemake.params.simulation
    analysis = analyse(
        snakemake.input.trajectory,
        thermo,
        read_database(snakemake.input.reference),
        velocities=snakemake.input.velocities,
        ended=reasons_to_stop(snakemake.input.walkers),
        planned=Planned(**{name: run[name] for name in ("walkers", "steps", "stride", "timestep_fs")}),
        ensemble=run["ensemble"],
        friction_per_ps=run["friction_per_ps"],
        target_temperature_K=run["temperature_K"],
        target_pressure_GPa=run["pressure_GPa"],
        **snakemake.params.settings,
    )
    failed = [check["reason"] for check in analysis["verdicts"].values() if not check["passed"]]
    for reason in failed:
        job.say(f"{summary}: {reason}")
    write_json(summary, analysis)
    draw(analysis, thermo, summary.parent)
    job.discard(snakemake.params.states)
