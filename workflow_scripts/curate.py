"""Rule curate: drop unusable reference frames, with counts, and write SchNetPack's database."""

from ouroboros.job import start

with start(snakemake) as job:
    from ouroboros import __version__
    from ouroboros.energy_baseline import EnergyRange
    from ouroboros.records import write_json
    from ouroboros.reference import curate, write_database
    from ouroboros.reference.curate import told
    from ouroboros.reference.importing import read_raw

    raw, source = read_raw(snakemake.input.raw, snakemake.input.get("record"))
    kept, counts = curate(raw, snakemake.params.settings)
    summary = {
        "source": snakemake.params.source,
        "molecule": snakemake.params.molecule or kept.formulas(),
        **source,
        "units": {"energy": "eV", "length": "Å", "forces": "eV/Å", "stress": "eV/Å³"},
        "ouroboros": __version__,
        **counts,
        "checksum": kept.checksum(),
        "energy_range": EnergyRange.of(kept).record(),
    }
    write_database(snakemake.output.database, kept, summary)
    write_json(snakemake.output.summary, summary)
    dropped = told(counts)
    job.say(f"reference: {counts['kept']} of {counts['frames_in']} frames kept, {summary['level_of_theory']}")
    if dropped:
        job.say(f"dropped, counted from 0 in the order read: {dropped}")
