"""Rule overfit: was one batch learnt by heart?"""

from ouroboros.job import start

with start(snakemake) as job:
    from ouroboros.one_batch import judge
    from ouroboros.records import read_json, write_json

    sentence, figures = judge(read_json(snakemake.input.summary))
    write_json(snakemake.output.verdict, {"verdict": sentence, **figures})
    job.discard(snakemake.params.states)
    job.say(sentence)
