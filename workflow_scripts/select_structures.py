"""Rule select: the explored structures that are worth a label (a script select.py would hide Python's own module)."""

from ouroboros.job import start

with start(snakemake) as job:
    import numpy as np

    from ouroboros import selection_figures
    from ouroboros.committee import Committee
    from ouroboros.frames import Frames
    from ouroboros.label_files import write_labels
    from ouroboros.records import write_json
    from ouroboros.round_story import steps
    from ouroboros.selection import select
    from ouroboros.trajectories import read_exploration

    params, output, where = snakemake.params, snakemake.output, snakemake.wildcards
    explored, dataset = read_exploration(snakemake.input.trajectory), Frames.load(snakemake.input.dataset)
    committee = Committee.load(snakemake.input.models, job.device)
    elements = np.union1d(explored.numbers, dataset.numbers)
    features = tuple(committee.features(frames, elements=elements) for frames in (explored, dataset))
    rng = np.random.default_rng(params.seed)
    selection = select(explored, dataset, params.strategy, params.settings, rng, features)
    candidates = explored.take(selection.chosen)
    if params.timestep_fs is None:  # of a pool each frame stands for itself, when some are held back for validation
        candidates = candidates.with_columns(walker=candidates.columns["step"])
    names = [f"{where.arm}_r{where.r}_{i}" for i in range(len(candidates))]
    write_labels(output.candidates, candidates.with_columns(candidate=names).to_atoms())
    selection.fates.to_csv(output.fates, index=False)
    write_json(output.summary, selection.counts)
    low = selection.counts["low_eV_per_A"]
    selection_figures.along_the_walkers(selection.fates, low, params.timestep_fs, output.uncertainty)
    selection_figures.on_the_map(selection.fates, features, output.map)
    job.discard(params.states)
    job.say(f"{where.arm} round {where.r}: {steps(selection.counts)}")
