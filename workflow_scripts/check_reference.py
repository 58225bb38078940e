"""Rule check_reference: stop before the first training where the test set leaks or the oracle is another surface."""

from ouroboros.job import start

with start(snakemake) as job:
    from ouroboros.oracle_gate import refuse_mismatch
    from ouroboros.records import read_json, write_json
    from ouroboros.reference import accepted_share, refuse_leakage

    files, split, gate = snakemake.input, snakemake.config["split"], snakemake.config["oracle_gate"]
    refuse_leakage(read_json(files.leakage), split["leakage_rmsd_A"], accepted_share(split))
    if files.get("oracle"):
        limits = (gate["force_mae_meV_per_A"], gate["energy_shift_meV_per_atom"], gate["accept_mismatch"])
        refuse_mismatch(read_json(files.oracle), *limits)
    limits = {name: split[name] for name in ("leakage_rmsd_A", "max_leaked_fraction")}
    write_json(snakemake.output.checked, {"split": limits, "oracle_gate": gate})
