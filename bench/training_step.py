"""Ways to make the training step faster, each beside SchNetPack's own step, on ready batches and one thread.

    .venv/bin/python bench/training_step.py [--seconds 8] [--frames 100]

Each variant takes gradients of the same loss on the same batches of ten frames of ethanol (rMD17, ../shared), without
loader, Lightning and optimiser. Samples a second, members times frames where several are trained at once:

    eager          SchNetPack's modules, backward through backward
    compiled       what `training.compile` does: one graph of fixed shapes
    dynamic        the same graph, compiled for any shape
    half filters   the filters of each pair computed once for both directions, compiled
    stacked        two members in one graph by torch.func.vmap, compiled

The last line is JSON: `<network>_<variant>` over `<network>_eager`, which is given in samples a second.
"""

import argparse
import json
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "workflow_scripts"))
warnings.filterwarnings("ignore")

import ase  # noqa: E402
import rmd17  # noqa: E402
import torch  # noqa: E402
from schnetpack import properties  # noqa: E402
from torch.func import grad_and_value, vmap  # noqa: E402

from ouroboros.config import load_experiment  # noqa: E402
from ouroboros.energy_baseline import fit_energy_offsets  # noqa: E402
from ouroboros.frames import Frames  # noqa: E402
from ouroboros.graphs import GraphLoader, Graphs  # noqa: E402
from ouroboros.models import build_model  # noqa: E402
from ouroboros.training.compiled import CompiledStep, _compilable  # noqa: E402
from ouroboros.training.force_matching import ForceMatching  # noqa: E402

CUTOFF, ALL_PAIRS, BATCH = 5.0, 10.0, 10  # every pair, so that no batch is filled up and its halves stay halves
NETWORKS = {"schnet": {"n_interactions": 6}, "painn": {"n_interactions": 3}}


class OncePerPair(torch.nn.Module):
    """A filter network that works on the first half of the pairs; the second half are the same, turned."""

    def __init__(self, filters: torch.nn.Module):
        super().__init__()
        self.filters = filters

    def forward(self, basis: torch.Tensor) -> torch.Tensor:
        """(n_pairs, n_filters) from (n_pairs, n_rbf)."""
        half = self.filters(basis[: len(basis) // 2])
        return torch.cat([half, half])


def halves_apart(batch: dict[str, Any]) -> dict[str, Any]:
    """The batch with its pairs in the order i < j, then the same pairs turned."""
    idx_i, idx_j = batch[properties.idx_i], batch[properties.idx_j]
    low = idx_i < idx_j
    ends = torch.cat([idx_i[low], idx_j[low]]), torch.cat([idx_j[low], idx_i[low]])
    return batch | {properties.idx_i: ends[0], properties.idx_j: ends[1]}


def task_for(network: str, once_per_pair: bool = False) -> ForceMatching:
    """A member with the loss of the default settings."""
    config = load_experiment({"model": {"representation": network, **NETWORKS[network]}})
    torch.manual_seed(0)
    model = build_model(config["model"])
    if once_per_pair:
        owners = model.representation.interactions if network == "schnet" else [model.representation]
        name = "filter_network" if network == "schnet" else "filter_net"
        for owner in owners:
            setattr(owner, name, OncePerPair(getattr(owner, name)))
    return ForceMatching(model, config["training"], 1000)


def rate(
    step: Callable[[dict[str, Any]], Any], batches: list[dict[str, Any]], seconds: float, members: int = 1
) -> float:
    """Samples a second, after five steps that do not count."""
    began = done = 0.0
    for number in range(10**9):
        batch = batches[number % len(batches)]
        step(batch)
        if number == 4:
            began = time.perf_counter()
        elif number > 4:
            done += members * len(batch[properties.energy])
            if time.perf_counter() - began > seconds:
                break
    return done / (time.perf_counter() - began)


def compiled(task: ForceMatching, batches: list[dict[str, Any]]) -> CompiledStep:
    """The compiled step for these batches."""
    atoms, pairs = (max(len(batch[name]) for batch in batches) for name in (properties.Z, properties.idx_i))
    return CompiledStep(task, BATCH, atoms, pairs, CUTOFF)


def stacked(task: ForceMatching, batches: list[dict[str, Any]], members: int) -> Callable[[dict[str, Any]], Any]:
    """A step of several members, whose weights are stacked; here all start from the same."""
    step = compiled(task, batches)
    weights = tuple(torch.stack([w.detach() * (1 + 0.01 * m) for m in range(members)]) for w in step._weights)

    def loss(stack: tuple[torch.Tensor, ...], batch: dict[str, torch.Tensor]) -> torch.Tensor:
        return vmap(lambda each: step._loss(each, batch, 1)[0])(stack).sum()

    function = torch.compile(grad_and_value(loss), fullgraph=True, dynamic=False)

    def run(batch: dict[str, Any]) -> Any:
        with _compilable():
            return function(weights, step._filled_up(batch))

    return run


def measure(network: str, images: list[ase.Atoms], seconds: float) -> dict[str, float]:
    """Samples a second of each variant."""
    frames = Frames.from_atoms(images)
    batches = [
        halves_apart(batch) for batch in GraphLoader(Graphs(frames, ALL_PAIRS, fit_energy_offsets(frames)), BATCH)
    ]
    task, once = task_for(network), task_for(network, once_per_pair=True)
    dynamic = compiled(task, batches)
    dynamic._function = torch.compile(grad_and_value(dynamic._loss, has_aux=True), fullgraph=True, dynamic=True)

    def eager(batch: dict[str, Any]) -> None:
        task.eager_step(batch)[0].backward()

    variants: dict[str, tuple[Callable[[dict[str, Any]], Any], int]] = {
        "eager": (eager, 1),
        "compiled": (compiled(task, batches), 1),
        "dynamic": (dynamic, 1),
        "half_filters": (compiled(once, batches), 1),
        "stacked": (stacked(task, batches, 2), 2),
    }
    found = {}
    for name, (step, members) in variants.items():
        try:
            found[name] = rate(step, batches, seconds, members)
            print(f"{network}, {name}: {found[name]:.0f} samples/s", flush=True)
        except Exception as error:
            print(f"{network}, {name}: {type(error).__name__}: {str(error).splitlines()[0]}", flush=True)
    return found


def main() -> None:
    """Parse, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=8)
    parser.add_argument("--frames", type=int, default=100)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    images = rmd17.images("train.xyz", f":{arguments.frames}")
    figures: dict[str, float] = {}
    for network in NETWORKS:
        found = measure(network, images, arguments.seconds)
        figures[f"{network}_eager"] = round(found["eager"], 1)
        figures |= {
            f"{network}_{name}": round(value / found["eager"], 3) for name, value in found.items() if name != "eager"
        }
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
