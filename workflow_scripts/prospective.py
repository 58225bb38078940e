"""Rule prospective: was the committee as uncertain about the structures just labelled as it turned out to be wrong?"""

from ouroboros.job import start

with start(snakemake) as job:
    import numpy as np

    from ouroboros.calibration import Calibration
    from ouroboros.committee import Committee
    from ouroboros.frames import Frames
    from ouroboros.label_files import read_labels
    from ouroboros.records import read_json, write_json
    from ouroboros.uncertainty import errors_of_frames, quality
    from ouroboros.uncertainty_figure import uncertainty

    files, output, where = snakemake.input, snakemake.output, snakemake.wildcards
    frames = Frames.from_atoms(read_labels(files.labels))
    prediction = Committee.load(files.models, job.device).predict(frames)
    calibration = Calibration.from_record(read_json(files.calibration))
    told = quality(prediction, frames, {"just_labelled": np.ones(len(frames), bool)}, calibration)
    write_json(output.quality, told[0].figures if told else None)
    errors_of_frames(prediction, frames).to_csv(output.frames, index=False)
    uncertainty(told, calibration, output.figure, "" if len(frames) else "No structure of this round has a label.")
    if told:
        sizes = told[0].figures["calibrated"]
        job.say(
            f"{where.arm} round {where.r}: of the force errors on {len(frames)} new labels {sizes['coverage_90']:.0%} "
            "lie within the 90 % interval that the committee gave before"
        )
