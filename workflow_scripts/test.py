"""Rule test: predict the frozen test set with the committee and measure the errors."""

from ouroboros.job import start

with start(snakemake) as job:
    import numpy as np

    from ouroboros import accuracy, plots, uncertainty
    from ouroboros.committee import Committee
    from ouroboros.datasets import VALIDATION, load_split
    from ouroboros.frames import Frames
    from ouroboros.records import write_json
    from ouroboros.reference import read_database

    output = snakemake.output
    committee = Committee.load(snakemake.input.models, job.device)
    dataset = Frames.load(snakemake.input.dataset)
    validation = dataset.take(dataset.columns["subset"] == VALIDATION)
    factor = uncertainty.calibrate(committee.predict(validation), validation)

    frames = read_database(snakemake.input.reference, load_split(snakemake.input.split)["test_idx"])
    prediction = committee.predict(frames)
    metrics = accuracy.measure(prediction, frames)
    metrics["uncertainty"] = uncertainty.quality(prediction, frames, factor)
    calibration = {"factor": factor, "from": f"{len(validation)} validation frames"}
    write_json(output.metrics, metrics)
    write_json(output.calibration, calibration)
    np.savez(
        output.predictions,
        energy_eV=frames.energy,
        forces_eV_per_A=frames.forces,
        member_energy_eV=prediction.member_energy,
        member_forces_eV_per_A=prediction.member_forces,
        n_atoms=frames.n_atoms,
        numbers=frames.numbers,
        temperature_K=frames.columns.get("temperature_K", np.full(len(frames), np.nan)),
    )
    plots.parity(prediction, frames, metrics["committee"], output.parity)
    error, sigma = uncertainty.force_errors(prediction, frames), factor * prediction.force_std
    plots.uncertainty(error, sigma, metrics["uncertainty"], output.uncertainty)
    where, committee_errors = snakemake.wildcards, metrics["committee"]
    job.say(
        f"{where.arm} round {where.r}: committee force MAE {committee_errors['force_mae_meV_per_A']:.1f} meV/Å, "
        f"energy MAE {committee_errors['energy_mae_meV']:.1f} meV on {len(frames)} test frames"
    )
