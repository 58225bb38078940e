"""Rule split: start, validation and test set, once for all rounds."""

from ouroboros.job import start

with start(snakemake) as job:
    import numpy as np

    from ouroboros.records import write_json
    from ouroboros.reference import read_database, split_by_trajectory

    settings = snakemake.params.settings
    frames = read_database(snakemake.input.database)
    split = split_by_trajectory(
        frames,
        settings["train"],
        settings["validation"],
        settings["test"],
        settings["start_temperature_max_K"] or float("inf"),
        snakemake.params.seed,
    )
    temperatures, counts = np.unique(frames.columns["temperature_K"][split["test_idx"]], return_counts=True)
    summary = {
        **{name.removesuffix("_idx"): len(indices) for name, indices in split.items()},
        "test_frames_by_temperature_K": {f"{t:g}": int(n) for t, n in zip(temperatures, counts, strict=True)},
        "test_trajectories": sorted({int(t) for t in frames.columns["trajectory"][split["test_idx"]]}),
        "train_trajectories": sorted({int(t) for t in frames.columns["trajectory"][split["train_idx"]]}),
    }
    np.savez(snakemake.output.split, **split)
    write_json(snakemake.output.summary, summary)
    job.say(f"split: {summary['train']} train, {summary['val']} validation, {summary['test']} test frames")
