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
        walkers=rounds_up_to("explore/walkers.csv", computed_in),
        selections=rounds_up_to("select/selection.json", round_folder),
        failures=rounds_before("label_failures.csv"),
        analysis=computed("analysis/analysis.json"),
    output:
        table=report(
            f"{HOME}/{{arm}}/report/rounds_{{r}}/rounds.csv",
            category="1. Overview",
            labels={"figure": "round table (CSV)", "arm": "{arm}"},
            caption="../docs/captions/rounds.rst",
        ),
        temperatures=report(
            f"{HOME}/{{arm}}/report/rounds_{{r}}/temperatures.svg",
            category="1. Overview",
            labels={"figure": "error by temperature", "arm": "{arm}"},
            caption="../docs/captions/temperatures.rst",
        ),
        survival=report(
            f"{HOME}/{{arm}}/report/rounds_{{r}}/survival.svg",
            category="1. Overview",
            labels={"figure": "survival of the walkers", "arm": "{arm}"},
            caption="../docs/captions/survival.rst",
        ),
        rounds=report(
            f"{HOME}/{{arm}}/report/rounds_{{r}}/rounds.html",
            category="1. Overview",
            labels={"figure": "round by round", "arm": "{arm}"},
            caption="../docs/captions/round_by_round.rst",
        ),
        answer=f"{HOME}/{{arm}}/report/rounds_{{r}}/answer.json",
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
        tables=compared("rounds.csv"),
        answers=compared("answer.json"),
        reference=f"{REFERENCE}/reference.json",
        environment=f"{HOME}/environment.json",
    output:
        comparison=f"{HOME}/comparison/rounds_{{ends}}/comparison.json",
        answer=report(
            f"{HOME}/comparison/rounds_{{ends}}/answer.html",
            category="1. Overview",
            labels={"figure": "answer", "arm": "all"},
            caption="../docs/captions/answer.rst",
        ),
        learning_curve=report(
            f"{HOME}/comparison/rounds_{{ends}}/learning_curve.svg",
            category="1. Overview",
            labels={"figure": "learning curves", "arm": "all"},
            caption="../docs/captions/learning_curve.rst",
        ),
    log:
        f"{LOGS}/compare_{{ends}}.log",
    wildcard_constraints:
        ends="[0-9]+(x[0-9]+)?(-[0-9]+(x[0-9]+)?)*",
    conda:
        "../envs/analysis.yaml"
    params:
        arms=ARMS,
        name=config["name"],
        target=config["decision"]["force_mae_meV_per_A"],
    script:
        "../workflow_scripts/compare.py"
