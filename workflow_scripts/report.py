"""Rule report: what an arm came to: round table, each round's story, its answer, the model card, and two figures."""

from pathlib import Path

from ouroboros.job import start

with start(snakemake) as job:
    import pandas as pd

    from ouroboros import accuracy_figures
    from ouroboros.answer import answer
    from ouroboros.label_files import read_failures
    from ouroboros.model_card import model_card
    from ouroboros.pages import write_page
    from ouroboros.records import read_json, write_json
    from ouroboros.round_story import round_story
    from ouroboros.rounds import round_table
    from ouroboros.survival_figure import survival

    files, output, params = snakemake.input, snakemake.output, snakemake.params
    decisions, metrics = [read_json(path) for path in files.decisions], [read_json(path) for path in files.metrics]
    size, name = params.committee_size, params.name
    trainings = [read_json(path) for path in files.trainings]
    by_round = [trainings[i : i + size] for i in range(0, len(trainings), size)]
    labels, prospective = ([read_json(path) for path in paths] for paths in (files.labels, files.prospective))
    table = round_table(decisions, labels, by_round, prospective, params.warm_start)
    table.to_csv(output.table, index=False)
    accuracy_figures.by_temperature(metrics, output.temperatures)
    walkers = [pd.read_csv(path) for path in files.walkers]
    survival(walkers, output.survival)
    reference, split, leakage = (read_json(path) for path in (files.reference, files.split, files.leakage))
    analysis, targets = read_json(files.analysis), decisions[-1]["targets"]
    told = answer(reference, split, leakage, table, metrics[-1], analysis, walkers[-1], targets)
    write_json(output.answer, told)
    card = model_card(name, params.model, size, reference, leakage, table, metrics[-1], told)
    Path(output.card).write_text(card, encoding="utf-8")
    selections = [read_json(path) for path in files.selections]
    failures = [read_failures(path) for path in files.failures]
    rows, none = table.to_dict("records"), [None] * (len(table) - len(labels))  # of rounds that were not labelled
    stories = map(round_story, rows, walkers, selections, [*labels, *none], [*failures, *none])
    write_page(output.rounds, "rounds.html", arm=snakemake.wildcards.arm, rounds=list(stories))
