"""Rule decide: go on, converged, budget spent or broken, with the reason."""

from ouroboros.job import start

with start(snakemake) as job:
    from ouroboros.decision import decide
    from ouroboros.records import read_json, write_json
    from ouroboros.rounds import figures_of_round

    params, where = snakemake.params, snakemake.wildcards
    files = dict(snakemake.input.items())
    before = [read_json(path)["figures"] for path in files.pop("before")]
    figures = figures_of_round(**files)
    verdict = decide([*before, figures], params.targets, last_round=params.last_round)
    figures = {name: None if value != value else value for name, value in figures.items()}  # JSON has no NaN
    decision = {"state": verdict.state, "reason": verdict.reason, "figures": figures, "targets": params.targets}
    write_json(snakemake.output.decision, decision)
    job.say(
        f"{where.arm} round {where.r}: {figures['labels']} labels, "
        f"force MAE {figures['force_mae_meV_per_A']:.1f} meV/Å -> {verdict.state}: {verdict.reason}"
    )
