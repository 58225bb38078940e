"""Rule generate: one reference trajectory, molecular dynamics with the oracle itself."""

from ouroboros.job import start

with start(snakemake) as job:
    from ouroboros.label_files import write_labels
    from ouroboros.label_store import LabelStore, StoredOracle
    from ouroboros.oracles import make_oracle
    from ouroboros.reference import generate_trajectory
    from ouroboros.reference.pool import oracle_settings

    params = snakemake.params
    oracle = make_oracle(oracle_settings(params.oracle, {}, None))
    trajectory = generate_trajectory(
        oracle=StoredOracle(oracle, LabelStore(params.store)),
        temperature_K=params.temperature_K,
        seed=params.seed,
        trajectory=int(snakemake.wildcards.k),
        **params.settings,
    )
    trajectory = trajectory.with_columns(level_of_theory=oracle.level_of_theory, citation=oracle.citation)
    write_labels(snakemake.output.trajectory, trajectory.to_atoms())
