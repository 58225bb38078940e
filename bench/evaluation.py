"""Ways to evaluate a committee of four on a batch of walkers, each beside SchNetPack's modules one after another.

    .venv/bin/python bench/evaluation.py [--walkers 32] [--seconds 4] [--threads 2]

Energies and forces of every member, for ethanol and aspirin, SchNet 128x6 and PaiNN 128x3, all pairs:

    one by one     SchNetPack's modules, one member after another, each pair in both directions
    half filters   the same, the filters of each pair computed once for both directions
    vmap           SchNetPack's modules with the members' weights stacked by torch.func
    compiled       one member after another, energy and its gradient compiled into one function of fixed shapes
    compiled vmap  the same of all members at once
    kernels        what the project does: members stacked, pairs once, filters from tables, compiled sums over pairs

and of a step of dynamics with the kernels, in ms: `neighbours_ms`, finding the pairs anew, which is left out for small
molecules; `integrator_ms`, torch-sim's velocity Verlet without the model. `basis_share` is the share of one by one that
distances, radial basis and cutoff function have: what members could share at most.

The last line is JSON: `<case>_<way>` over `<case>_one_by_one`, which is given in walkers a second.
"""

import argparse
import json
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import dynamics  # sets the path, and warnings aside
import torch
from ase import Atoms, units
from schnetpack import properties
from torch.func import functional_call, grad_and_value, stack_module_state, vmap
from torch_sim.integrators import nve_step
from torch_sim.neighbors import torchsim_nl
from training_step import OncePerPair

from ouroboros.committee import Committee
from ouroboros.evaluation import compiler
from ouroboros.torchsim_model import CommitteeModel, all_pairs
from ouroboros.training.compiled import _compilable, _Energy

Way = Callable[[], Any]


def rate(way: Way, seconds: float) -> float:
    """Calls a second, after two that do not count."""
    way(), way()
    began, calls = time.perf_counter(), 0
    while time.perf_counter() - began < seconds:
        way()
        calls += 1
    return calls / (time.perf_counter() - began)


def batch_of(images: list[Atoms], dtype: torch.dtype) -> dict[str, torch.Tensor]:
    """What SchNetPack takes: every pair, in the order i < j, then the same pairs turned."""
    counts = torch.tensor([len(atoms) for atoms in images])
    first, second = all_pairs(counts)
    low = first < second
    idx_i, idx_j = torch.cat([first[low], second[low]]), torch.cat([second[low], first[low]])
    return {
        properties.Z: torch.cat([torch.tensor(atoms.numbers) for atoms in images]),
        properties.R: torch.cat([torch.tensor(atoms.positions, dtype=dtype) for atoms in images]),
        properties.idx_m: torch.repeat_interleave(torch.arange(len(images)), counts),
        properties.idx_i: idx_i,
        properties.idx_j: idx_j,
        properties.offsets: torch.zeros(len(idx_i), 3, dtype=dtype),
        properties.n_atoms: counts,
        properties.cell: torch.zeros(len(images), 3, 3, dtype=dtype),
    }


def modules_in_turn(members: list[Any], batch: dict[str, torch.Tensor]) -> Way:
    """SchNetPack's own."""
    return lambda: [member(batch | {properties.R: batch[properties.R].clone()})["forces"] for member in members]


def once_per_pair(paths: list[Path]) -> list[Any]:
    """The members, with filter networks that work on one direction of each pair."""
    members = Committee.load(paths).members
    for member in members:
        network: Any = member.representation
        schnet = hasattr(network, "n_filters")
        for owner in network.interactions if schnet else [network]:
            name = "filter_network" if schnet else "filter_net"
            setattr(owner, name, OncePerPair(getattr(owner, name)))
    return members


def functional(members: list[Any], batch: dict[str, torch.Tensor], together: bool, compiled: bool) -> Way:
    """Energy and gradient of each member by torch.func, in turn or together."""
    energies: Any = [_Energy(member) for member in members]
    n_frames = len(batch[properties.n_atoms])

    def energy(positions: torch.Tensor, weights: Any) -> torch.Tensor:
        return functional_call(energies[0], weights, (batch, positions, n_frames)).sum()

    one: Any = grad_and_value(energy)
    stack = stack_module_state(energies)
    function = vmap(one, in_dims=(None, 0)) if together else one
    function = torch.compile(function, fullgraph=True, dynamic=False) if compiled else function
    weights = [{**dict(each.named_parameters()), **dict(each.named_buffers())} for each in energies]

    def evaluate() -> Any:
        with _compilable(), torch.no_grad():
            if together:
                return function(batch[properties.R], {**stack[0], **stack[1]})
            return [function(batch[properties.R], each) for each in weights]

    return evaluate


