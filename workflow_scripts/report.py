"""Rule report: the arm's round table, its error by temperature, and the model card."""

from pathlib import Path

from ouroboros.job import start

with start(snakemake) as job:
    from ouroboros import accuracy_figures
    from ouroboros.model_card import model_card
    from ouroboros.records import read_json
    from ouroboros.rounds import round_table

    files, output, params = snakemake.input, snakemake.output, snakemake.params
    decisions, metrics = [read_json(path) for path in files.decisions], [read_json(path) for path in files.metrics]
    size = params.committee_size
    trainings = [read_json(path) for path in files.trainings]
    by_round = [trainings[i : i + size] for i in range(0, len(trainings), size)]
    labels, prospective = ([read_json(path) for path in paths] for paths in (files.labels, files.prospective))
    table = round_table(decisions, labels, by_round, prospective, params.warm_start)
    table.to_csv(output.table, index=False)
    accuracy_figures.by_temperature(metrics, output.temperatures)
    card = model_card(
        params.name,
        params.model,
        size,
        read_json(files.reference),
        read_json(files.split),
        read_json(files.leakage),
        table,
        metrics[-1],
    )
    Path(output.card).write_text(card, encoding="utf-8")
