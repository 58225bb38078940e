"""What `make doctor` tells: sound where things are sound, a fault with its fix where they are not."""

import os
import platform
import subprocess
import sys
from collections import namedtuple

import psutil
import pytest

from ouroboros import doctor, installation, machine
from ouroboros.findings import FAULT, NOTE, OK, Finding, as_text


@pytest.fixture
def nvidia_smi(tmp_path, monkeypatch):
    """A driver that says which CUDA it knows."""

    def install(cuda):
        program = tmp_path / "nvidia-smi"
        program.write_text(f"#!/bin/sh\necho '| NVIDIA-SMI 550.54  Driver Version: 550.54  CUDA Version: {cuda}  |'\n")
        program.chmod(0o755)
        monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")

    return install


def test_what_is_installed_here_is_what_the_lock_says():
    assert installation.python_finding().state == OK
    found = installation.lock_finding()
    assert found.state == OK, found
    assert "schnetpack 2.2.0" in found.found


def test_another_version_and_a_missing_package_are_named(tmp_path, monkeypatch):
    (tmp_path / "requirements.lock").write_text(
        "# renewed\nase==3.22.1  # via us\nnot-there==1.0\nwinonly==1 ; sys_platform == 'win32'\n"
    )
    monkeypatch.setattr(installation, "PROJECT", tmp_path)
    found = installation.lock_finding()
    assert found.state == FAULT
    assert "(3.22.1)" in found.found and "not-there missing (1.0)" in found.found
    assert "winonly" not in found.found
    assert "make env" in found.fix


def test_in_an_environment_of_fewer_packages_a_missing_one_is_no_fault(tmp_path, monkeypatch):
    (tmp_path / "requirements.lock").write_text(f"ase=={installation.installed_version('ase')}\nnot-there==1.0\n")
    monkeypatch.setattr(installation, "PROJECT", tmp_path)
    assert installation.lock_finding(whole=False).state == OK


def test_another_python_is_a_fault(tmp_path, monkeypatch):
    (tmp_path / ".python-version").write_text("3.9\n")
    monkeypatch.setattr(installation, "PROJECT", tmp_path)
    assert installation.python_finding().state == FAULT
    assert platform.python_version() in installation.python_finding().found


def test_the_package_list_is_that_of_pip():
    listed = subprocess.run([sys.executable, "-m", "pip", "freeze", "--all"], capture_output=True, text=True)
    if listed.returncode:  # .venv made by uv holds no pip
        listed = subprocess.run(["uv", "pip", "freeze", "--python", sys.executable], capture_output=True, text=True)
    if listed.returncode:
        pytest.skip("neither pip nor uv can list what is installed")
    theirs = {line.lower().replace("_", "-") for line in listed.stdout.split() if "==" in line}
    assert theirs <= set(installation.installed_packages())
    assert len(theirs) > 100


