"""Rule analyse: what the production run shows."""

import json
from pathlib import Path

from ouroboros.job import start

with start(snakemake) as job:
    from ouroboros.analysis.figures import draw
    from ouroboros.analysis.trajectory import analyse
    from ouroboros.reference import read_database

    thermo, summary = snakemake.input.thermo, Path(snakemake.output.summary)
    analysis = analyse(
        snakemake.input.trajectory,
        thermo,
        read_database(snakemake.input.reference),
        target_temperature_K=snakemake.params.temperature_K,
        **snakemake.params.settings,
    )
    summary.write_text(json.dumps(analysis, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    draw(analysis, thermo, summary.parent)
