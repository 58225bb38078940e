"""Rule scan_timesteps: how well several time steps conserve the energy, from the start of the production run."""

from ouroboros.job import start

with start(snakemake) as job:
    import numpy as np

    from ouroboros.analysis import timestep_figure, timestep_scan
    from ouroboros.analysis.plain import plain
    from ouroboros.analysis.walkers import first_frames
    from ouroboros.calibration import gaussian
    from ouroboros.dynamics import Limits, run_walkers
    from ouroboros.records import write_json
    from ouroboros.trajectories import thermo_table

    files, output, settings, run = snakemake.input, snakemake.output, snakemake.params.settings, snakemake.params.run
    starts = first_frames(files.trajectory, settings["walkers"])
    committee, length_fs = job.committee(files.models), 1000 * settings["length_ps"]
    thermos = {}
    for timestep_fs in settings["timesteps_fs"]:
        walks = run_walkers(
            starts,
            committee,
            temperatures_K=run["temperature_K"],
            momenta=[atoms.get_momenta() for atoms in starts],  # the same for every time step
            timestep_fs=timestep_fs,
            steps=round(length_fs / timestep_fs),
            stride=max(1, round(max(settings["timesteps_fs"]) / timestep_fs)),  # samples equally far apart in time
            rng=np.random.default_rng(0),  # nothing is drawn: the momenta are given and there is no thermostat
            limits=Limits.from_settings(snakemake.params.limits, gaussian()),
            report=True,
        )
        thermos[timestep_fs] = thermo_table(walks, timestep_fs)
        print(f"{timestep_fs:g} fs: {sum(walk.survived for walk in walks)} of {len(walks)} walkers came to the end")
    steps = timestep_scan.scan(thermos, len(starts[0]), len(starts), length_fs)
    result = timestep_scan.judge(steps, run["timestep_fs"], snakemake.params.drift_limit_eV_per_step)
    write_json(output.summary, plain(result))
    timestep_figure.draw(plain(result), output.figure)
    job.say(f"time-step scan: {result['verdict'].reason}")
    for sentence in result["advice"]:
        job.say(f"time-step scan: {sentence}")
