"""Rule show_structures: the structures that an arm selected, to turn in 3-D."""

from ouroboros.job import start

with start(snakemake) as job:
    from ouroboros.structure_viewer import selected_structures, structure_viewer

    files, arm = snakemake.input, snakemake.wildcards.arm
    images, table = selected_structures(
        files.candidates, files.selections, files.failures, files.errors, snakemake.params.timestep_fs
    )
    shown = structure_viewer(images, table, f"Structures that {arm} selected", snakemake.output.page)
    job.say(f"{arm}: {shown} of {len(images)} selected structures in the viewer")
