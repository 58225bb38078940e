"""Rule check_labels: stop where too many of a round's labels failed."""

from ouroboros.job import start

with start(snakemake) as job:
    from ouroboros.labelling import refuse_many_failures
    from ouroboros.records import read_json, write_json

    summary, limit = read_json(snakemake.input.summary), snakemake.config["labels"]["max_failed_fraction"]
    refuse_many_failures(summary, limit, where=snakemake.input.summary)
    write_json(snakemake.output.checked, {"failed_fraction": summary["failed_fraction"], "max_failed_fraction": limit})
