"""Checks of the oracle and of the molecule that it is asked to compute."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ase import Atoms

from ..molecules import resolve_molecule
from ..oracles import Oracle, make_oracle
from .sections import Experiment


def oracle_settings(oracle: dict[str, Any]) -> dict[str, Any]:
    """The section `oracle` for `make_oracle`: what all kinds share, and the keys of the kind that is used."""
    shared = {name: oracle[name] for name in ("kind", "charge", "multiplicity")}
    return shared | {name: value for name, value in oracle.get(oracle["kind"], {}).items() if value is not None}


def oracle_problems(experiment: Experiment) -> Iterator[str]:
    """Settings that the oracle itself refuses, and kinds that do not fit the reference."""
    oracle = experiment.oracle
    if oracle.kind == "pool":
        if experiment.reference.source == "generate":
            yield (
                "Config key 'oracle.kind' is 'pool', which holds back labelled reference frames, but "
                "reference.source is 'generate'; set reference.source to download or files."
            )
        return
    if oracle.kind == "model":
        if not oracle.model.paths:
            yield "Config key 'oracle.model.paths' is empty; name the model.pt files of the teacher."
        for path in oracle.model.paths:
            if not Path(path).is_file():
                yield f"Config key 'oracle.model.paths' names {path!r}, but there is no such file; check the path."
        return  # more would take torch, which is slow to import
    try:
        _make(experiment)
    except ValueError as error:
        yield f"Config section 'oracle': {error}."
    except ImportError:
        return  # its library may be in the environment of the labelling jobs alone


def molecule_problems(experiment: Experiment) -> Iterator[str]:
    """A molecule that does not exist, or that the oracle cannot compute with this charge and multiplicity."""
    if experiment.reference.source != "generate":
        return
    name = experiment.reference.generate.molecule
    try:
        atoms = resolve_molecule(name)
    except ValueError as error:
        yield f"Config key 'reference.generate.molecule': {error}"
        return
    if min(atoms.numbers) < 1:
        yield (
            f"Config key 'reference.generate.molecule' is {name!r} ({atoms.get_chemical_formula()}), "
            "in which an element is unknown; mend the file."
        )
    elif len(atoms) < 2 or atoms.pbc.any():
        what = "is periodic" if atoms.pbc.any() else "is a single atom"
        other = "; give labelled frames of a cell as files (reference.source: files)" if atoms.pbc.any() else ""
        yield (
            f"Config key 'reference.generate.molecule' is {name!r}, which {what}; "
            f"allowed are isolated molecules of at least 2 atoms{other}."
        )
    else:
        yield from _electrons(experiment, atoms)


def _electrons(experiment: Experiment, atoms: Atoms) -> Iterator[str]:
    oracle, name = experiment.oracle, experiment.reference.generate.molecule
    electrons, unpaired = int(atoms.numbers.sum()) - oracle.charge, oracle.multiplicity - 1
    moments = round(abs(atoms.get_initial_magnetic_moments().sum()))
    if moments > unpaired and oracle.charge == 0:
        yield (
            f"Config key 'oracle.multiplicity' is {oracle.multiplicity}, but the ground state of {name} has {moments} "
            f"unpaired electrons; set oracle.multiplicity to {moments + 1}."
        )
    elif electrons < 1:
        yield (
            f"Config key 'oracle.charge' is {oracle.charge}, but {name} has only {electrons + oracle.charge} "
            "electrons; lower the charge."
        )
    elif unpaired > electrons or (electrons - unpaired) % 2:
        yield (
            f"Config key 'oracle.multiplicity' is {oracle.multiplicity}, but {name} with charge {oracle.charge} has "
            f"{electrons} electrons, so the multiplicity has to be {'even' if electrons % 2 else 'odd'}; "
            "change oracle.multiplicity or oracle.charge."
        )
    elif oracle.kind not in ("pool", "model"):
        try:
            refusal = _make(experiment).refusal(atoms)
        except (ValueError, ImportError):
            return  # told by oracle_problems, as far as it can be told here
        if refusal:
            yield f"Config key 'reference.generate.molecule' is {name!r} ({atoms.get_chemical_formula()}): {refusal}."


def _make(experiment: Experiment) -> Oracle:
    return make_oracle(oracle_settings(experiment.oracle.model_dump()))
