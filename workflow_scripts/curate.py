"""Rule curate: drop unusable reference frames, with counts, and write SchNetPack's database."""

from ouroboros.job import start

with start(snakemake) as job:
    from ouroboros import __version__
    from ouroboros.frames import Frames
    from ouroboros.labelling import read_labels
    from ouroboros.oracles.xtb import CITATIONS
    from ouroboros.records import write_json
    from ouroboros.reference import curate, write_database

    raw = Frames.from_atoms([atoms for path in snakemake.input.raw for atoms in read_labels(path)])
    levels = sorted(set(raw.columns["level_of_theory"]))
    kept, counts = curate(raw, snakemake.params.settings)
    summary = {
        "source": snakemake.params.source,
        "molecule": snakemake.params.molecule,
        "level_of_theory": ", ".join(levels),
        "licence": "made by this run",
        "citation": "; ".join(CITATIONS[level] for level in levels),
        "units": {"energy": "eV", "length": "Å", "forces": "eV/Å"},
        "ouroboros": __version__,
        **counts,
    }
    write_database(snakemake.output.database, kept, summary)
    write_json(snakemake.output.summary, summary)
    job.say(f"reference: {counts['kept']} of {counts['frames_in']} frames kept, {summary['level_of_theory']}")
