"""Rule split: start, validation and test set, once for all rounds."""

from ouroboros.job import start

with start(snakemake) as job:
    import numpy as np

    from ouroboros.records import write_json
    from ouroboros.reference import describe_split, make_split, read_database, read_published

    settings, published = snakemake.params.settings, None
    frames = read_database(snakemake.input.database)
    if settings["strategy"] == "published":
        published = read_published(snakemake.input.published, settings["fold"])
    split = make_split(frames, settings, snakemake.params.seed, published)
    if snakemake.params.pool and not len(split["pool_idx"]):
        raise ValueError("oracle.kind is pool, but the split leaves no frame for it: lower split.train or split.test")
    np.savez(snakemake.output.split, **split)
    summary = {"strategy": settings["strategy"], **describe_split(frames, split, settings.get("column"))}
    write_json(snakemake.output.summary, summary)
    job.say(f"split: {summary['train']} train, {summary['val']} validation, {summary['test']} test frames")
