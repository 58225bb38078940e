"""Rule import_reference: labelled frames from files, keys and units as named, in eV, Å and eV/Å."""

from ouroboros.job import start

with start(snakemake) as job:
    from ouroboros.records import read_json, write_json
    from ouroboros.reference.importing import import_files, import_published

    files, params = snakemake.input, snakemake.params
    if params.source == "download":
        frames, record = import_published(files.files[0], read_json(files.record))
    else:
        frames, record = import_files(files.files, params.settings)
    frames.save(snakemake.output.frames)
    write_json(snakemake.output.record, record)
    if "stress_doubt" in record:
        job.say(f"reference: {record['stress_doubt']}")
    job.say(f"reference: {len(frames)} frames of {frames.formulas()} from {', '.join(files.files)}")
