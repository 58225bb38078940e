"""Rule gather: the labels of a round from its batches, with every failure and its reason."""

from ouroboros.job import start

with start(snakemake) as job:
    from ouroboros.label_files import read_failures, read_labels, write_failures, write_labels
    from ouroboros.labelling import gather
    from ouroboros.records import write_json

    files, output, where = snakemake.input, snakemake.output, snakemake.wildcards
    batches = zip(map(read_labels, files.labels), map(read_failures, files.failures), strict=True)
    labels, failures, summary = gather(batches)
    write_labels(output.labels, labels)
    write_failures(output.failures, failures)
    write_json(output.summary, summary)
    oracle = summary["level_of_theory"] or "the oracle"  # which has no name where all labels failed
    job.say(
        f"{where.arm} round {where.r}: {summary['n_labelled']} labels, {summary['n_failed']} failed, "
        f"{summary['n_from_store']} from the store, {summary['oracle_seconds']:.1f} s of {oracle}"
    )
