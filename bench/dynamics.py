"""Steps of molecular dynamics a second with a committee of four, beside ASE with stock SchNetPack.

    .venv/bin/python bench/dynamics.py [--steps 100] [--repeats 3] [--threads 2] [--device cpu] [--plot speed.svg]

The same models (untrained, 128 wide, saved as files), constant energy, 0.5 fs, the uncertainty at every step:

    stock     ASE's VelocityVerlet with SchNetPack's SpkEnsembleCalculator, MatScipy neighbour list, one walker
    ours      torch-sim's velocity Verlet with CommitteeModel, 32 walkers (`_vs_stock`) and one (`_single_vs_stock`)
    one by one   the same with SchNetPack's modules, one member after another, as where there are no kernels

    watched       32 walkers as `explore` moves them: every limit watched at every step, a frame kept every tenth

in turn, stock in a process that keeps denormal numbers, `--repeats` times; medians. Besides, the forces of every
member against stock SchNetPack on rattled structures, and the drift of the total energy over 1,000 steps of ours, with
kernels and without. `--plot` draws steps a second against walkers, for 9, 21 and 108 (periodic) atoms. The last line is
JSON:

    <case>_vs_stock, <case>_single_vs_stock: walkers times steps a second of ours over those of stock
    <case>_vs_one_by_one: likewise over SchNetPack's modules in our dynamics, 32 walkers
    <case>_watched_vs_stock: walkers times steps a second of the watched run over those of stock
    <case>_steps_per_s, <case>_single_steps_per_s, <case>_stock_steps_per_s: walkers times steps a second
    max_force_difference_eV_per_A: largest difference to stock SchNetPack of any force component of any member
    <case>_drift_meV_per_atom_per_ps, <case>_one_by_one_drift_...: of the total energy
    setup_s: seconds to compile the kernels, the cache being empty; <case>_stack_s: to stack, tabulate and evaluate once
"""

import argparse
import io
import json
import os
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "workflow_scripts"))
warnings.filterwarnings("ignore")

import ase.io  # noqa: E402
import numpy as np  # noqa: E402
import stock_schnetpack as stock  # noqa: E402
import torch  # noqa: E402
import torch_sim as ts  # noqa: E402
from ase import Atoms, units  # noqa: E402
from ase.build import bulk, molecule  # noqa: E402
from ase.md.velocitydistribution import MaxwellBoltzmannDistribution  # noqa: E402
from ase.md.verlet import VelocityVerlet  # noqa: E402
from torch_sim.integrators import nve_init, nve_step  # noqa: E402
from training import ASPIRIN, NETWORKS  # noqa: E402

from ouroboros.committee import Committee  # noqa: E402
from ouroboros.dynamics import Limits, run_walkers  # noqa: E402
from ouroboros.evaluation import compiler  # noqa: E402
from ouroboros.figure import figure  # noqa: E402
from ouroboros.frames import Frames  # noqa: E402
from ouroboros.models import SETTINGS_ADDED_LATER, build_model, export_schnetpack, save_model  # noqa: E402
from ouroboros.torchsim_model import CommitteeModel  # noqa: E402

CUTOFF, MEMBERS, STEP_FS, TEMPERATURE_K = 5.0, 4, 0.5, 300.0
WALKERS = (1, 8, 32, 128)


def structures() -> dict[str, Atoms]:
    """Ethanol, aspirin and 108 atoms of copper."""
    return {
        "ethanol": molecule("CH3CH2OH"),
        "aspirin": ase.io.read(io.StringIO(ASPIRIN), format="xyz"),
        "copper": bulk("Cu", cubic=True).repeat(3),
    }


def write_models(folder: Path, kind: str) -> tuple[list[Path], list[Path]]:
    """Our model files, and the same models as stock SchNetPack's."""
    width, interactions = NETWORKS[kind]
    settings = SETTINGS_ADDED_LATER | {
        "representation": kind, "n_atom_basis": width, "n_filters": width, "n_interactions": interactions,
        "n_rbf": 20, "cutoff_A": CUTOFF,
    }  # fmt: skip
    ours, theirs = [], []
    for member in range(MEMBERS):
        torch.manual_seed(member)
        ours.append(folder / f"{kind}_{member}.pt")
        theirs.append(folder / f"{kind}_{member}_stock.pt")
        save_model(ours[-1], build_model(settings), settings, np.zeros(100))
        export_schnetpack(ours[-1], theirs[-1])
    return ours, theirs


def load(paths: list[Path], device: str, one_by_one: bool = False) -> Committee:
    """The committee; or one that SchNetPack's modules evaluate."""
    committee = Committee.load(paths, device)
    if one_by_one:
        committee.one_by_one_because = "for comparison"
    return committee


