"""Combinations of keys that cannot work together, each found before any work starts."""

from collections.abc import Iterator

from .chemistry import molecule_problems, oracle_problems
from .sections import Experiment
from .sources import source_problems, split_problems
from .sweep_checks import sweep_problems


def impossible(experiment: Experiment) -> list[str]:
    """One sentence for each impossible combination; empty when the config can be run."""
    checks = (
        _arms, source_problems, oracle_problems, molecule_problems, split_problems,
        _strides, _training, _exploration, _simulation, sweep_problems,
    )  # fmt: skip
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
    if experiment.oracle.kind == "pool":
        return  # nothing explores
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
