"""Rule explore: many thermostatted walkers driven by the committee, each watched at every step."""

from ouroboros.job import start

with start(snakemake) as job:
    import numpy as np

    from ouroboros.committee import Committee
    from ouroboros.datasets import TRAIN
    from ouroboros.dynamics import Limits, run_walkers
    from ouroboros.frames import Frames
    from ouroboros.records import read_json
    from ouroboros.trajectories import walker_table, write_exploration

    settings, rng = snakemake.params.settings, np.random.default_rng(snakemake.params.seed)
    dataset = Frames.load(snakemake.input.dataset)
    trained = np.flatnonzero(dataset.columns["subset"] == TRAIN)
    calibration = read_json(snakemake.input.calibration)
    steps = round(settings["length_ps"] * 1000 / settings["timestep_fs"])
    walks = run_walkers(
        dataset.take(rng.choice(trained, settings["walkers"])).to_atoms(),
        Committee.load(snakemake.input.models, job.device),
        temperatures_K=np.resize(settings["temperatures_K"], settings["walkers"]),
        timestep_fs=settings["timestep_fs"],
        steps=steps,
        stride=round(settings["stride_fs"] / settings["timestep_fs"]),
        rng=rng,
        friction_per_ps=settings["friction_per_ps"],
        limits=Limits(
            hard_limit=settings["hard_limit_eV_per_A"],
            calibration=calibration["factor"],
            closest_contact=settings["closest_contact"],
            max_temperature_factor=settings["max_temperature_factor"],
        ),
        report_every=max(steps // 10, 1),
    )
    write_exploration(snakemake.output.trajectory, walks, settings["timestep_fs"])
    table = walker_table(walks, settings["timestep_fs"])
    table.to_csv(snakemake.output.walkers, index=False)
    where = snakemake.wildcards
    job.say(f"{where.arm} round {where.r}: {table['survived'].sum()} of {len(table)} walkers survived")