def walkers(atoms: Atoms, n: int) -> list[Atoms]:
    """Rattled copies with velocities."""
    copies = []
    for seed in range(n):
        copies.append(atoms.copy())
        copies[-1].rattle(0.03, seed=seed)
        MaxwellBoltzmannDistribution(copies[-1], temperature_K=TEMPERATURE_K, rng=np.random.default_rng(seed))
    return copies


def run_stock(models: list[Path], atoms: Atoms, device: str, steps: int) -> float:
    """Steps a second of one walker."""
    walker = walkers(atoms, 1)[0]
    walker.calc = stock.ensemble_calculator(models, CUTOFF, device)
    dynamics = VelocityVerlet(walker, timestep=STEP_FS * units.fs)
    dynamics.run(5)
    began = time.perf_counter()
    for _ in range(steps):
        dynamics.run(1)
        assert np.isfinite(walker.calc.get_uncertainty(walker)).all()
    return steps / (time.perf_counter() - began)


def start(committee: Committee, atoms: Atoms, n: int) -> tuple[CommitteeModel, ts.integrators.MDState]:
    """Model and state of n walkers."""
    model, images = CommitteeModel(committee), walkers(atoms, n)
    state = ts.initialize_state(images, model.device, model.dtype)
    state.momenta = torch.tensor(np.concatenate([image.get_momenta() for image in images]), device=model.device)
    return model, nve_init(state, model, kT=torch.tensor(TEMPERATURE_K * units.kB, device=model.device))


def run_ours(committee: Committee, atoms: Atoms, n: int, steps: int) -> float:
    """Walkers times steps a second."""
    model, state = start(committee, atoms, n)
    for _ in range(3):
        state = nve_step(state, model, dt=STEP_FS * units.fs)
    began = time.perf_counter()
    for _ in range(steps):
        state = nve_step(state, model, dt=STEP_FS * units.fs)
        assert bool(state.max_force_std.isfinite().all())
    return n * steps / (time.perf_counter() - began)


def run_watched(committee: Committee, atoms: Atoms, n: int, steps: int) -> float:
    """Walkers times steps a second through `run_walkers`, with all limits, none of which stops a walker here."""
    limits = Limits(hard_limit=1e9, max_energy_jump=1e9, max_temperature_factor=1e9, stop_at_bond_change=False)
    settings = {
        "temperatures_K": TEMPERATURE_K, "timestep_fs": STEP_FS, "stride": 10, "limits": limits,
        "rng": np.random.default_rng(0),
    }  # fmt: skip
    began = time.perf_counter()
    run_walkers(walkers(atoms, n), committee, steps=3, **settings)
    warm = time.perf_counter() - began
    walks = run_walkers(walkers(atoms, n), committee, steps=steps + 3, **settings)
    assert all(walk.survived for walk in walks)
    return n * steps / (time.perf_counter() - began - 2 * warm)


def drift(committee: Committee, atoms: Atoms, steps: int = 1000) -> float:
    """Slope of the total energy of one walker, meV an atom and ps."""
    model, state = start(committee, atoms, 1)
    totals = []
    for _ in range(steps):
        state = nve_step(state, model, dt=STEP_FS * units.fs)
        totals.append(float(state.energy.sum() + (state.momenta.square().sum(1) / state.masses).sum() / 2))
    slope = np.polyfit(np.arange(steps), totals, 1)[0]
    return float(slope / len(atoms) * 1000 / (STEP_FS / 1000))


def force_difference(ours: Committee, theirs: list[Path], atoms: Atoms, device: str) -> float:
    """The largest of any member on four rattled structures, eV/Å."""
    images, largest = walkers(atoms, 4), 0.0
    forces = ours.predict(Frames.from_atoms(images)).member_forces
    for model, found in zip(theirs, forces, strict=True):
        calculator = stock.single_calculator(model, CUTOFF, device)
        expected = np.concatenate([calculator.get_forces(image) for image in images])
        largest = max(largest, float(np.abs(found - expected).max()))
    return largest


def compare(sides: dict[str, Callable[[], float]], repeats: int) -> dict[str, float]:
    """Median of each side, in turn."""
    rates: dict[str, list[float]] = {name: [] for name in sides}
    for _ in range(repeats):
        for name, side in sides.items():
            rates[name].append(side())
        print("  " + ", ".join(f"{name} {values[-1]:.0f}/s" for name, values in rates.items()), flush=True)
    return {name: float(np.median(values)) for name, values in rates.items()}


