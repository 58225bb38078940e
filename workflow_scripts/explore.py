"""Rule explore: many walkers driven by the committee, each watched at every step."""

from ouroboros.job import start

with start(snakemake) as job:
    import numpy as np

    from ouroboros.calibration import Calibration
    from ouroboros.datasets import TRAIN
    from ouroboros.dynamics import Ensemble, Limits, SavedRun, fingerprint, run_walkers
    from ouroboros.ensemble_checks import untrained_stress
    from ouroboros.frames import Frames
    from ouroboros.records import read_json
    from ouroboros.sampling import draw_starts
    from ouroboros.trajectories import walker_table, write_exploration, write_images

    files, params, settings = snakemake.input, snakemake.params, snakemake.params.settings
    rng, walkers, timestep_fs = np.random.default_rng(params.seed), settings["walkers"], settings["timestep_fs"]
    warning = untrained_stress(settings["ensemble"], params.stress_weight)
    if warning:
        job.say(warning)
    dataset = Frames.load(files.dataset)
    trained = np.flatnonzero(dataset.columns["subset"] == TRAIN)
    chosen = draw_starts(trained, walkers + settings["replace"], rng)
    structures = dataset.take(chosen).to_atoms()
    work = fingerprint([*files.models, files.dataset, files.calibration], settings, params.seed, job.device)
    walks = run_walkers(
        structures[:walkers],
        job.committee(files.models, stress=settings["ensemble"] == "npt"),
        temperatures_K=np.resize(settings["temperatures_K"], walkers),
        timestep_fs=timestep_fs,
        steps=round(settings["length_ps"] * 1000 / timestep_fs),
        stride=round(settings["stride_fs"] / timestep_fs),
        rng=rng,
        ensemble=Ensemble.from_settings(settings),
        ramp_to_K=settings["ramp_to_K"],
        limits=Limits.from_settings(settings, Calibration.from_record(read_json(files.calibration))),
        spares=structures[walkers:],
        bias=settings["bias"],
        saved=SavedRun(params.state, work),
        report=True,
    )
    write_exploration(snakemake.output.trajectory, walks, timestep_fs)
    write_images(snakemake.output.images, walks)
    table = walker_table(walks, timestep_fs, chosen)
    table.to_csv(snakemake.output.walkers, index=False)
    where = snakemake.wildcards
    job.say(f"{where.arm} round {where.r}: {table['survived'].sum()} of {len(table)} walkers survived")
