"""Rule leakage: how near test frames come to training frames."""

from ouroboros.job import start

with start(snakemake) as job:
    from ouroboros.datasets import load_split
    from ouroboros.records import write_json
    from ouroboros.reference import describe_leakage, nearest_training_distance, read_database

    frames, threshold = read_database(snakemake.input.database), snakemake.config["split"]["leakage_rmsd_A"]
    found = nearest_training_distance(frames, load_split(snakemake.input.split), threshold)
    write_json(snakemake.output.summary, describe_leakage(found))
    job.say(f"leakage: {found.n_below} of {len(found.test_idx)} test frames within {threshold:g} Å of a training frame")