def measure(case: str, models: tuple[list[Path], list[Path]], atoms: Atoms, a: argparse.Namespace) -> dict[str, float]:
    """Figures of one case."""
    ours, theirs = models
    fast, slow = load(ours, a.device), load(ours, a.device, one_by_one=True)
    began = time.perf_counter()
    fast.predict(Frames.from_atoms([atoms]))
    took = time.perf_counter() - began
    difference = force_difference(fast, theirs, atoms, a.device)
    print(f"{case}: {fast.one_by_one_because or 'kernels'}, forces differ by {difference:.1e} eV/Å", flush=True)
    plain = stock.process(a.threads)
    sides = {
        "stock": lambda: plain.submit(run_stock, theirs, atoms, a.device, a.steps).result(),
        "32 walkers": lambda: run_ours(fast, atoms, 32, a.steps),
        "one walker": lambda: run_ours(fast, atoms, 1, a.steps),
        "watched": lambda: run_watched(fast, atoms, 32, a.steps),
        "one by one, 32 walkers": lambda: run_ours(slow, atoms, 32, max(3, a.steps // 10)),
    }
    rates = compare(sides, a.repeats)
    plain.shutdown()
    return {
        "vs_stock": rates["32 walkers"] / rates["stock"],
        "single_vs_stock": rates["one walker"] / rates["stock"],
        "watched_vs_stock": rates["watched"] / rates["stock"],
        "vs_one_by_one": rates["32 walkers"] / rates["one by one, 32 walkers"],
        "steps_per_s": rates["32 walkers"],
        "single_steps_per_s": rates["one walker"],
        "stock_steps_per_s": rates["stock"],
        "drift_meV_per_atom_per_ps": drift(fast, atoms),
        "one_by_one_drift_meV_per_atom_per_ps": drift(slow, atoms),
        "stack_s": took,
        "force_difference": difference,
    }


def plot(models: dict[str, tuple[list[Path], list[Path]]], a: argparse.Namespace) -> None:
    """Walkers times steps a second against walkers, for three systems and both networks."""
    names = {"schnet": "SchNet 128×6", "painn": "PaiNN 128×3"}
    with stock.process(a.threads) as plain, figure(a.plot, columns=2, width=4.2) as panels:
        for axes, (kind, (ours, theirs)) in zip(panels, models.items(), strict=True):
            committee = load(ours, a.device)
            for number, (name, atoms) in enumerate(structures().items()):
                rates = [run_ours(committee, atoms, n, max(3, min(a.steps, 2000 // (n * len(atoms))))) for n in WALKERS]
                label = f"{name}, {len(atoms)} atoms" + (" (periodic)" if atoms.pbc.any() else "")
                axes.loglog(WALKERS, rates, "o-", color=f"C{number}", label=label)
                alone = plain.submit(run_stock, theirs, atoms, a.device, max(3, a.steps // 5)).result()
                axes.axhline(alone, color=f"C{number}", linestyle=":", linewidth=1.2)
            axes.set(title=names[kind], xlabel="walkers", ylabel="walkers × steps a second")
            axes.set_xticks(WALKERS, [str(n) for n in WALKERS], minor=False)
            axes.minorticks_off()
        panels[0].plot([], [], ":", color="#888888", label="stock SchNetPack in ASE")
        panels[0].legend(fontsize=8)


def main() -> None:
    """Parse, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=100)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--plot", type=Path, help="draw the throughput into this SVG, and measure nothing else")
    a = parser.parse_args()
    torch.set_num_threads(a.threads)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        os.environ["XDG_CACHE_HOME"] = temporary
        models = {kind: write_models(folder, kind) for kind in NETWORKS}
        if a.plot:
            plot(models, a)
            return
        began = time.perf_counter()
        try:
            compiler.load_kernels()
        except compiler.KernelsMissing as reason:
            print(f"SchNetPack evaluates the members one by one, as {reason}")
        figures = {"setup_s": time.perf_counter() - began}
        for name in ("ethanol", "aspirin"):
            for kind in NETWORKS:
                found = measure(f"{name}_{kind}", models[kind], structures()[name], a)
                figures |= {f"{name}_{kind}_{what}": value for what, value in found.items()}
        differences = [figures.pop(key) for key in list(figures) if key.endswith("force_difference")]
        for kind, (ours, theirs) in models.items():
            crystal = structures()["copper"]
            differences.append(force_difference(load(ours, a.device), theirs, crystal, a.device))
            print(f"copper_{kind}: forces differ by {differences[-1]:.1e} eV/Å")
    rounded = {name: float(f"{value:.4g}") for name, value in figures.items()}
    print(json.dumps(rounded | {"max_force_difference_eV_per_A": float(f"{max(differences):.2g}")}))


if __name__ == "__main__":
    main()
