"""Ouroboros: reference data -> committee -> dynamics -> selection -> quantum-chemistry labels -> better committee."""

from snakemake.utils import min_version

min_version("9.27")

if not config:  # an experiment given with --configfile stands alone; the defaults fill in what it leaves out

    configfile: "config.yaml"


report: "docs/captions/workflow.rst"


include: "rules/common.smk"
include: "rules/failures.smk"


container: config["container"]


include: "rules/reference_functions.smk"
include: "rules/sweep_functions.smk"
include: "rules/analysis_functions.smk"
include: "rules/environment.smk"
include: "rules/data.smk"
include: "rules/train.smk"
include: "rules/test.smk"
include: "rules/md.smk"
include: "rules/analysis.smk"
include: "rules/timestep_scan.smk"
include: "rules/vibrations.smk"
include: "rules/select.smk"
include: "rules/label.smk"
include: "rules/report.smk"
include: "rules/sweep.smk"
include: "rules/overfit.smk"
include: "rules/export.smk"


# What takes a second or two, and what needs the network, runs where Snakemake runs: on a cluster it would wait longer for its
# turn than it works, or on a node that sees no other machine.
localrules:
    all,
    download,
    dataset,
    draw_selected,
    show_structures,
    gather,
    check_labels,
    check_reference,
    decide,
    check_decision,
    report,
    compare,
    trained,
    sweep,
    sweep_table,
    overfit,
    timestep_scan,
    vibrations,
    export_member,
    export,


rule all:
    default_target: True
    input:
        [results_of(arm) for arm in ARMS],
        comparison,
        f"{HOME}/environment.json",
