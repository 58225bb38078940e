"""What a round decides, the arm's report, and the comparison of the arms."""


checkpoint decide:
    input:
        unpack(decide_input),
    output:
        decision=f"{ROUND}/decision.json",
    log:
        f"{LOGS}/{{arm}}/round_{{r}}/decide.log",
    conda:
        "../envs/analysis.yaml"
    params:
        targets=config["decision"],
        last_round=is_last_round,
    script:
        "../workflow_scripts/decide.py"


rule check_decision:
    """Stop the run where an arm is broken."""
    input:
        decision=f"{ROUND}/decision.json",
    output:
        checked=f"{ROUND}/decision_checked.json",
    log:
        f"{LOGS}/{{arm}}/round_{{r}}/check_decision.log",
    retries: 0  # its answer is the same each time
    conda:
        "../envs/analysis.yaml"
    script:
        "../workflow_scripts/check_decision.py"


rule report:
    input:
        decisions=rounds_up_to("decision.json", round_folder),
        metrics=rounds_up_to("test/metrics.json", computed_in),
        reference=f"{REFERENCE}/reference.json",
        split=f"{REFERENCE}/split.json",
        leakage=f"{REFERENCE}/leakage.json",
        labels=rounds_before("labels.json"),
        prospective=rounds_before("prospective/uncertainty.json"),
        trainings=trainings_up_to,
    output:
        table=report(
            f"{HOME}/{{arm}}/report/rounds_{{r}}/rounds.csv",
            category="1. Overview",
            labels={"arm": "{arm}", "figure": "round table"},
            caption="../docs/captions/rounds.rst",
        ),
        temperatures=report(
            f"{HOME}/{{arm}}/report/rounds_{{r}}/temperatures.svg",
            category="1. Overview",
            labels={"arm": "{arm}", "figure": "error by temperature"},
            caption="../docs/captions/temperatures.rst",
        ),
        card=f"{HOME}/{{arm}}/report/rounds_{{r}}/model_card.md",
    log:
        f"{LOGS}/{{arm}}/report_{{r}}.log",
    conda:
        "../envs/analysis.yaml"
    params:
        model=config["model"],
        committee_size=config["committee"]["size"],
        name=config["name"],
        warm_start=config["training"]["warm_start"],
    script:
        "../workflow_scripts/report.py"


rule compare:
    input:
        tables=compared_rounds,
    output:
        comparison=f"{HOME}/comparison/rounds_{{ends}}/comparison.json",
        learning_curve=report(
            f"{HOME}/comparison/rounds_{{ends}}/learning_curve.svg",
            category="1. Overview",
            labels={"arm": "all", "figure": "learning curves"},
            caption="../docs/captions/learning_curve.rst",
        ),
    log:
        f"{LOGS}/compare_{{ends}}.log",
    wildcard_constraints:
        ends="[0-9]+(-[0-9]+)*",
    conda:
        "../envs/analysis.yaml"
    params:
        arms=ARMS,
        target=config["decision"]["force_mae_meV_per_A"],
    script:
        "../workflow_scripts/compare.py"
