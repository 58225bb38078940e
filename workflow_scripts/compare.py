"""Rule compare: the learning curves of all arms in one figure."""

from ouroboros.job import start

with start(snakemake) as job:
    import pandas as pd

    from ouroboros import plots

    tables = {arm: pd.read_csv(path) for arm, path in zip(snakemake.params.arms, snakemake.input.tables, strict=True)}
    plots.learning_curve(tables, snakemake.output.learning_curve)
