"""What the production run shows: energy conservation, temperature, bonds, distances, vibrations."""


rule analyse:
    input:
        trajectory=f"{ROUND}/simulate/nve.traj",
        thermo=f"{ROUND}/simulate/thermo.csv",
        velocities=f"{ROUND}/simulate/velocities.h5",
        walkers=f"{ROUND}/simulate/walkers.csv",
        reference=f"{REFERENCE}/reference.db",
    output:
        summary=f"{ROUND}/analysis/analysis.json",
        energy=report(
            f"{ROUND}/analysis/energy.svg",
            category="5. Production run",
            subcategory=arm_label,
            labels=in_round(figure="total energy"),
            caption="../docs/captions/analysis.rst",
        ),
        temperature=report(
            f"{ROUND}/analysis/temperature.svg",
            category="5. Production run",
            subcategory=arm_label,
            labels=in_round(figure="temperature"),
            caption="../docs/captions/analysis.rst",
        ),
        distances=report(
            f"{ROUND}/analysis/distances.svg",
            category="5. Production run",
            subcategory=arm_label,
            labels=in_round(figure="pair distances"),
            caption="../docs/captions/analysis.rst",
        ),
        spectrum=report(
            f"{ROUND}/analysis/spectrum.svg",
            category="5. Production run",
            subcategory=arm_label,
            labels=in_round(figure="vibrational spectrum"),
            caption="../docs/captions/analysis.rst",
        ),
        msd=report(
            f"{ROUND}/analysis/msd.svg",
            category="5. Production run",
            subcategory=arm_label,
            labels=in_round(figure="mean square displacement"),
            caption="../docs/captions/analysis.rst",
        ),
    log:
        f"{LOGS}/{{arm}}/round_{{r}}/analyse.log",
    conda:
        "../envs/analysis.yaml"
    params:
        settings=without(config["analysis"], "timestep_scan", "vibrations"),
        simulation=production_run(),
        states=state_of_trajectory,
    script:
        "../workflow_scripts/analyse.py"
