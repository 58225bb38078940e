"""Rule check_decision: stop the run where an arm is broken."""

from ouroboros.job import start

with start(snakemake) as job:
    from ouroboros.decision import refuse_broken
    from ouroboros.records import read_json, write_json

    decision, where = read_json(snakemake.input.decision), snakemake.wildcards
    refuse_broken(decision, f"{where.arm} round {where.r}")
    write_json(snakemake.output.checked, {"state": decision["state"]})
