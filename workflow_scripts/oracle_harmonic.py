"""Rule oracle_harmonic: the oracle's harmonic frequencies at the minimum below the lowest reference frame."""

from ouroboros.job import start

with start(snakemake) as job:
    from dataclasses import asdict

    import numpy as np

    from ouroboros.analysis.harmonic import harmonic_frequencies
    from ouroboros.analysis.plain import plain
    from ouroboros.analysis.systems import same_system
    from ouroboros.analysis.walkers import first_frames
    from ouroboros.label_store import LabelStore
    from ouroboros.label_worker import LabelWorker, StoredOracle
    from ouroboros.oracles import make_oracle, with_files
    from ouroboros.records import write_json
    from ouroboros.reference import read_database
    from ouroboros.stored_calculator import StoredCalculator

    params, content = snakemake.params, {}
    first = first_frames(snakemake.input.trajectory, 1)[0]
    if first.pbc.any():
        content["reason"] = "The system is periodic: its harmonic frequencies are phonons, which are not computed here."
    else:
        frames = same_system(read_database(snakemake.input.reference), first.numbers, pbc=False)
        lowest = frames.take([int(np.argmin(frames.energy))]).to_atoms()[0]
        settings, store = with_files(params.oracle, {}, None), LabelStore(params.store)
        oracle = make_oracle(settings)
        content = {"formula": lowest.get_chemical_formula(), "level_of_theory": oracle.level_of_theory}
        content |= {"numbers": lowest.numbers}
        with LabelWorker(settings, store, snakemake.config["labels"]["time_limit_s"]) as worker:
            stored = StoredCalculator(StoredOracle(oracle, store, worker))
            content |= asdict(harmonic_frequencies(lowest, stored, **params.settings))
    write_json(snakemake.output.summary, plain(content))
