"""Rule committee_harmonic: the committee's harmonic frequencies at the minimum nearest to the oracle's."""

from ouroboros.job import start

with start(snakemake) as job:
    from dataclasses import asdict

    from ase import Atoms

    from ouroboros.analysis.harmonic import harmonic_frequencies
    from ouroboros.analysis.plain import plain
    from ouroboros.calculator import CommitteeCalculator
    from ouroboros.committee import Committee
    from ouroboros.records import read_json, write_json

    content = read_json(snakemake.input.oracle)
    if "reason" not in content:
        calculator = CommitteeCalculator(Committee.load(snakemake.input.models, job.device))
        molecule = Atoms(content["numbers"], content["positions_A"])
        content = asdict(harmonic_frequencies(molecule, calculator, **snakemake.params.settings))
    write_json(snakemake.output.summary, plain(content))
