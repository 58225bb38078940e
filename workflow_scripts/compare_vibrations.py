"""Rule compare_vibrations: frequencies and spectra of committee and oracle side by side."""

from ouroboros.job import start

with start(snakemake) as job:
    from ouroboros.analysis import vibrations, vibrations_figure
    from ouroboros.analysis.plain import plain
    from ouroboros.analysis.systems import of_one_system
    from ouroboros.analysis.velocities import of_file, of_frames
    from ouroboros.analysis.walkers import read_walkers
    from ouroboros.records import read_json, write_json

    files, output, params = snakemake.input, snakemake.output, snakemake.params
    oracle, model, run = (read_json(path) for path in (files.oracle, files.committee, files.oracle_run))
    walkers, theirs = of_one_system(read_walkers(files.trajectory)), read_walkers(files.oracle_trajectory)
    often = of_file(files.velocities, walkers) or of_frames(walkers, run["timestep_fs"])
    repeated = of_frames(theirs, run["timestep_fs"]) if theirs else None
    result = plain(vibrations.compare(oracle, model, repeated, often, params.limit_per_cm))
    result |= {"level_of_theory": run["level_of_theory"], "oracle_run": run}
    if "reason" in run:
        result["spectra"].setdefault("reason", run["reason"])
    write_json(output.summary, result)
    vibrations_figure.draw(result, output.figure, run["level_of_theory"])
    lines = [",".join(vibrations.COLUMNS)]
    if "modes" in result["harmonic"]:
        table = vibrations.side_by_side(oracle, model)
        lines = table.to_csv(index=False, float_format="%.3f").splitlines()
        print(table.to_string(index=False, float_format="%.1f"))
    with open(output.table, "w", encoding="utf-8") as stream:
        stream.write("\n".join(lines) + "\n")
    for verdict in result["verdicts"].values():
        job.say(f"vibrations: {verdict['reason']}")
    if "warning" in result["harmonic"]:
        job.say(f"vibrations: {result['harmonic']['warning']}")
