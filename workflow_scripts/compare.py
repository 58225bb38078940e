"""Rule compare: the learning curves of all arms in one figure, and each strategy against chance."""

from ouroboros.job import start

with start(snakemake) as job:
    import pandas as pd

    from ouroboros.comparison import compare
    from ouroboros.comparison_figure import learning_curves
    from ouroboros.records import write_json

    tables = {arm: pd.read_csv(path) for arm, path in zip(snakemake.params.arms, snakemake.input.tables, strict=True)}
    found = compare(tables, snakemake.params.target)
    write_json(snakemake.output.comparison, found)
    learning_curves(tables, found, snakemake.output.learning_curve)
    for strategy, figures in found["against_random"].items():
        for told in figures.values():
            job.say(f"{strategy}, {told['of']}: {told['verdict']}")
