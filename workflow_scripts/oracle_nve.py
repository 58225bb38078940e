"""Rule oracle_nve: the production run once more from the same starts, with the oracle in place of the committee."""

from ouroboros.job import start

with start(snakemake) as job:
    import os
    from contextlib import chdir
    from tempfile import TemporaryDirectory

    from ase.io.trajectory import Trajectory

    from ouroboros.analysis.walkers import first_frames
    from ouroboros.constant_energy import estimate, trajectory
    from ouroboros.oracles import make_oracle, structure_settings, with_files
    from ouroboros.records import write_json
    from ouroboros.sampling import steps_within

    params, run, path = snakemake.params, snakemake.params.run, os.path.abspath(snakemake.output.trajectory)
    starts = first_frames(snakemake.input.trajectory)[: params.walkers]
    settings, timestep_fs = with_files(params.oracle, {}, None), run["timestep_fs"]

    def calculator(atoms):
        """The oracle's, told of the charge and multiplicity of this structure."""
        return make_oracle(structure_settings(settings, atoms)).calculator()

    level = make_oracle(settings).level_of_theory
    content = {"level_of_theory": level, "timestep_fs": timestep_fs, "n_walkers": 0}
    if run["ensemble"] != "nve":
        content["reason"] = (
            f"The production run has a thermostat (simulation.ensemble: {run['ensemble']}), which broadens lines: a "
            "run of the oracle at constant energy is no measure for it."
        )
    elif not starts:
        content["reason"] = "analysis.vibrations.oracle_walkers is 0."
    with TemporaryDirectory() as folder, chdir(folder), Trajectory(path, "w") as file:  # codes that write files
        if "reason" not in content:
            content |= estimate(starts, calculator(starts[0]), timestep_fs, run["steps"], params.hours)
        if "reason" in content:
            job.say(f"oracle's MD left out: {content['reason']}")
            starts = []
        stride = max(steps_within(params.every_fs, timestep_fs), 1)
        for atoms in starts:
            walker = int(atoms.info["walker"])
            for frame in trajectory(atoms, calculator(atoms), timestep_fs, run["steps"], stride, walker):
                file.write(frame)
            print(f"walker {walker}: {run['steps']} steps done", flush=True)
            content["n_walkers"] += 1
    write_json(snakemake.output.summary, content)
