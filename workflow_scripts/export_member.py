"""Rule export_member: one committee member for other programs."""

from ouroboros.job import start

with start(snakemake) as job:
    from ouroboros.models import export_schnetpack, export_torchscript

    output = snakemake.output
    export_schnetpack(snakemake.input.model, output.schnetpack)
    export_torchscript(output.schnetpack, output.torchscript)
    job.say(f"written: {output.schnetpack} and {output.torchscript}")
