"""Reference data from elsewhere, through the whole workflow: own files, published sets, and what stops them."""

import hashlib
import io
import json
import tarfile
from pathlib import Path
from typing import Any

import ase.io
import numpy as np
import pytest
from ase import units
from ase.build import bulk, molecule
from ase.calculators.emt import EMT
from conftest import TINY, changed, job_counts, snakemake

from ouroboros.frames import Frames
from ouroboros.label_files import read_labels
from ouroboros.oracles import make_oracle
from ouroboros.reference import read_database
from ouroboros.units import KCAL_PER_MOL_IN_EV

SMALL = {key: TINY[key] for key in ("committee", "model", "training", "exploration", "simulation", "labels")}
ONE_ARM = {"count": 2, "strategies": ["random"]}
OPEN_GATES = {"strategy": "random", "train": 12, "validation": 4, "test": 10, "max_leaked_fraction": 1.0}


def read(path: Path) -> dict[str, Any]:
    return json.loads(path.read_text(encoding="utf-8"))


def thermal(atoms, calculate, n, amplitude, seed=0):
    """Rattled copies with labels under names of their own, as somebody's code wrote them."""
    images = []
    for i in range(n):
        image = atoms.copy()
        image.calc = None
        image.rattle(amplitude, seed=seed + i)
        energy, forces = calculate(image)
        image.info["dft_energy"] = energy
        image.arrays["dft_forces"] = forces
        images.append(image)
    return images


def xtb(method):
    oracle = make_oracle({"kind": "xtb", "method": method})

    def calculate(atoms):
        label = oracle.label(atoms)
        return label.energy, label.forces

    return calculate


def emt(atoms):
    atoms = atoms.copy()
    atoms.calc = EMT()
    return atoms.get_potential_energy(), atoms.get_forces()


def stress_of_emt(atoms):
    atoms = atoms.copy()
    atoms.calc = EMT()
    return atoms.get_stress(voigt=False)


def from_files(paths, **values) -> dict[str, Any]:
    files = {
        "paths": [str(path) for path in paths],
        "energy_key": "dft_energy",
        "force_key": "dft_forces",
        "energy_unit": "eV",
        "force_unit": "eV/A",
        "length_unit": "A",
        "level_of_theory": "EMT",
    }
    config = {"name": "own", "reference": {"source": "files", "files": files}, **SMALL, "split": OPEN_GATES}
    return changed(config | {"selection": {"per_round": 4, "low_eV_per_A": 0.0}, "rounds": ONE_ARM}, **values)


@pytest.fixture
def water_file(tmp_path: Path) -> Path:
    path = tmp_path / "water.xyz"
    ase.io.write(path, thermal(molecule("H2O"), xtb("GFN2-xTB"), 30, 0.05), format="extxyz")
    return path


def test_a_periodic_metal_of_ones_own_with_any_ase_calculator(tmp_path: Path):
    cell = bulk("Cu", cubic=True) * (2, 1, 1)
    copper = thermal(cell, emt, 30, 0.08)
    alloy = thermal(bulk("CuAu", "cesiumchloride", a=3.0) * (2, 1, 1), emt, 10, 0.08)
    for atoms in copper + alloy:
        atoms.info["dft_pressure"] = -stress_of_emt(atoms) / units.GPa
        atoms.info["phase"] = "alloy" if "Au" in atoms.symbols else "pure"
    ase.io.write(tmp_path / "copper.extxyz", copper)
    ase.io.write(tmp_path / "alloy.extxyz", alloy)
    oracle = {"kind": "ase", "ase": {"calculator": "ase.calculators.emt.EMT", "level_of_theory": "EMT"}}
    config = from_files([tmp_path / "copper.extxyz", tmp_path / "alloy.extxyz"], oracle=oracle)
    pressure = {"stress_key": "dft_pressure", "stress_unit": "GPa", "stress_sign": "pressure"}
    named = pressure | {"columns": {"config_type": "phase"}}
    config = changed(config, **{f"reference__files__{name}": value for name, value in named.items()})
    home = tmp_path / "results/own"
    targets = [
        "start-42/round_0/analysis/analysis.json",
        "random-42/round_0/decision.json",
        "random-42/round_1/dataset.npz",
    ]
    config = changed(config, simulation__temperature_K=200)
    run = snakemake(tmp_path, config, targets=[f"results/own/{name}" for name in targets])
    assert run.returncode == 0, run.stdout
    reference = read(home / "reference/reference.json")
    assert reference["level_of_theory"] == "EMT" and reference["kept"] == 40 and reference["with_stress"] == 40
    assert reference["molecule"] == "Cu8, Au2Cu2"
    check = read(home / "reference/oracle_check.json")
    assert check["force_mae_meV_per_A"] < 1e-3  # extended XYZ of ASE rounds to 1e-8
    for atoms in read_labels(home / "random-42/round_0/labels.extxyz"):
        assert atoms.pbc.all()
        energy, forces = emt(atoms)
        assert atoms.get_potential_energy() == energy
        np.testing.assert_array_equal(atoms.get_forces(), forces)
    dataset = Frames.load(home / "random-42/round_1/dataset.npz")
    assert len(dataset) == 20
    for atoms in dataset.to_atoms():  # of the reference and of the oracle
        np.testing.assert_allclose(atoms.get_stress(voigt=False), stress_of_emt(atoms), atol=1e-7)
    errors = read(home / "start-42/round_0/test/metrics.json")
    assert errors["committee"]["stress_frames"] == errors["frames"] == 10
    assert 0 < errors["committee"]["stress_mae_GPa"] < 20
    for groups in (errors["by_config_type"], errors["by_source"]):
        assert len(groups) == 2 and sum(group["frames"] for group in groups.values()) == 10
    assert set(errors["by_config_type"]) == {"alloy", "pure"} and set(errors["by_element"]) == {"Cu", "Au"}
    # another oracle passes the gate and labels anew, all in one call
    other = {**oracle, "ase": {**oracle["ase"], "version": "another"}}
    dry = snakemake(
        tmp_path, changed(config, oracle=other), "--dry-run", targets=[f"results/own/{name}" for name in targets]
    )
    anew = {"check_oracle", "check_reference", "label", "gather", "check_labels", "dataset"}
    assert set(job_counts(dry.stdout)) == anew, dry.stdout


