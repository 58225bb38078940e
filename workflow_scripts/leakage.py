"""Rule leakage: how near test frames come to training frames."""

from ouroboros.job import start

with start(snakemake) as job:
    import numpy as np

    from ouroboros.datasets import load_split
    from ouroboros.records import write_json
    from ouroboros.reference import nearest_training_distance, read_database

    frames, threshold = read_database(snakemake.input.database), snakemake.params.threshold_A
    distance, near = nearest_training_distance(frames, load_split(snakemake.input.split), threshold)
    summary = {
        "threshold_A": threshold,
        "test_frames_below": near,
        "test_frames": len(distance),
        "smallest_rmsd_A": float(distance.min()),
        "median_rmsd_A": float(np.median(distance)),
    }
    write_json(snakemake.output.summary, summary)
    job.say(f"leakage: {near} of {len(distance)} test frames within {threshold:g} Å of a training frame")