def basis_alone(members: list[Any], batch: dict[str, torch.Tensor]) -> Way:
    """Distances, radial basis, cutoff function and their backward pass, of each member."""

    def evaluate() -> None:
        for member in members:
            positions, network = batch[properties.R].clone().requires_grad_(), member.representation
            distances = (positions[batch[properties.idx_j]] - positions[batch[properties.idx_i]]).norm(dim=1)
            values = network.radial_basis(distances).sum() + network.cutoff_fn(distances).sum()
            torch.autograd.grad(values, positions)

    return evaluate


def step_parts(committee: Committee, atoms: Atoms, walkers: int, seconds: float) -> dict[str, float]:
    """Milliseconds of what a step does beside the evaluation."""
    model, state = dynamics.start(committee, atoms, walkers)
    answer = model(state)

    class Known(CommitteeModel):
        def forward(self, *_: Any, **__: Any) -> Any:
            return answer

    def integrate() -> None:
        nve_step(state.clone(), Known(committee), dt=0.5 * units.fs)

    def find() -> None:
        torchsim_nl(state.positions, state.row_vector_cell, state.pbc, dynamics.CUTOFF, state.system_idx)

    return {"integrator_ms": 1000 / rate(integrate, seconds), "neighbours_ms": 1000 / rate(find, seconds)}


def measure(paths: list[Path], atoms: Atoms, a: argparse.Namespace) -> dict[str, float]:
    """Walkers a second of one by one, and the others over it."""
    images, fast = dynamics.walkers(atoms, a.walkers), Committee.load(paths)
    members = Committee.load(paths).members
    batch = batch_of(images, fast.dtype)
    model, state = dynamics.start(fast, atoms, a.walkers)
    pairs, cell = model._neighbours(state), state.row_vector_cell
    numbers = state.atomic_numbers.long()
    ways: dict[str, Way] = {
        "one_by_one": modules_in_turn(members, batch),
        "half_filters": modules_in_turn(once_per_pair(paths), batch),
        "vmap": functional(members, batch, together=True, compiled=False),
        "compiled": functional(members, batch, together=False, compiled=True),
        "compiled_vmap": functional(members, batch, together=True, compiled=True),
        "kernels": lambda: fast.evaluate(numbers, state.positions, cell, state.system_idx, pairs),
    }
    found: dict[str, float] = {}
    for name, way in ways.items():
        try:
            found[name] = rate(way, a.seconds) * a.walkers
        except Exception as error:
            print(f"  {name}: {type(error).__name__}: {str(error).splitlines()[0]}", flush=True)
    for name in ("one_by_one", "kernels"):  # again: the machine may have changed its pace
        found[name] = max(found[name], rate(ways[name], a.seconds) * a.walkers)
    ratios = {name: value / found["one_by_one"] for name, value in found.items() if name != "one_by_one"}
    ratios["basis_share"] = found["one_by_one"] / (rate(basis_alone(members, batch), a.seconds) * a.walkers)
    return {"one_by_one": found["one_by_one"]} | ratios | step_parts(fast, atoms, a.walkers, a.seconds / 2)


def main() -> None:
    """Parse, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--walkers", type=int, default=32)
    parser.add_argument("--seconds", type=float, default=4)
    parser.add_argument("--threads", type=int, default=2)
    a = parser.parse_args()
    torch.set_num_threads(a.threads)
    figures: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as temporary:
        os.environ["XDG_CACHE_HOME"] = temporary
        compiler.load_kernels()
        models = {kind: dynamics.write_models(Path(temporary), kind)[0] for kind in dynamics.NETWORKS}
        for name in ("ethanol", "aspirin"):
            for kind, paths in models.items():
                found = measure(paths, dynamics.structures()[name], a)
                figures |= {f"{name}_{kind}_{way}": float(f"{value:.3g}") for way, value in found.items()}
                print(f"{name}, {kind}: " + ", ".join(f"{way} {value:.3g}" for way, value in found.items()), flush=True)
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
