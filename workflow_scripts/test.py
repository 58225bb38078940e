"""Rules test and sweep_test: predict the frozen test set with the committee and measure the errors."""

from pathlib import Path

from ouroboros.job import start

with start(snakemake) as job:
    from ouroboros import accuracy_figures, uncertainty
    from ouroboros.accuracy import measure
    from ouroboros.committee import Committee
    from ouroboros.datasets import VALIDATION, load_split
    from ouroboros.error_table import error_table
    from ouroboros.frames import Frames
    from ouroboros.predictions import save_predictions
    from ouroboros.records import write_json
    from ouroboros.reference import read_database

    output = snakemake.output
    committee = Committee.load(snakemake.input.models, job.device)
    dataset = Frames.load(snakemake.input.dataset)
    validation = dataset.take(dataset.columns["subset"] == VALIDATION)
    factor = uncertainty.calibrate(committee.predict(validation), validation)

    indices = load_split(snakemake.input.split)["test_idx"]
    frames = read_database(snakemake.input.reference, indices)
    prediction = (committee.with_stress() if frames.has_stress.any() else committee).predict(frames)
    metrics = measure(prediction, frames, snakemake.params.by, indices)
    metrics["uncertainty"] = uncertainty.quality(prediction, frames, factor)
    write_json(output.metrics, metrics)
    write_json(output.calibration, {"factor": factor, "from": f"{len(validation)} validation frames"})
    error_table(metrics).to_csv(output.table, index=False, float_format="%.6g")
    save_predictions(output.predictions, prediction, frames, indices, factor)

    accuracy_figures.parity(prediction, frames, metrics["committee"], output.parity)
    accuracy_figures.histograms(prediction, frames, output.histograms)
    error, sigma = uncertainty.force_errors(prediction, frames), factor * prediction.force_std
    accuracy_figures.uncertainty(error, sigma, metrics["uncertainty"], output.uncertainty)
    verdict = metrics["verdict"]
    where = "/".join(Path(output.metrics).parts[2:-2])
    job.say(f"{where}, {len(frames)} test frames: {verdict['forces']}; {verdict['energy']}")
