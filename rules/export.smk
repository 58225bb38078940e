"""The committee of a round for other programs: stock SchNetPack files, and TorchScript for LAMMPS and C++."""


rule export_member:
    input:
        model=f"{MEMBER}/model.pt",
    output:
        schnetpack=f"{ROUND}/export/model_{{m}}.schnetpack",
        torchscript=f"{ROUND}/export/model_{{m}}.torchscript",
    log:
        f"{LOGS}/{{arm}}/round_{{r}}/export_{{m}}.log",
    conda:
        "../envs/mlip.yaml"
    script:
        "../workflow_scripts/export_member.py"


rule export:
    """The target `export`."""
    input:
        [of_the_last_round(name) for name in members("export/model_{m}.torchscript")],
