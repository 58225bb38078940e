"""Rule compare: the learning curves of all arms, each strategy against chance, and the front page of the report."""

from ouroboros.job import start

with start(snakemake) as job:
    import pandas as pd

    from ouroboros.comparison import compare
    from ouroboros.comparison_figure import learning_curves
    from ouroboros.front_page import front_page
    from ouroboros.records import read_json, write_json

    files, params, output = snakemake.input, snakemake.params, snakemake.output
    tables = {arm: pd.read_csv(path) for arm, path in zip(params.arms, files.tables, strict=True)}
    found = compare(tables, params.target)
    write_json(output.comparison, found)
    learning_curves(tables, found, output.learning_curve)
    answers = {arm: read_json(path) for arm, path in zip(params.arms, files.answers, strict=True)}
    records = read_json(files.reference), read_json(files.environment)
    front_page(params.name, answers, tables, found, output.learning_curve, *records, output.answer)
    for strategy, figures in found["against_random"].items():
        for told in figures.values():
            job.say(f"{strategy}, {told['of']}: {told['verdict']}")
