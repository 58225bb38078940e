"""Rule simulate: the production run at constant energy."""

from ouroboros.job import start

with start(snakemake) as job:
    import numpy as np

    from ouroboros.committee import Committee
    from ouroboros.dynamics import run_walkers
    from ouroboros.frames import Frames
    from ouroboros.trajectories import thermo_table, write_production

    settings, rng = snakemake.params.settings, np.random.default_rng(snakemake.params.seed)
    dataset = Frames.load(snakemake.input.dataset)
    start_set = np.flatnonzero(dataset.columns["round"] == 0)  # later frames come from hotter dynamics
    walks = run_walkers(
        dataset.take(rng.choice(start_set, settings["walkers"])).to_atoms(),
        Committee.load(snakemake.input.models, job.device),
        temperatures_K=np.full(settings["walkers"], settings["temperature_K"]),
        timestep_fs=settings["timestep_fs"],
        steps=settings["steps"],
        stride=settings["stride"],
        rng=rng,
        report_every=max(settings["steps"] // 10, 1),
    )
    for number, walk in enumerate(walks):
        if not walk.survived:
            job.say(f"{snakemake.output.trajectory}: walker {number} stopped, {walk.ended}")
    write_production(snakemake.output.trajectory, walks)
    thermo_table(walks, settings["timestep_fs"]).to_csv(snakemake.output.thermo, index=False)
