"""Rule check_reference: before the first training, leakage, the oracle's surface, and what dynamics starts from."""

from ouroboros.job import start

with start(snakemake) as job:
    from ouroboros.datasets import load_split, start_set
    from ouroboros.ensemble_checks import refuse_mixed_periodicity, refuse_structures
    from ouroboros.oracle_gate import refuse_mismatch
    from ouroboros.records import read_json, write_json
    from ouroboros.reference import accepted_share, read_database, refuse_leakage

    files, split, gate = snakemake.input, snakemake.config["split"], snakemake.config["oracle_gate"]
    refuse_leakage(read_json(files.leakage), split["leakage_rmsd_A"], accepted_share(split))
    if files.get("oracle"):
        limits = (gate["force_mae_meV_per_A"], gate["energy_shift_meV_per_atom"], gate["accept_mismatch"])
        refuse_mismatch(read_json(files.oracle), *limits)
    structures = start_set(read_database(files.database), load_split(files.split)).to_atoms()
    for section in ("simulation",) if snakemake.config["oracle"]["kind"] == "pool" else ("exploration", "simulation"):
        try:
            refuse_structures(snakemake.config[section]["ensemble"], structures)
        except ValueError as error:
            raise ValueError(f"config key '{section}.ensemble' does not fit the start set: {error}") from error
    try:
        refuse_mixed_periodicity(structures)
    except ValueError as error:  # what only trains is none the worse for it
        job.say(f"Warning: exploration and simulation will stop, as {error}")
    limits = {name: split[name] for name in ("leakage_rmsd_A", "max_leaked_fraction")}
    write_json(snakemake.output.checked, {"split": limits, "oracle_gate": gate})
