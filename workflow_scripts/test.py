"""Rules test and sweep_test: predict the frozen test set with the committee, measure errors and uncertainty."""

from pathlib import Path

from ouroboros.job import start

with start(snakemake) as job:
    import numpy as np

    from ouroboros import accuracy_figures, uncertainty
    from ouroboros.accuracy import measure
    from ouroboros.committee import Committee
    from ouroboros.datasets import VALIDATION, load_split
    from ouroboros.domain import IN_DOMAIN, OUT_OF_DOMAIN, in_domain
    from ouroboros.error_table import error_table
    from ouroboros.frames import Frames
    from ouroboros.predictions import save_predictions
    from ouroboros.records import write_json
    from ouroboros.reference import read_database
    from ouroboros.uncertainty_figure import uncertainty as draw_uncertainty

    output, params = snakemake.output, snakemake.params
    committee = Committee.load(snakemake.input.models, job.device)
    dataset = Frames.load(snakemake.input.dataset)
    validation = dataset.take(dataset.columns["subset"] == VALIDATION)
    told = committee.predict(validation)
    calibration = uncertainty.calibrate(told, validation)

    indices = load_split(snakemake.input.split)["test_idx"]
    frames = read_database(snakemake.input.reference, indices)
    prediction = (committee.with_stress() if frames.has_stress.any() else committee).predict(frames)
    inside = in_domain(frames, params.split)
    frames = frames.with_columns(domain=np.where(inside, IN_DOMAIN, OUT_OF_DOMAIN))
    metrics = measure(prediction, frames, [*params.by, "domain"], indices)
    sets = uncertainty.quality(prediction, frames, {IN_DOMAIN: inside, OUT_OF_DOMAIN: ~inside}, calibration)
    learned_on = {"validation": np.ones(len(validation), bool)}
    learned_on = uncertainty.quality(told, validation, learned_on, calibration)
    metrics["uncertainty"] = {each.name: each.figures for each in [*sets, *learned_on]}
    write_json(output.metrics, metrics)
    write_json(output.calibration, calibration.as_record())
    error_table(metrics).to_csv(output.table, index=False, float_format="%.6g")
    expected = uncertainty.expected_errors(prediction, calibration)
    save_predictions(output.predictions, prediction, frames, indices, expected)

    accuracy_figures.parity(prediction, frames, metrics["committee"], output.parity)
    accuracy_figures.histograms(prediction, frames, output.histograms)
    draw_uncertainty([*sets, *learned_on], calibration, output.uncertainty)
    verdict = metrics["verdict"]
    job.discard(params.states)
    where = "/".join(Path(output.metrics).parts[2:-2])
    job.say(f"{where}, {len(frames)} test frames: {verdict['forces']}; {verdict['energy']}")
