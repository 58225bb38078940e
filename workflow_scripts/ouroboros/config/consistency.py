"""Combinations of keys that cannot work together, each found before any work starts."""

from collections.abc import Iterator

from ase.data import chemical_symbols

from ..molecules import resolve_molecule
from .sections import Experiment

HEAVIEST = {"xtb": 86}  # the last element that each oracle has parameters for


def impossible(experiment: Experiment) -> list[str]:
    """One sentence for each impossible combination; empty when the config can be run."""
    checks = (_arms, _molecule, _split, _strides, _training, _exploration, _simulation)
    return [problem for check in checks for problem in check(experiment)]


def _arms(experiment: Experiment) -> Iterator[str]:
    rounds, size = experiment.rounds, experiment.committee.size
    if size < 2 and "committee" in rounds.strategies:
        yield (
            f"Config key 'committee.size' is {size}, but the strategy 'committee' selects by the spread between "
            "members and needs at least 2; raise it or set rounds.strategies to [random]."
        )
    for name, values in (("strategies", rounds.strategies), ("seeds", rounds.seeds)):
        if len(set(values)) < len(values):
            yield f"Config key 'rounds.{name}' is {values}; each entry may stand there once."


def _molecule(experiment: Experiment) -> Iterator[str]:
    name, oracle = experiment.reference.generate.molecule, experiment.oracle
    try:
        atoms = resolve_molecule(name)
    except ValueError as error:
        yield f"Config key 'reference.generate.molecule': {error}"
        return
    heaviest = max(atoms.numbers)
    if heaviest > HEAVIEST[oracle.kind] or min(atoms.numbers) < 1:
        yield (
            f"Config key 'reference.generate.molecule' is {name!r} ({atoms.get_chemical_formula()}); "
            f"the oracle {oracle.kind} knows the elements H to {chemical_symbols[HEAVIEST[oracle.kind]]}."
        )
        return
    if len(atoms) < 2 or atoms.pbc.any():
        what = "is periodic" if atoms.pbc.any() else "is a single atom"
        yield (
            f"Config key 'reference.generate.molecule' is {name!r}, which {what}; "
            "allowed are isolated molecules of at least 2 atoms."
        )
        return
    electrons = int(atoms.numbers.sum()) - oracle.charge
    unpaired = oracle.multiplicity - 1
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


def _split(experiment: Experiment) -> Iterator[str]:
    generate, split = experiment.reference.generate, experiment.split
    limit = split.start_temperature_max_K or float("inf")
    cold = [t for t in generate.temperatures_K if t <= limit]
    hot = [t for t in generate.temperatures_K if t > limit]
    if not cold:
        yield (
            f"Config key 'split.start_temperature_max_K' is {limit:g}, below every reference temperature "
            f"{generate.temperatures_K}; raise it, or add a colder one to reference.generate.temperatures_K."
        )
        return
    if len(set(generate.temperatures_K)) < len(generate.temperatures_K):
        yield f"Config key 'reference.generate.temperatures_K' is {generate.temperatures_K}; each may stand there once."
        return
    each = generate.trajectories_per_temperature
    if each < 2:
        yield (
            f"Config key 'reference.generate.trajectories_per_temperature' is {each}; it takes at least 2, one to "
            "train on and one for the test set."
        )
        return
    held_back = max(1, each // 2)
    frames = int(generate.length_ps * 1000 / generate.stride_fs + 1e-6)
    start, test = len(cold) * (each - held_back) * frames, (len(cold) * held_back + len(hot) * each) * frames
    if split.train + split.validation > start:
        yield (
            f"Config keys 'split.train' ({split.train}) and 'split.validation' ({split.validation}) ask for more than "
            f"the {start} frames that the reference trajectories up to {limit:g} K give; lower them, or make the "
            "trajectories longer or more."
        )
    if split.test > test:
        yield (
            f"Config key 'split.test' is {split.test}, but the trajectories kept for testing have {test} frames; "
            "lower it, or make the trajectories longer or more."
        )


def _strides(experiment: Experiment) -> Iterator[str]:
    for name, section in (
        ("reference.generate", experiment.reference.generate),
        ("exploration", experiment.exploration),
    ):
        steps = section.stride_fs / section.timestep_fs
        if steps < 1 or abs(steps - round(steps)) > 1e-6:
            yield (
                f"Config key '{name}.stride_fs' is {section.stride_fs:g}; it has to be a whole number of time steps "
                f"of {section.timestep_fs:g} fs ({name}.timestep_fs)."
            )
        if section.length_ps * 1000 < section.stride_fs:
            yield (
                f"Config key '{name}.length_ps' is {section.length_ps:g}, shorter than {name}.stride_fs "
                f"({section.stride_fs:g} fs), so that no frame would be kept."
            )


def _training(experiment: Experiment) -> Iterator[str]:
    epochs, every = experiment.training.epochs, experiment.training.validate_every_epochs
    if epochs is not None and epochs % every:
        yield (
            f"Config key 'training.epochs' is {epochs}; it has to be a multiple of training.validate_every_epochs "
            f"({every}), so that the last weights are validated."
        )


def _exploration(experiment: Experiment) -> Iterator[str]:
    exploration, wanted = experiment.exploration, experiment.selection.per_round
    frames = exploration.walkers * int(exploration.length_ps * 1000 / exploration.stride_fs + 1e-6)
    if wanted > frames:
        yield (
            f"Config key 'selection.per_round' is {wanted}, but exploration keeps {frames} frames a round "
            "(walkers × length / stride); lower it, or explore longer."
        )
    if len(exploration.temperatures_K) > exploration.walkers:
        yield (
            f"Config key 'exploration.temperatures_K' holds {len(exploration.temperatures_K)} temperatures for "
            f"{exploration.walkers} walkers (exploration.walkers), so that some would not be used."
        )
    if experiment.selection.low_eV_per_A >= exploration.hard_limit_eV_per_A:
        yield (
            f"Config key 'selection.low_eV_per_A' is {experiment.selection.low_eV_per_A:g}; it has to be below "
            f"exploration.hard_limit_eV_per_A ({exploration.hard_limit_eV_per_A:g})."
        )


def _simulation(experiment: Experiment) -> Iterator[str]:
    simulation = experiment.simulation
    if simulation.steps < 20 * simulation.stride:
        yield (
            f"Config key 'simulation.steps' is {simulation.steps}, which keeps fewer than 20 frames at "
            f"simulation.stride {simulation.stride}; the analysis needs at least 20."
        )
