"""Rule split: start, validation and test set, once for all rounds, and a look for leakage."""

import json
from pathlib import Path

from ouroboros.job import start

with start(snakemake) as job:
    import numpy as np

    from ouroboros.reference import nearest_training_distance, read_database, split_by_trajectory

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
    distance, near = nearest_training_distance(frames, split, settings["leakage_rmsd_A"])
    temperatures, counts = np.unique(frames.columns["temperature_K"][split["test_idx"]], return_counts=True)
    summary = {
        **{name.removesuffix("_idx"): len(indices) for name, indices in split.items()},
        "test_frames_by_temperature_K": {f"{t:g}": int(n) for t, n in zip(temperatures, counts, strict=True)},
        "test_trajectories": sorted({int(t) for t in frames.columns["trajectory"][split["test_idx"]]}),
        "train_trajectories": sorted({int(t) for t in frames.columns["trajectory"][split["train_idx"]]}),
        "leakage": {
            "threshold_A": settings["leakage_rmsd_A"],
            "test_frames_below": near,
            "smallest_rmsd_A": float(distance.min()),
            "median_rmsd_A": float(np.median(distance)),
        },
    }
    np.savez(snakemake.output.split, **split)
    Path(snakemake.output.summary).write_text(
        json.dumps(summary, indent=2, ensure_ascii=False) + "\n", encoding="utf-8"
    )
    job.say(
        f"split: {summary['train']} train, {summary['val']} validation, {summary['test']} test frames; "
        f"{near} test frames within {settings['leakage_rmsd_A']} Å of a training frame"
    )
