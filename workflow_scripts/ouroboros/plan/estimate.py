"""Seconds of a job of each rule, from what was measured."""

from dataclasses import dataclass
from typing import Any

from ..epochs import number_of_epochs

ASSUMED = 100  # frames, of a part of the split that is given as a share
ORACLE_RULES = ("generate", "distort", "check_oracle", "label")
MODEL_RULES = ("train", "test", "explore", "score_pool", "simulate", "select", "prospective")


@dataclass(frozen=True)
class Cost:
    """What a job of a rule takes: seconds, and what that is made of, in words."""

    seconds: float
    made_of: str


def costs(settings: dict[str, Any], oracle: dict[str, Any], model: dict[str, Any]) -> dict[str, Cost]:
    """The cost of a job by rule; a rule that is not among them takes `oracle["begin"]`, the time that a job begins in.

    Args:
        settings: a checked config.
        oracle: what `measure.measure_oracle` gave.
        model: what `measure.measure_model` gave.
    """
    by_oracle, by_model = _of_oracle(settings, oracle), _of_model(settings, model)
    work = {rule: (oracle["begin"] + seconds, told) for rule, (seconds, told) in by_oracle.items()}
    work |= {rule: (model["begin"] + seconds, told) for rule, (seconds, told) in by_model.items()}
    return {rule: Cost(*work[rule]) for rule in (*ORACLE_RULES, *MODEL_RULES)}


def labels_of_reference(generate: dict[str, Any]) -> int:
    """Labels of a trajectory."""
    return round(generate["length_ps"] * 1000 / generate["stride_fs"])


def labels_of_batch(settings: dict[str, Any]) -> float:
    """Labels of a labelling job, on average."""
    asked, size = settings["selection"]["per_round"], settings["labels"]["batch_size"]
    return asked / -(-asked // size)


def _of_oracle(settings: dict[str, Any], oracle: dict[str, Any]) -> dict[str, tuple[float, str]]:
    """Seconds of the jobs that label, but for beginning, and what they are made of."""
    generate, label = settings["reference"]["generate"], oracle["label"]
    steps, frames = _steps(generate, generate["equilibration_ps"]), labels_of_reference(generate)
    distorted, checked, batch = 2 * generate["distorted"], settings["oracle_gate"]["frames"], labels_of_batch(settings)
    known = settings["oracle"]["kind"] == "pool"  # looked up
    return {
        "generate": (steps * oracle["oracle_step"] + frames * label, f"{steps} steps of dynamics, {frames} labels"),
        "distort": (distorted * label, f"{distorted} labels, relaxations left out"),
        "check_oracle": (checked * label, f"{checked} labels"),
        "label": (0.0, "labels that are there already") if known else (batch * label, f"{batch:g} labels"),
    }


def _of_model(settings: dict[str, Any], model: dict[str, Any]) -> dict[str, tuple[float, str]]:
    """Seconds of the jobs with models, but for beginning, and what they are made of."""
    exploration, simulation = settings["exploration"], settings["simulation"]
    explored = _steps(exploration)
    produced = round(simulation["equilibration_ps"] * 1000 / simulation["timestep_fs"]) + simulation["steps"]
    tested = sum(_frames(settings["split"][name]) for name in ("test", "validation"))
    steps, validations = training_of(settings)
    trained = f"{steps} steps at {1000 * model['train_step']:.1f} ms, {validations} validations"
    return dict.fromkeys(MODEL_RULES, (0.0, "beginning alone")) | {
        "train": (steps * model["train_step"] + validations * model["validation"], trained),
        "test": (tested * model["predict"], f"{tested} frames predicted"),
        "explore": (explored * model["exploration"], _walkers(explored, exploration, model["exploration"])),
        "simulate": (produced * model["simulation"], _walkers(produced, simulation, model["simulation"])),
    }


def _steps(section: dict[str, Any], before_ps: float = 0.0) -> int:
    return round((before_ps + section["length_ps"]) * 1000 / section["timestep_fs"])


def _walkers(steps: int, section: dict[str, Any], seconds: float) -> str:
    return f"{steps} steps of {section['walkers']} walkers at {1000 * seconds:.1f} ms"


def training_of(settings: dict[str, Any]) -> tuple[int, int]:
    """Optimiser steps of a training of round 0, and how often it validates."""
    training = settings["training"]
    each = -(-_frames(settings["split"]["train"]) // training["batch_size"])
    epochs = number_of_epochs(training, each)
    return epochs * each, epochs // min(training["validate_every_epochs"], epochs)


def shares(settings: dict[str, Any]) -> list[str]:
    """The parts of the split whose size is not known, as it is given as a share."""
    return [name for name in ("train", "validation", "test") if not isinstance(settings["split"][name], int)]


def _frames(size: float) -> int:
    return size if isinstance(size, int) else ASSUMED
