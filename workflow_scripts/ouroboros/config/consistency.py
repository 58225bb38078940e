"""Combinations of keys that cannot work together, each found before any work starts."""

from collections.abc import Iterator

from .chemistry import molecule_problems, oracle_problems
from .dynamics_checks import dynamics_problems, whole_strides
from .sections import Experiment
from .sources import source_problems, split_problems
from .sweep_checks import sweep_problems


def impossible(experiment: Experiment) -> list[str]:
    """One sentence for each impossible combination; empty when the config can be run."""
    checks = (
        _arms, _band, source_problems, oracle_problems, molecule_problems, split_problems,
        _strides, _training, dynamics_problems, sweep_problems,
    )  # fmt: skip
    return [problem for check in checks for problem in check(experiment)]


def _arms(experiment: Experiment) -> Iterator[str]:
    rounds, size = experiment.rounds, experiment.committee.size
    for strategy in ("committee", "percentile"):
        if size < 2 and strategy in rounds.strategies:
            yield (
                f"Config key 'committee.size' is {size}, but the strategy '{strategy}' selects by the spread between "
                "members and needs at least 2; raise it or set rounds.strategies to [random] or [diversity]."
            )
    stable = experiment.decision.stable_rounds
    if rounds.mode == "until_converged" and stable > rounds.count:
        yield (
            f"Config key 'decision.stable_rounds' is {stable}, more than rounds.count ({rounds.count}), so that "
            "the run could never converge; lower it or raise rounds.count."
        )
    if rounds.mode == "until_converged" and size < 2 and experiment.decision.uncertain_fraction < 1:
        yield (
            f"Config key 'committee.size' is {size}, and one member does not know how uncertain it is, so that "
            "rounds.mode 'until_converged' could never converge; raise it, set the mode to fixed, or set "
            "decision.uncertain_fraction to 1 to do without."
        )
    for name, values in (("strategies", rounds.strategies), ("seeds", rounds.seeds)):
        if len(set(values)) < len(values):
            yield f"Config key 'rounds.{name}' is {values}; each entry may stand there once."


def _band(experiment: Experiment) -> Iterator[str]:
    selection = experiment.selection
    if selection.high_eV_per_A is not None and selection.high_eV_per_A <= selection.low_eV_per_A:
        yield (
            f"Config key 'selection.high_eV_per_A' is {selection.high_eV_per_A:g}; it has to be above "
            f"selection.low_eV_per_A ({selection.low_eV_per_A:g})."
        )


def _strides(experiment: Experiment) -> Iterator[str]:
    generate = experiment.reference.generate
    yield from whole_strides("reference.generate", generate.timestep_fs, generate.stride_fs, generate.length_ps)


def _training(experiment: Experiment) -> Iterator[str]:
    training = experiment.training
    epochs, every = training.epochs, training.validate_every_epochs
    if not training.energy_weight and not training.force_weight:
        yield (
            f"Config keys 'training.energy_weight' ({training.energy_weight:g}) and 'training.force_weight' "
            f"({training.force_weight:g}) leave nothing to learn energies and forces from; a stress alone determines "
            "neither, so raise one of them above 0."
        )
    if epochs is not None and epochs % min(every, epochs):
        yield (
            f"Config key 'training.epochs' is {epochs}; it has to be a multiple of training.validate_every_epochs "
            f"({every}), so that the last weights are validated."
        )
