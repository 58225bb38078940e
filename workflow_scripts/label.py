"""Rule label: one batch of the round's candidates through the label store and the oracle."""

from ouroboros.job import start

with start(snakemake) as job:
    from ouroboros.energy_baseline import EnergyRange
    from ouroboros.label_files import read_labels, write_failures, write_labels
    from ouroboros.label_store import LabelStore
    from ouroboros.label_worker import LabelWorker
    from ouroboros.labelling import Checks, label_batch, refuse_broken, share
    from ouroboros.oracles import make_oracle, with_files
    from ouroboros.records import read_json

    params, where = snakemake.params, snakemake.wildcards
    reference = read_json(snakemake.input.reference)
    settings = with_files(params.oracle, reference, snakemake.input.get("pool"))
    store = LabelStore(params.store)
    mine = share(read_labels(snakemake.input.candidates), int(where.b), params.n_batches)
    checks = Checks(
        force_cap=params.force_cap,
        energy_range=None if params.accept_mismatch else EnergyRange.from_record(reference["energy_range"]),
        energy_window=params.energy_window,
    )
    # the limit is no param: another one changes no label that is there, so it must rerun nothing
    with LabelWorker(settings, store, snakemake.config["labels"]["time_limit_s"]) as worker:
        labelled, failures = label_batch(mine, make_oracle(settings), store, checks, worker, job.say)
    refuse_broken(failures, len(mine), snakemake.config["labels"]["max_failed_fraction"])
    write_labels(snakemake.output.labels, labelled)
    write_failures(snakemake.output.failures, failures)