def test_a_machine_without_driver_runs_on_the_cpu_and_is_told_so(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    found = installation.gpu_finding()
    assert found.state == NOTE and "no driver" in found.found and "device: cpu" in found.fix


@pytest.mark.parametrize(
    ("driver", "build", "visible", "state", "words", "fix"),
    [
        ("99.0", "13.2", "", NOTE, "hidden: CUDA_VISIBLE_DEVICES is ''", "unset"),
        ("99.0", None, None, NOTE, "built without CUDA", "UV_TORCH_BACKEND=auto"),
        ("12.4", "13.2", None, FAULT, "knows CUDA 12.4, torch is built for 13.2", "newer driver"),
        ("99.0", "13.2", None, FAULT, "sees none, though the driver", "--nv"),
    ],
)
def test_a_gpu_that_cannot_be_used_is_told_with_its_reason(
    monkeypatch, nvidia_smi, driver, build, visible, state, words, fix
):
    import torch

    if torch.cuda.is_available():
        pytest.skip("this machine has a GPU that works")
    nvidia_smi(driver)
    monkeypatch.setattr(torch.version, "cuda", build)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    if visible is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    found = installation.gpu_finding()
    assert found.state == state
    assert words in found.found and fix in found.fix


def test_a_missing_compiler_is_a_note(monkeypatch):
    from ouroboros.evaluation.compiler import load_kernels

    monkeypatch.setenv("CXX", "no-such-compiler")
    load_kernels.cache_clear()
    found = installation.compiler_finding()
    load_kernels.cache_clear()
    assert found.state == NOTE and "no-such-compiler" in found.found


def test_little_memory_and_disk_are_told(monkeypatch):
    Memory, Disk = namedtuple("Memory", "available total"), namedtuple("Disk", "free")
    monkeypatch.setattr(psutil, "virtual_memory", lambda: Memory(machine.GIB, 8 * machine.GIB))
    monkeypatch.setattr(psutil, "disk_usage", lambda folder: Disk(machine.GIB))
    assert machine.memory_finding().state == NOTE
    assert machine.results_finding().state == FAULT
    assert machine.scratch_finding().state == FAULT


@pytest.mark.parametrize(("kind", "state"), [("ext4", OK), ("nfs4", NOTE), ("lustre", NOTE)])
def test_a_shared_file_system_is_told(monkeypatch, tmp_path, kind, state):
    Mount = namedtuple("Mount", "mountpoint fstype")
    mounts = [Mount("/", "overlay"), Mount(str(tmp_path.resolve()), kind)]
    monkeypatch.setattr(psutil, "disk_partitions", lambda all: mounts)
    monkeypatch.setenv("PYSCF_TMPDIR", str(tmp_path))
    inside = tmp_path / "results/demo"
    inside.mkdir(parents=True)
    assert machine.file_system(inside) == kind
    assert machine.file_system("/") == "overlay"
    assert machine.results_finding(inside).state == machine.scratch_finding().state == state


def test_xtb_works_here():
    found = doctor.oracle_finding("GFN2-xTB", **doctor.SINGLE_POINTS["GFN2-xTB"])
    assert found.state == OK, found


def test_pbe_works_here():
    found = doctor.oracle_finding("PBE/def2-SVP", **doctor.SINGLE_POINTS["PBE/def2-SVP"])
    assert found.state == OK, found


def test_an_oracle_that_gives_another_energy_is_a_fault():
    found = doctor.oracle_finding("GFN1-xTB", {"kind": "xtb", "method": "GFN1-xTB"}, energy=-137.9678)
    assert found.state == FAULT and "-137.9678 is to come out" in found.found


def test_an_oracle_that_cannot_run_is_a_fault_with_its_own_words():
    found = doctor.oracle_finding(
        "ase", {"kind": "ase", "calculator": "no.such.Calculator", "level_of_theory": "x"}, energy=0.0
    )
    assert found.state == FAULT and "no.such" in found.found


def test_an_oracle_that_kills_its_process_is_a_line_like_another(tmp_path, monkeypatch):
    (tmp_path / "crashing.py").write_text("import os\nos.abort()\n")
    monkeypatch.syspath_prepend(tmp_path)
    found = doctor.oracle_finding(
        "ase", {"kind": "ase", "calculator": "crashing.Calculator", "level_of_theory": "x"}, energy=0.0
    )
    assert found.state == FAULT and "crashed" in found.found


def test_a_fault_without_a_fix_cannot_be_told():
    with pytest.raises(ValueError, match="no fix"):
        Finding("GPU", FAULT, "none")


def test_the_fix_stands_below_its_line():
    text = as_text([Finding("a", OK, "good"), Finding("longer", FAULT, "bad", "do this")])
    assert text.splitlines() == ["ok     a       good", "fault  longer  bad", "               -> do this"]


def test_an_oracle_that_does_not_answer_is_a_line_like_another(tmp_path, monkeypatch):
    (tmp_path / "hanging.py").write_text("import time\ntime.sleep(600)\n")
    monkeypatch.syspath_prepend(tmp_path)
    settings = {"kind": "ase", "calculator": "hanging.Calculator", "level_of_theory": "x"}
    found = doctor.oracle_finding("ase", settings, energy=0.0, time_limit_s=5)
    assert found.state == FAULT and "in 5 s" in found.found


def test_an_oracle_that_is_not_installed_is_a_note(monkeypatch):
    monkeypatch.setitem(doctor.PACKAGES, "xtb", "no_such_package")
    found = doctor.oracle_finding("GFN2-xTB", {"kind": "xtb"}, energy=0.0)
    assert found.state == NOTE and "no_such_package is not installed" in found.found


def test_what_cannot_be_looked_at_stops_nothing(monkeypatch, tmp_path):
    monkeypatch.setenv("PYSCF_TMPDIR", str(tmp_path / "missing"))
    found = {finding.subject: finding for finding in doctor.examine()}
    assert found["scratch"].state == NOTE and "missing" in found["scratch"].found
    assert len(found) == 8


def test_memory_is_what_the_tightest_control_group_has_left(tmp_path):
    process, job = tmp_path / "cgroup", tmp_path / "root/slurm/job_7"
    job.mkdir(parents=True)
    process.write_text("0::/slurm/job_7\n")
    assert machine.memory_left(tmp_path / "root", process) is None
    for folder, limit, used in ((job, "max", 5), (job.parent, "4000000000", 1000000000)):
        (folder / "memory.max").write_text(f"{limit}\n")
        (folder / "memory.current").write_text(f"{used}\n")
    assert machine.memory_left(tmp_path / "root", process) == 3_000_000_000
