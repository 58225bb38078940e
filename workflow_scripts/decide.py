"""Rule decide: go on, converged, budget spent or broken, with the reason."""

import json
from pathlib import Path

from ouroboros.job import start

with start(snakemake) as job:
    from ouroboros.decision import decide
    from ouroboros.rounds import figures_of_round

    params, where = snakemake.params, snakemake.wildcards
    figures = figures_of_round(**snakemake.input)
    targets = {**params.targets, "max_failed_fraction": params.max_failed_fraction}
    verdict = decide(figures, targets, last_round=params.last_round)
    decision = {"state": verdict.state, "reason": verdict.reason, "figures": figures, "targets": targets}
    Path(snakemake.output.decision).write_text(
        json.dumps(decision, indent=2, ensure_ascii=False) + "\n", encoding="utf-8"
    )
    job.say(
        f"{where.arm} round {where.r}: {figures['labels']} labels, "
        f"force MAE {figures['force_mae_meV_per_A']:.1f} meV/Å -> {verdict.state}: {verdict.reason}"
    )
