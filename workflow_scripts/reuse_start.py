"""Rule reuse_start: strategies of one seed share round 0; its files are copied from the first strategy."""

import shutil

from ouroboros.job import start

with start(snakemake) as job:
    for source, copy in zip(snakemake.input, snakemake.output, strict=True):
        shutil.copyfile(source, copy)
