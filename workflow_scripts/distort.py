"""Rule distort: structures with bonds turned and stretched, labelled by the oracle."""

from ouroboros.job import start

with start(snakemake) as job:
    from ouroboros.label_files import write_labels
    from ouroboros.label_store import LabelStore
    from ouroboros.label_worker import LabelWorker, StoredOracle
    from ouroboros.molecules import resolve_molecule
    from ouroboros.oracles import make_oracle, with_files
    from ouroboros.reference.distort import distorted_structures

    params = snakemake.params
    settings, store = with_files(params.oracle, {}, None), LabelStore(params.store)
    oracle = make_oracle(settings)
    with LabelWorker(settings, store, snakemake.config["labels"]["time_limit_s"]) as worker:
        stored = StoredOracle(oracle, store, worker)
        frames = distorted_structures(resolve_molecule(params.molecule), stored, params.n, params.seed)
    frames = frames.with_columns(level_of_theory=oracle.level_of_theory, citation=oracle.citation)
    write_labels(snakemake.output.structures, frames.to_atoms())
    job.say(f"{len(frames)} of {2 * params.n} distorted structures for the test set")
