"""Whether what is installed is what was tested: Python, the packages of the lock, torch's build, the compiler."""

import os
import platform
import re
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, distributions, version
from pathlib import Path

from .findings import FAULT, NOTE, OK, Finding

PROJECT = Path(__file__).parents[2]
MAIN = ("schnetpack", "torch", "pytorch-lightning", "torch-sim-atomistic", "ase", "snakemake", "tblite", "pyscf")
SMI_TIMEOUT_S = 60


def installed_packages() -> list[str]:
    """Every installed package as `name==version`, as `pip freeze` has them."""
    found = {(each.name.lower().replace("_", "-"), each.version) for each in distributions() if each.name}
    return [f"{name}=={number}" for name, number in sorted(found)]


def main_versions() -> dict[str, str]:
    """The versions of the packages that numbers come from, as far as they are installed."""
    return {name: number for name in MAIN if (number := installed_version(name))}


def installed_version(name: str) -> str | None:
    """The version of an installed package."""
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def python_finding() -> Finding:
    """This Python against the one that the lock was made for."""
    here, wanted = platform.python_version(), _read(".python-version").strip()
    if not wanted or here.startswith(f"{wanted}."):
        return Finding("Python", OK, f"{here}, {sys.executable}")
    return Finding("Python", FAULT, f"{here}, but {wanted} is what everything is tested with", "make env")


def lock_finding(whole: bool = True) -> Finding:
    """The installed packages against requirements.lock.

    Args:
        whole: a package that is missing is a fault too.
    """
    from packaging.requirements import Requirement

    lines = [line.split("#")[0].strip() for line in _read("requirements.lock").splitlines()]
    pins = [pin for pin in map(Requirement, filter(None, lines)) if not pin.marker or pin.marker.evaluate()]
    if not pins:
        return Finding("packages", NOTE, "no requirements.lock beside the library", "compare versions by hand")
    pairs = [(pin.name, installed_version(pin.name), str(pin.specifier).removeprefix("==")) for pin in pins]
    others = [
        f"{name} {here or 'missing'} ({wanted})"
        for name, here, wanted in pairs
        if (whole and here is None) or (here and here.split("+")[0] != wanted)  # torch's builds differ after the plus
    ]
    if others:
        told = ", ".join(others[:8]) + (f" and {len(others) - 8} more" if len(others) > 8 else "")
        return Finding("packages", FAULT, f"other than in requirements.lock: {told}", "rm .venv/.installed; make env")
    main = ", ".join(f"{name} {number}" for name, number in main_versions().items())
    return Finding("packages", OK, f"{sum(bool(here) for _, here, _ in pairs)} as in requirements.lock: {main}")


def gpu_finding() -> Finding:
    """Whether torch can use a GPU, and if not, why."""
    import torch

    driver, build = driver_cuda(), torch.version.cuda
    if torch.cuda.is_available():
        names = ", ".join(torch.cuda.get_device_name(n) for n in range(torch.cuda.device_count()))
        try:
            torch.ones(2, device="cuda").sum().item()
        except RuntimeError as error:  # a device in exclusive use, or one that this build has no code for
            what = f"{names}: seen, but a sum fails ({str(error).splitlines()[0]})"
            return Finding("GPU", FAULT, what, "see with nvidia-smi who uses it; UV_TORCH_BACKEND names another build")
        return Finding("GPU", OK, f"{names}; torch is built for CUDA {build}, the driver knows {driver}")
    if driver is None:
        what = f"none: nvidia-smi finds no driver (torch is built for {f'CUDA {build}' if build else 'the CPU'})"
        return Finding("GPU", NOTE, what, "device: cpu in the config; on a machine with a GPU install NVIDIA's driver")
    hidden = os.environ.get("CUDA_VISIBLE_DEVICES")
    if hidden is not None and hidden.split(",")[0].strip() in ("", "-1"):
        return Finding("GPU", NOTE, f"hidden: CUDA_VISIBLE_DEVICES is {hidden!r}", "unset CUDA_VISIBLE_DEVICES")
    anew = "rm -r .venv; make env (UV_TORCH_BACKEND=auto picks the build for this driver)"
    if build is None:
        return Finding("GPU", NOTE, "torch is built without CUDA, though there is a driver", anew)
    if _number(build) > _number(driver):
        what = f"the driver knows CUDA {driver}, torch is built for {build}"
        return Finding("GPU", FAULT, what, f"a newer driver, or {anew}")
    what = f"torch (CUDA {build}) sees none, though the driver (CUDA {driver}) runs"
    return Finding("GPU", FAULT, what, "see what nvidia-smi and dmesg say; in a container: --gpus all, or --nv")


def driver_cuda() -> str | None:
    """The newest CUDA that the graphics driver knows, as nvidia-smi tells; None where there is none."""
    try:
        told = subprocess.run(["nvidia-smi"], capture_output=True, text=True, timeout=SMI_TIMEOUT_S, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        return None
    found = re.search(r"CUDA(?: UMD)? Version: *([0-9.]+)", told)
    return found[1] if found else None


def compiler_finding() -> Finding:
    """Whether the kernels of dynamics can be compiled and loaded; training's compiled step needs a compiler too."""
    from .evaluation.compiler import KernelsMissing, load_kernels

    try:
        load_kernels()
    except KernelsMissing as error:
        slow = "dynamics is some five times slower without, long trainings take twice as long"
        fix = "install one (Debian: g++; macOS: xcode-select --install), or name it in CXX"
        return Finding("C++ compiler", NOTE, f"{error}: {slow}", fix)
    return Finding("C++ compiler", OK, "the kernels of dynamics are compiled and load")


def _read(name: str) -> str:
    path = PROJECT / name
    return path.read_text(encoding="utf-8") if path.exists() else ""


def _number(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split("."))
