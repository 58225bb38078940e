"""Rule generate: one reference trajectory, molecular dynamics with the oracle itself."""

from ouroboros.job import start

with start(snakemake) as job:
    from ouroboros.labelling import write_labels
    from ouroboros.oracles import make_oracle
    from ouroboros.reference import generate_trajectory

    oracle = make_oracle(snakemake.params.oracle)
    trajectory = generate_trajectory(
        oracle=oracle,
        temperature_K=snakemake.params.temperature_K,
        seed=snakemake.params.seed,
        trajectory=int(snakemake.wildcards.k),
        **snakemake.params.settings,
    )
    trajectory = trajectory.with_columns(level_of_theory=oracle.level_of_theory)
    write_labels(snakemake.output.trajectory, trajectory.to_atoms())
