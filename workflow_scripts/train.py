"""Rules train, sweep_train and overfit_train: one committee member."""

from pathlib import Path

from ouroboros.job import start

with start(snakemake) as job:
    from ouroboros import plots
    from ouroboros.frames import Frames
    from ouroboros.models import save_model
    from ouroboros.records import write_json
    from ouroboros.training import train_member

    params, output = snakemake.params, snakemake.output
    fit = train_member(
        Frames.load(snakemake.input.dataset),
        params.model,
        params.training,
        seed=params.seed,
        device=job.device,
        start_from=snakemake.input.get("start_from"),
        tensorboard=params.tensorboard,
        state=params.state,
        bootstrap_seed=params.bootstrap_seed,
    )
    fit.history.to_csv(output.metrics, index=False)
    write_json(output.summary, fit.summary)
    plots.curves(fit.history, fit.summary, output.curves)
    save_model(output.model, fit.model, params.model, fit.energy_offsets)
    where = "/".join(Path(output.model).parts[2:-1])
    job.say(
        f"{where}: validation force MAE "
        f"{fit.summary['validation']['force_mae_meV_per_A']:.1f} meV/Å after {fit.summary['seconds']:.0f} s"
    )
    for epoch in fit.summary["resumed_after_epochs"]:
        job.say(f"{where}: interrupted; went on after epoch {epoch}")
    for event in fit.summary["interventions"]:
        job.say(f"{where}: {event['what']}: {event['reason']}; {event['action']}")
    for warning in fit.summary["warnings"]:
        job.say(f"{where}: {warning}")
