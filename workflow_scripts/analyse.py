"""Rule analyse: what the production run shows."""

import json
from pathlib import Path

from ouroboros.job import start

with start(snakemake) as job:
    import numpy as np

    from ouroboros.analysis.figures import draw
    from ouroboros.analysis.trajectory import analyse
    from ouroboros.reference import read_database

    thermo, summary, target = snakemake.input.thermo, Path(snakemake.output.summary), snakemake.params.temperature_K
    reference = read_database(snakemake.input.reference)
    apart = np.abs(reference.columns["temperature_K"] - target)  # compare with the reference at this temperature
    analysis = analyse(
        snakemake.input.trajectory,
        thermo,
        reference.take(apart == apart.min()),
        target_temperature_K=target,
        **snakemake.params.settings,
    )
    summary.write_text(json.dumps(analysis, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    draw(analysis, thermo, summary.parent)
