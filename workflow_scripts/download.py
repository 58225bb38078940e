"""Rule download: MD17 or rMD17 as published, checked and kept for all experiments."""

from pathlib import Path

from ouroboros.job import start

with start(snakemake) as job:
    from ouroboros.records import read_json
    from ouroboros.reference.catalogue import published
    from ouroboros.reference.download import fetch, unpack

    params, summary = snakemake.params, Path(snakemake.params.reference)
    source = published(params.dataset, params.molecule)
    # how the file is fetched is no param: another mirror or another patience changes no data and must rerun nothing
    how = snakemake.config["reference"]["download"]
    known = read_json(summary) if summary.is_file() else {}
    same = (known.get("dataset"), known.get("molecule")) == (source.dataset, source.molecule)
    fetched = fetch(
        how["url"] or source.url,
        Path(how["folder"]) / source.filename,
        sha256=params.sha256,
        recorded_sha256=known["sha256"] if same else None,
        retries=how["retries"],
        timeout_s=how["timeout_s"],
        report=job.say,
        mirror=source.mirror,
    )
    unpack(fetched, source, *map(Path, snakemake.output))
