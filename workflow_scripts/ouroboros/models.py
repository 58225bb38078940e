"""SchNetPack potentials: built from plain settings, stored as weights and settings, exported for other tools."""

import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import schnetpack as spk
import torch
from schnetpack import properties
from schnetpack.md.utils import activate_model_stress

# Radial functions of far pairs are below 1e-38, and on Intel's cores each such number costs some hundred cycles: as
# zeros they cost nothing, and a training takes half the time. Set before the threads begin, which take it over.
torch.set_flush_denormal(True)

FORMAT = 1
RADIAL_BASES = {"gaussian": spk.nn.GaussianRBF, "bessel": spk.nn.BesselRBF}
CUTOFF_FUNCTIONS = {"cosine": spk.nn.CosineCutoff, "mollifier": spk.nn.MollifierCutoff}
SETTINGS_ADDED_LATER = {  # what model files of before mean
    "radial_basis": "gaussian",
    "cutoff_function": "cosine",
    "shared_interactions": False,
    "shared_filters": False,
    "output_layers": 2,
    "output_hidden": None,
}


def build_model(settings: dict[str, Any], stress: bool = False) -> spk.model.NeuralNetworkPotential:
    """An untrained potential that gives `energy` (eV, less the atomic offsets) and `forces` (eV/Å).

    Args:
        settings: the `model` section of the config; keys of other networks than its `representation` are not used.
        stress: give `stress` (eV/Å³) of periodic cells too; it is a derivative and needs no weights of its own.

    It takes SchNetPack's input dictionary, positions (n_atoms, 3) in Å among it, and gives energies (n_frames,), forces
    (n_atoms, 3) and stress (n_frames, 3, 3). The networks are SchNetPack's own:

    - SchNet: Schütt, Sauceda, Kindermans, Tkatchenko, Müller, J. Chem. Phys. 148, 241722 (2018)
    - PaiNN: Schütt, Unke, Gastegger, ICML 2021, arXiv:2102.03150
    - SO3net: as in SchNetPack 2.0, Schütt, Hessmann, Gebauer, Lederer, Gastegger, J. Chem. Phys. 158, 144801 (2023)

    Raises:
        ValueError: `representation` names no such network.
    """
    cutoff, width = settings["cutoff_A"], settings["n_atom_basis"]
    common = {
        "n_atom_basis": width,
        "n_interactions": settings["n_interactions"],
        "radial_basis": RADIAL_BASES[settings["radial_basis"]](n_rbf=settings["n_rbf"], cutoff=cutoff),
        "cutoff_fn": CUTOFF_FUNCTIONS[settings["cutoff_function"]](cutoff),
        "shared_interactions": settings["shared_interactions"],
    }
    match settings["representation"]:
        case "painn":
            representation = spk.representation.PaiNN(**common, shared_filters=settings["shared_filters"])
        case "schnet":
            representation = spk.representation.SchNet(**common, n_filters=settings["n_filters"])
        case "so3net":
            representation = spk.representation.SO3net(**common, lmax=settings["lmax"])
        case other:
            raise ValueError(f"unknown representation {other!r}: painn, schnet and so3net can be built")
    sizes = {"n_hidden": settings["output_hidden"], "n_layers": settings["output_layers"]}
    energy = spk.atomistic.Atomwise(width, output_key=properties.energy, **sizes)
    model = spk.model.NeuralNetworkPotential(
        representation,
        input_modules=[spk.atomistic.PairwiseDistances()],
        output_modules=[energy, spk.atomistic.Forces()],
        postprocessors=[],
    )
    return activate_model_stress(model, properties.stress) if stress else model


def save_model(path: str | Path, model: torch.nn.Module, settings: dict[str, Any], offsets: np.ndarray) -> None:
    """Write weights, settings and energy offsets; nothing in the file runs when it is read."""
    stored = {
        "format": FORMAT,
        "settings": dict(settings),
        "energy_offsets_eV": torch.tensor(offsets, dtype=torch.float64),
        "state_dict": {name: tensor.detach().cpu().clone() for name, tensor in model.state_dict().items()},
    }
    torch.save(stored, path)


def load_model(path: str | Path) -> tuple[spk.model.NeuralNetworkPotential, dict[str, Any], np.ndarray]:
    """Read a `model.pt`: the potential in evaluation mode, its settings, and (100,) energy offsets in eV.

    The potential has the precision that it was trained in.

    Raises:
        ValueError: the file is no model of this project, or of a later format.
    """
    try:
        stored = torch.load(path, map_location="cpu", weights_only=True)
        version = dict(stored)["format"]
    except (pickle.UnpicklingError, KeyError, TypeError, ValueError, RuntimeError, OSError, EOFError) as error:
        raise ValueError(f"{path} is not an Ouroboros model file ({type(error).__name__}); train it again") from error
    if version != FORMAT:
        raise ValueError(f"{path} has model format {version}, this version reads {FORMAT}; update Ouroboros")
    model = build_model(SETTINGS_ADDED_LATER | stored["settings"])
    model.to(next(iter(stored["state_dict"].values())).dtype).load_state_dict(stored["state_dict"])
    return model.eval(), SETTINGS_ADDED_LATER | stored["settings"], stored["energy_offsets_eV"].numpy()


def export_schnetpack(path: str | Path, destination: str | Path) -> None:
    """Write a `model.pt` as a stock SchNetPack model file, energy offsets included.

    SchNetPack's SpkCalculator, `spkpredict` and `spkdeploy` read it. Such a file is a pickle: load only what you
    trust.
    """
    model, _, offsets = load_model(path)
    add_offsets = spk.transform.AddOffsets(
        properties.energy, add_atomrefs=True, atomrefs=torch.tensor(offsets, dtype=torch.float64)
    )
    model.postprocessors = torch.nn.ModuleList([spk.transform.CastTo64(), add_offsets])
    torch.save(model, destination)


def export_torchscript(stock: str | Path, destination: str | Path) -> None:
    """Write a stock SchNetPack model file as TorchScript, by SchNetPack's own `spkdeploy`: for LAMMPS and C++.

    Raises:
        RuntimeError: it did not work, with what it said last.
    """
    command = [sys.executable, str(Path(sys.executable).with_name("spkdeploy")), str(stock), str(destination)]
    run = subprocess.run(command, capture_output=True, text=True)
    if run.returncode:
        said = run.stderr.strip().splitlines() or ["it said nothing"]
        raise RuntimeError(f"SchNetPack's spkdeploy could not write {destination}: {said[-1]}")