def published(folder: Path, n: int = 60) -> Path:
    """The archive of rMD17 as it is published, with ethanol alone and GFN2-xTB in place of DFT."""
    images = thermal(molecule("CH3CH2OH"), xtb("GFN2-xTB"), n, 0.05)
    arrays = {
        "nuclear_charges": images[0].numbers.astype(np.uint8),
        "coords": np.array([a.positions for a in images]),
        "energies": np.array([a.info["dft_energy"] for a in images]) / KCAL_PER_MOL_IN_EV,
        "forces": np.array([a.arrays["dft_forces"] for a in images]) / KCAL_PER_MOL_IN_EV,
        "old_indices": np.arange(n) * 5,
    }
    packed = io.BytesIO()
    np.savez_compressed(packed, **arrays)
    members = {"rmd17/npz_data/rmd17_ethanol.npz": packed.getvalue()}
    for fold in range(1, 6):
        order = np.random.default_rng(fold).permutation(n)
        for name, part in (("train", order[: n // 2]), ("test", order[n // 2 :])):
            members[f"rmd17/splits/index_{name}_0{fold}.csv"] = "\n".join(map(str, part)).encode() + b"\n"
    archive = folder / "rmd17.tar.bz2"
    with tarfile.open(archive, "w:bz2") as tar:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return archive


def from_rmd17(archive: Path, **values) -> dict[str, Any]:
    download = {"dataset": "rmd17", "molecule": "ethanol", "url": archive.as_uri(), "retries": 0}
    config = {"name": "pool", "reference": {"source": "download", "download": download}, **SMALL}
    config["split"] = OPEN_GATES | {"strategy": "published", "fold": 2, "train": 10, "test": 20}
    config |= {"oracle": {"kind": "pool"}, "selection": {"per_round": 6, "low_eV_per_A": 0.0}, "rounds": ONE_ARM}
    return changed(config, **values)


def test_active_learning_on_a_published_set(tmp_path: Path):
    archive = published(tmp_path)
    run = snakemake(tmp_path, from_rmd17(archive))
    assert run.returncode == 0, run.stdout
    home = tmp_path / "results/pool"
    reference = read(home / "reference/reference.json")
    assert reference["sha256"] == hashlib.sha256(archive.read_bytes()).hexdigest()
    assert "PBE/def2-SVP" in reference["level_of_theory"] and reference["licence"] and reference["citation"]
    frames = read_database(home / "reference/reference.db")
    first = xtb("GFN2-xTB")(frames.to_atoms()[0])
    assert frames.energy[0] == pytest.approx(first[0], abs=1e-6)  # converted from kcal/mol and back
    with np.load(home / "reference/split.npz") as split:
        pool = split["pool_idx"]
        learned = np.concatenate([split["train_idx"], split["val_idx"], pool])
    assert not set(learned) & set(np.random.default_rng(2).permutation(60)[30:])  # the published test frames
    labels = Frames.from_atoms(read_labels(home / "random-42/round_0/labels.extxyz"))
    assert len(labels) == 6
    known = {positions.tobytes(): i for i, positions in enumerate(frames.positions.reshape(-1, 9, 3))}
    places = [known[positions.tobytes()] for positions in labels.positions.reshape(-1, 9, 3)]
    assert set(places) <= set(pool)
    np.testing.assert_array_equal(labels.energy, frames.energy[places])
    dataset = Frames.load(home / "random-42/round_1/dataset.npz")
    assert len(dataset) == 20
    decision = read(home / "random-42/round_1/decision.json")
    assert decision["figures"]["frames_explored"] == len(pool) - 6  # the pool shrinks by what was labelled
    assert snakemake(tmp_path, from_rmd17(archive), "--dry-run").stdout.count("Nothing to be done") == 1


def test_another_surface_stops_before_any_training(tmp_path: Path, water_file: Path):
    config = from_files([water_file], oracle={"kind": "xtb", "xtb": {"method": "GFN1-xTB"}})
    run = snakemake(tmp_path, config)
    assert run.returncode != 0
    assert "the oracle (GFN1-xTB) and the reference (EMT) differ by" in run.stdout
    assert "oracle_gate.accept_mismatch" in run.stdout
    assert not list(tmp_path.glob("results/own/*/round_0/dataset.npz"))
    assert (tmp_path / "results/own/reference/oracle_check.json").exists()  # what was computed is kept
    accepted = changed(config, oracle_gate={"accept_mismatch": True})
    counts = job_counts(snakemake(tmp_path, accepted, "--dry-run").stdout)
    assert counts["check_reference"] == 1 and "check_oracle" not in counts


def test_leakage_over_the_share_stops_before_any_training(tmp_path: Path, water_file: Path):
    config = from_files([water_file], split=OPEN_GATES | {"leakage_rmsd_A": 0.5, "max_leaked_fraction": 0.1})
    run = snakemake(tmp_path, config, "--keep-going")
    assert run.returncode != 0
    assert "split.max_leaked_fraction" in run.stdout and "10 of 10 test frames" in run.stdout
    assert not list(tmp_path.glob("results/own/*/round_0/dataset.npz"))


BAD = {
    "energy_key": ({"reference__files__energy_key": "REF_energy"}, ["water.xyz", "REF_energy", "dft_energy"]),
    "force_key": ({"reference__files__force_key": "forces"}, ["water.xyz", "forces", "dft_forces"]),
    "energy_unit": ({"reference__files__energy_unit": "Hartree"}, ["water.xyz", "energy_unit", "accept_units"]),
    "force_unit": ({"reference__files__force_unit": "Hartree/Bohr"}, ["water.xyz", "force_unit", "accept_units"]),
    "split": ({"split__train": 1000}, ["split.train", "1000", "30"]),
    "force_cap": ({"reference__curate": {"force_cap_eV_per_A": 1e-6}}, ["reference.curate", "30"]),
    "column": ({"split": OPEN_GATES | {"strategy": "column", "column": "run"}}, ["split.column", "'run'"]),
    "trajectory": ({"split": {"strategy": "trajectory"}}, ["split.strategy", "reference.files.columns"]),
    "element": ({"oracle": {"kind": "pyscf", "pyscf": {"basis": "cc-pVXZ"}}}, ["cc-pVXZ"]),
    "functional": ({"oracle": {"kind": "pyscf", "pyscf": {"functional": "PBEE"}}}, ["PBEE"]),
    "calculator": (
        {"oracle": {"kind": "ase", "ase": {"calculator": "ase.calculators.orka.ORCA", "level_of_theory": "PBE"}}},
        ["ase.calculators.orka"],
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_one_sentence_and_nothing_is_trained(case: str, tmp_path: Path, water_file: Path):
    values, words = BAD[case]
    run = snakemake(tmp_path, from_files([water_file], **values))
    assert run.returncode != 0
    sentences = [line for line in run.stdout.splitlines() if all(word in line for word in words)]
    assert sentences, run.stdout
    assert "  Next: " in run.stdout and "  More: docs/troubleshooting.md#" in run.stdout
    assert "Traceback" not in run.stdout
    assert not list(tmp_path.glob("results/own/*/round_0/dataset.npz"))
    print(f"{case}: {sentences[0].strip()}")  # shown by pytest -rP


def test_a_wrong_hash_is_refused_and_the_recorded_one_is_enforced(tmp_path: Path):
    archive = published(tmp_path)
    run = snakemake(tmp_path, from_rmd17(archive, reference__download__sha256="0" * 64))
    assert run.returncode != 0 and "0000000000" in run.stdout and "sha256" in run.stdout
    target = "results/pool/reference/reference.json"
    assert snakemake(tmp_path, from_rmd17(archive), targets=[target]).returncode == 0
    (tmp_path / "downloads/rmd17.tar.bz2").unlink()
    (tmp_path / "results/pool/reference/raw/published.npz").unlink()
    published(tmp_path, n=61)  # the server has another file now
    run = snakemake(tmp_path, from_rmd17(archive), targets=["results/pool/reference/raw/published.npz"])
    assert run.returncode != 0 and "sha256" in run.stdout


def test_distorted_structures_are_made_for_the_test_set_alone(tmp_path):
    folder = tmp_path / "results/tiny/reference"
    config = changed(TINY, reference__generate__distorted=3)
    run = snakemake(tmp_path, config, targets=["results/tiny/reference/split.npz"])
    assert run.returncode == 0, run.stdout
    made = read_database(folder / "reference.db").columns["made"]
    assert (made == "stretched").sum() == 3 and not (made == "turned").any(), "water has no bond to turn"
    with np.load(folder / "split.npz") as split:
        test, others = split["test_idx"], np.concatenate([split[name] for name in ("train_idx", "val_idx", "pool_idx")])
    assert (made[test] == "stretched").sum() == 3 and (made[others] == "dynamics").all()
