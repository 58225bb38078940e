"""Rule simulate: the production run, by default at constant energy."""

from ouroboros.job import start

with start(snakemake) as job:
    import numpy as np

    from ouroboros.calibration import Calibration
    from ouroboros.dynamics import Ensemble, Limits, SavedRun, equilibrate, fingerprint, run_walkers
    from ouroboros.ensemble_checks import untrained_stress
    from ouroboros.frames import Frames
    from ouroboros.records import read_json
    from ouroboros.sampling import draw_starts, steps_within
    from ouroboros.trajectories import thermo_table, walker_table, write_images, write_velocities

    files, output, params, settings = snakemake.input, snakemake.output, snakemake.params, snakemake.params.settings
    rng, timestep_fs = np.random.default_rng(params.seed), settings["timestep_fs"]
    warning = untrained_stress(settings["ensemble"], params.stress_weight)
    if warning:
        job.say(warning)
    dataset, calibration = Frames.load(files.dataset), Calibration.from_record(read_json(files.calibration))
    start_set = np.flatnonzero(dataset.columns["round"] == 0)  # later frames come from hotter dynamics
    chosen = draw_starts(start_set, settings["walkers"], rng)
    structures = dataset.take(chosen).to_atoms()
    committee = job.committee(files.models, stress=settings["ensemble"] == "npt")
    work = fingerprint([*files.models, files.dataset, files.calibration], settings, params.seed, job.device)
    ensemble, limits = Ensemble.from_settings(settings), Limits.from_settings(settings, calibration)
    ensemble.check(structures, committee.stress)
    common = {"rng": rng, "limits": limits}
    common |= {"timestep_fs": timestep_fs, "temperatures_K": settings["temperature_K"], "report": True}
    lead_in = round(settings["equilibration_ps"] * 1000 / timestep_fs)
    velocity_stride = steps_within(settings["velocities_every_fs"], timestep_fs)
    structures, lost = equilibrate(
        structures,
        committee,
        steps=lead_in,
        keep_overall_motion=ensemble.name == "langevin",
        saved=SavedRun(f"{params.state}/lead_in", work),
        **common,
    )
    numbers = [atoms.info["start"] for atoms in structures]  # a walker keeps its own where others are lost
    walks = run_walkers(
        structures,
        committee,
        steps=settings["steps"],
        stride=settings["stride"],
        ensemble=ensemble,
        momenta=[atoms.get_momenta() for atoms in structures],
        velocity_stride=velocity_stride,
        saved=SavedRun(f"{params.state}/production", work),
        **common,
    )
    for number, walk in zip(numbers, walks, strict=True):
        walk.start = number  # not the place among those that came through the lead-in
    everyone = lost | dict(zip(numbers, walks, strict=True))
    for number, walk in sorted(everyone.items()):
        if not walk.survived:
            job.say(f"{output.trajectory}: walker {number} stopped, {walk.ended}")
    in_order = [everyone[number] for number in sorted(everyone)]
    walker_table(in_order, timestep_fs, chosen).to_csv(output.walkers, index=False)
    write_images(output.trajectory, walks, numbers)
    write_velocities(output.velocities, walks, timestep_fs, velocity_stride, numbers)
    thermo_table(walks, timestep_fs, numbers).to_csv(output.thermo, index=False)
