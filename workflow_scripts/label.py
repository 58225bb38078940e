"""Rule label: one batch of the round's candidates through the label store and the oracle."""

from ouroboros.job import start

with start(snakemake) as job:
    from ouroboros.label_store import LabelStore
    from ouroboros.labelling import label_batch, read_labels, write_failures, write_labels
    from ouroboros.oracles import make_oracle

    params = snakemake.params
    mine = read_labels(snakemake.input.candidates)[int(snakemake.wildcards.b) :: params.n_batches]
    checks = {"force_cap_eV_per_A": params.force_cap}
    labelled, failures = label_batch(mine, make_oracle(params.oracle), LabelStore(params.store), checks)
    write_labels(snakemake.output.labels, labelled)
    write_failures(snakemake.output.failures, failures)
