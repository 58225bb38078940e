"""Rule sweep_table: every run of the sweep in one table, and test error against training time in one figure."""

from ouroboros.job import start

with start(snakemake) as job:
    from ouroboros import sweeps
    from ouroboros.records import read_json
    from ouroboros.sweep_figure import error_against_time

    files, output = snakemake.input, snakemake.output
    trainings, tests = ([read_json(path) for path in paths] for paths in (files.trainings, files.tests))
    table = sweeps.tabulate(snakemake.params.rows, trainings, tests)
    table.to_csv(output.table, index=False)
    summary = sweeps.over_seeds(table)
    error_against_time(summary, table, output.figure)
    job.say(f"sweep: {sweeps.verdict(summary)}")
