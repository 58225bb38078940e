"""Rule analyse: what the production run shows."""

from pathlib import Path

from ouroboros.job import start

with start(snakemake) as job:
    import numpy as np

    from ouroboros.analysis.completion import Planned
    from ouroboros.analysis.figures import draw
    from ouroboros.analysis.trajectory import analyse
    from ouroboros.records import write_json
    from ouroboros.reference import read_database

    thermo, summary, run = snakemake.input.thermo, Path(snakemake.output.summary), snakemake.params.simulation
    target = run["temperature_K"]
    reference = read_database(snakemake.input.reference)
    temperature = reference.columns.get("temperature_K", np.full(len(reference), np.nan))
    known = np.isfinite(temperature)
    apart = np.where(known, np.abs(temperature - target), np.inf if known.any() else 0.0)  # compare with the nearest
    analysis = analyse(
        snakemake.input.trajectory,
        thermo,
        reference.take(apart == apart.min()),
        velocities=snakemake.input.velocities,
        planned=Planned(**{name: run[name] for name in ("walkers", "steps", "stride", "timestep_fs")}),
        ensemble="nve" if run["ensemble"] == "nve" else "nvt",  # at constant pressure it is canonical too
        target_temperature_K=target,
        **snakemake.params.settings,
    )
    failed = [check["reason"] for check in analysis["verdicts"].values() if not check["passed"]]
    for reason in failed:
        job.say(f"{summary}: {reason}")
    nearest = temperature[apart.argmin()]
    analysis["distances"]["reference_temperature_K"] = float(nearest) if np.isfinite(nearest) else None
    write_json(summary, analysis)
    draw(analysis, thermo, summary.parent)
