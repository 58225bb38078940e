"""Rule generate: one reference trajectory, molecular dynamics with the oracle itself."""

from ouroboros.job import start

with start(snakemake) as job:
    from ouroboros.label_files import write_labels
    from ouroboros.label_store import LabelStore
    from ouroboros.label_worker import LabelWorker, StoredOracle
    from ouroboros.oracles import make_oracle, with_files
    from ouroboros.reference import generate_trajectory

    params = snakemake.params
    settings, store = with_files(params.oracle, {}, None), LabelStore(params.store)
    oracle = make_oracle(settings)
    with LabelWorker(settings, store, snakemake.config["labels"]["time_limit_s"]) as worker:
        trajectory = generate_trajectory(
            oracle=StoredOracle(oracle, store, worker),
            temperature_K=params.temperature_K,
            seed=params.seed,
            trajectory=int(snakemake.wildcards.k),
            **params.settings,
        )
    trajectory = trajectory.with_columns(level_of_theory=oracle.level_of_theory, citation=oracle.citation)
    write_labels(snakemake.output.trajectory, trajectory.to_atoms())
