"""Rule check_reference: stop before the first training where the test set leaks or the oracle is another surface."""

from ouroboros.job import start

with start(snakemake) as job:
    from ouroboros.oracle_gate import refuse_mismatch
    from ouroboros.records import read_json, write_json
    from ouroboros.reference import refuse_leakage

    files, params = snakemake.input, snakemake.params
    refuse_leakage(read_json(files.leakage), params.max_leaked_fraction)
    if files.get("oracle"):
        gate = params.gate
        limits = (gate["force_mae_meV_per_A"], gate["energy_shift_meV_per_atom"], gate["accept_mismatch"])
        refuse_mismatch(read_json(files.oracle), *limits)
    write_json(snakemake.output.checked, {"max_leaked_fraction": params.max_leaked_fraction, **params.gate})
