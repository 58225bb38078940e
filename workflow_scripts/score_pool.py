"""Rule score_pool: the committee's uncertainty on the labelled frames that are held back."""

from ouroboros.job import start

with start(snakemake) as job:
    from ouroboros.calibration import Calibration
    from ouroboros.committee import Committee
    from ouroboros.datasets import load_split
    from ouroboros.frames import Frames
    from ouroboros.records import read_json
    from ouroboros.reference import read_database
    from ouroboros.reference.pool import as_walks, not_yet_learned
    from ouroboros.trajectories import walker_table, write_exploration

    files = snakemake.input
    place = load_split(files.split)["pool_idx"]
    pool = read_database(files.database, place).with_columns(place=place)
    pool = not_yet_learned(pool, Frames.load(files.dataset))
    prediction = Committee.load(files.models, job.device).predict(pool)
    calibration = Calibration.from_record(read_json(files.calibration))
    write_exploration(snakemake.output.trajectory, as_walks(pool, prediction, calibration), timestep_fs=0.0)
    walker_table([], timestep_fs=0.0).to_csv(snakemake.output.walkers, index=False)  # nothing walks
    job.say(f"{snakemake.wildcards.arm} round {snakemake.wildcards.r}: {len(pool)} frames left in the pool")
