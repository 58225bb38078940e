"""Rule dataset: what the round trains and validates on."""

from ouroboros.job import start

with start(snakemake) as job:
    import numpy as np

    from ouroboros.datasets import describe, grow, load_split, start_set
    from ouroboros.frames import Frames
    from ouroboros.label_files import read_labels
    from ouroboros.records import write_json
    from ouroboros.reference import read_database

    files, params = snakemake.input, snakemake.params
    if snakemake.wildcards.r == "0":
        dataset = start_set(read_database(files.reference), load_split(files.split))
    else:
        labels, previous = Frames.from_atoms(read_labels(files.labels)), Frames.load(files.previous)
        rng = np.random.default_rng(params.seed)
        dataset = grow(previous, labels, int(snakemake.wildcards.r), params.validation_fraction, rng)
    dataset.save(snakemake.output.dataset)
    write_json(snakemake.output.summary, describe(dataset))
