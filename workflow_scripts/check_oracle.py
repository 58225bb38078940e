"""Rule check_oracle: the oracle labels a few reference frames again, and how far the two are apart."""

from ouroboros.job import start

with start(snakemake) as job:
    from dataclasses import asdict

    from ouroboros.datasets import load_split
    from ouroboros.label_store import LabelStore
    from ouroboros.label_worker import LabelWorker
    from ouroboros.labelling import Checks, label_batch, refuse_unlabelled
    from ouroboros.oracle_gate import agreement, frames_to_compare
    from ouroboros.oracles import make_oracle, with_files
    from ouroboros.records import read_json, write_json
    from ouroboros.reference import read_database

    # params are what changes a label; the rest is read from the config, so that it reruns nothing (check_reference)
    params, config, reference = snakemake.params, snakemake.config, read_json(snakemake.input.reference)
    settings = with_files(params.oracle, reference, snakemake.input.database)
    trained = read_database(snakemake.input.database, load_split(snakemake.input.split)["train_idx"])
    frames = frames_to_compare(trained, config["oracle_gate"]["frames"])
    store, oracle = LabelStore(params.store), make_oracle(settings)
    checks = Checks(force_cap=float("inf"), closest_contact=config["reference"]["curate"]["closest_contact"])
    job.say(f"oracle: {oracle.level_of_theory} labels {len(frames)} reference frames again")
    with LabelWorker(settings, store, config["labels"]["time_limit_s"]) as worker:
        labels, failures = label_batch(frames.to_atoms(), oracle, store, checks, worker, job.say)
    refuse_unlabelled(failures, len(frames), oracle.level_of_theory)
    found = agreement(frames, labels, reference["level_of_theory"], oracle.level_of_theory)
    write_json(snakemake.output.summary, asdict(found))
    job.say(
        f"oracle: forces {found.force_mae_meV_per_A:.2f} meV/Å from those of the reference ({found.reference}), "
        f"energies {found.energy_shift_meV_per_atom:.2f} meV/atom"
    )
