"""Rule draw_selected: pictures of the selected structures."""

from ouroboros.job import start

with start(snakemake):
    from ouroboros.label_files import read_labels
    from ouroboros.records import read_json
    from ouroboros.structure_pictures import reasons, selected

    files = snakemake.input
    why = reasons(read_json(files.summary))
    selected(read_labels(files.candidates), why, snakemake.params.timestep_fs, snakemake.output.pictures)
