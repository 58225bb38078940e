"""What can be wrong with a training: looked for before it starts, and when it breaks."""

from typing import Any

import numpy as np
import torch
from schnetpack import properties

from ..frames import Frames
from ..graphs import Graphs

OUTLIER = 1000  # times the median deviation: no honest label of a training set is so far out
WEIGHTS = {properties.energy: "energy_weight", properties.forces: "force_weight", properties.stress: "stress_weight"}
UNITS = {properties.energy: "eV", properties.forces: "eV_per_A", properties.stress: "eV_per_A3"}
NO_ENERGY = 1e-4  # eV; less is the rounding of labels, as where one frame a composition leaves nothing to learn
SCALES = 1000  # predictions and targets of a first batch that differ by more are told; an untrained energy is eV


class TrainingError(RuntimeError):
    """A training that cannot go on; the message says what to change."""


def refuse_missing_labels(frames: Frames, stress_weight: float = 0.0) -> None:
    """No NaN in what is trained or validated on.

    Raises:
        TrainingError: a label is NaN or infinite; the frame is named by its index in dataset.npz.
    """
    for name, finite in (
        ("energy", np.isfinite(frames.energy)),
        ("forces", np.logical_and.reduceat(np.isfinite(frames.forces).all(axis=1), frames.starts)),
        ("positions", np.logical_and.reduceat(np.isfinite(frames.positions).all(axis=1), frames.starts)),
    ):
        if not finite.all():
            bad = int(np.flatnonzero(~finite)[0])
            raise TrainingError(
                f"{_name(frames, bad)} has NaN or infinity for a label ({name}), and {int((~finite).sum())} of "
                f"{len(frames)} frames do; mend or drop it where it came from, and make the data set again"
            )
    if stress_weight and not frames.has_stress.any():
        raise TrainingError(
            f"training.stress_weight is {stress_weight:g}, but no frame of the data set has a stress for a label; "
            "set it to 0, or name the stress of your files (reference.files.stress_key)"
        )


def first_batch(model: torch.nn.Module, batch: dict[str, Any]) -> dict[str, float]:
    """Sizes of what the model predicts before the first step and of what it is to predict: rms, eV, eV/Å and eV/Å³.

    The stress is told where the model gives it and a frame of the batch has one, over such frames.
    """
    prediction = model(batch.copy())
    sizes = {}
    for name, unit in UNITS.items():
        if name in prediction and name in batch:
            label = batch[name]
            given = ~label.isnan()
            sizes[f"{name}_predicted_rms_{unit}"] = prediction[name].detach()[given].square().mean().sqrt().item()
            sizes[f"{name}_target_rms_{unit}"] = label[given].square().mean().sqrt().item()
    return sizes


def label_rms(graphs: Graphs) -> dict[str, float]:
    """Root mean squares of all labels: energies less the offsets (eV), force components (eV/Å)."""
    return {
        f"{name}_rms_{UNITS[name]}": float(np.sqrt(np.square(getattr(graphs, name)).mean()))
        for name in (properties.energy, properties.forces)
    }


def scale_warnings(sizes: dict[str, float], energy: np.ndarray) -> list[str]:
    """Sentences where predictions and targets of the first batch are not of one scale.

    Args:
        sizes: of `first_batch`.
        energy: (n_frames,) eV, the energies to learn: less the offsets.

    Raises:
        TrainingError: the energies are far from zero and close to one another: the offsets are not taken off.
    """
    if offset := _left_over_offset(energy):
        raise TrainingError(offset)
    warnings = []
    for name, unit in UNITS.items():
        if f"{name}_target_rms_{unit}" not in sizes:
            continue
        predicted, target = sizes[f"{name}_predicted_rms_{unit}"], sizes[f"{name}_target_rms_{unit}"]
        if name == properties.energy and target < NO_ENERGY:
            continue
        if not predicted < SCALES * target or not target < SCALES * predicted:
            shown = unit.replace("_per_A", "/Å").replace("Å3", "Å³")
            warnings.append(
                f"the first batch's {name}: predicted {predicted:.3g} {shown}, labels {target:.3g} {shown} (rms); "
                "they should be of one scale, look at the units of the reference"
            )
    return warnings


def weighted_sizes(graphs: Graphs, training: dict[str, Any]) -> dict[str, float]:
    """What energies, forces and stress would add to the loss if the model predicted zero for everything.

    Args:
        graphs: of frames with energies less the offsets (eV), forces (eV/Å) and stress (eV/Å³, NaN for none).
        training: the `training` section of the config: the weights, and mse or absolute errors. Lengths of forces are
            taken as their mean absolute components.

    Returns:
        By SchNetPack's names of the labels, in units of the loss; zero where a label has no weight or is not there.
    """
    sizes = {}
    for name, weight in WEIGHTS.items():
        labels = getattr(graphs, name)
        labels = labels[np.isfinite(labels)]
        size = np.square(labels) if training["loss"] == "mse" else np.abs(labels)
        sizes[name] = training[weight] * float(size.mean()) if len(labels) and training[weight] else 0.0
    return sizes


def diagnosis(
    train: Graphs, validation: Graphs, model: torch.nn.Module, training: dict[str, Any], at_once: int
) -> list[str]:
    """Why a loss may have diverged, the likeliest cause first.

    Args:
        train: the training frames; their energies are less the offsets.
        validation: the validation frames, likewise.
        model: as it was before the first step.
        training: the `training` section of the config.
        at_once: frames that the model is asked about at a time, as memory allows.
    """
    stress = training["stress_weight"] > 0
    poisoned = (_poisoned(graphs, model, at_once, stress) for graphs in (train, validation))
    found = [sentence for sentence in (*poisoned, _left_over_offset(train.energy)) if sentence]
    sizes = weighted_sizes(train, training)
    if sizes[properties.energy] > 100 * sizes[properties.forces]:
        found.append(
            f"the energies make up {sizes[properties.energy] / sum(sizes.values()):.1%} of the loss: raise "
            f"training.force_weight ({training['force_weight']:g}) or lower training.energy_weight "
            f"({training['energy_weight']:g})"
        )
    if sizes[properties.stress] > 100 * (sizes[properties.energy] + sizes[properties.forces]):
        found.append(
            f"the stress makes up {sizes[properties.stress] / sum(sizes.values()):.1%} of the loss: lower "
            f"training.stress_weight ({training['stress_weight']:g})"
        )
    clip = "" if training["gradient_clip"] else ", or set training.gradient_clip"
    found.append(f"training.learning_rate ({training['learning_rate']:g}) is too large: lower it{clip}")
    return found


def overfitting(history: list[dict[str, float]], kept_epoch: int) -> str:
    """A sentence where validation got worse while training went on to improve; else empty.

    The mean of the last quarter of the validations is compared with the kept epoch, as single ones scatter.
    """
    validated = [row for row in history if "val_loss" in row]
    last = validated[-max(1, len(validated) // 4) :]
    kept = next(row for row in validated if row["epoch"] == kept_epoch)
    if last[0]["epoch"] <= kept_epoch:
        return ""
    rise, fall = (np.mean([row[name] for row in last]) / kept[name] - 1 for name in ("val_loss", "train_loss"))
    if rise < 0.1 or fall > -0.1:
        return ""
    return (
        f"overfitting: after epoch {kept_epoch + 1} the validation loss rose by {rise:.0%} while the training loss "
        f"fell by {-fall:.0%}; the weights of epoch {kept_epoch + 1} were kept. More data, fewer epochs or a smaller "
        "model would help"
    )


def still_falling(history: list[dict[str, float]], kept_epoch: int, schedule: str) -> str:
    """A sentence when a training that ended at a large learning rate was still getting better; empty otherwise.

    The schedules that end at zero are made to be best at their end, and tell nothing.
    """
    validated = [row["val_loss"] for row in history if "val_loss" in row]
    quarter = max(1, len(validated) // 4)
    if schedule not in ("plateau", "constant") or len(validated) < 4 or history[-1]["epoch"] != kept_epoch:
        return ""
    fall = 1 - validated[-1] / validated[-1 - quarter]
    if fall < 0.05:
        return ""
    return (
        f"still learning: the validation loss fell by {fall:.0%} in the last quarter of the training; raise "
        "training.steps or training.epochs"
    )


def _poisoned(graphs: Graphs, model: torch.nn.Module, at_once: int, stress: bool) -> str:
    frames = graphs.frames
    for part in np.array_split(np.arange(len(frames)), -(-len(frames) // at_once)):
        if not _all_finite(model, graphs, part):
            bad = next(int(i) for i in part if not _all_finite(model, graphs, np.array([i])))
            return f"{_name(frames, bad)} makes the model predict NaN: are two of its atoms at one place?"
    largest = np.maximum.reduceat(np.linalg.norm(frames.forces, axis=1), frames.starts)
    labels = [
        (largest, 1.0, "eV/Å", "largest force"),
        (graphs.energy / frames.n_atoms, 1.0, "eV/atom", "energy above the offsets"),
    ]
    if stress and frames.has_stress.any():
        labels.append((np.abs(graphs.stress).max(axis=(1, 2)), 0.1, "eV/Å³", "largest component of the stress"))
    for values, least, unit, what in labels:
        far = np.abs(values - np.nanmedian(values))
        worst = int(np.nanargmax(far))
        if far[worst] > OUTLIER * np.nanmedian(far) and far[worst] > least:
            return (
                f"{_name(frames, worst)} stands out: its {what} is {values[worst]:.3g} {unit}, the median "
                f"{np.nanmedian(values):.3g}; look at that label"
            )
    return ""


def _all_finite(model: torch.nn.Module, graphs: Graphs, frames: np.ndarray) -> bool:
    batch = graphs.batch(frames)
    prediction = model(batch.copy())
    return all(bool(torch.isfinite(prediction[name]).all()) for name in UNITS if name in prediction and name in batch)


def _left_over_offset(energy: np.ndarray) -> str:
    mean, spread = energy.mean(), energy.std()
    if abs(mean) < 20 * max(spread, 0.05):
        return ""
    return (
        f"the energies to learn lie at {mean:.6g} eV with a spread of {spread:.3g} eV: the energy offset of the atoms "
        "is not removed. A warm start takes the offsets of the round before: set training.warm_start: false"
    )


def _name(frames: Frames, index: int) -> str:
    """The frame by its index in dataset.npz and its round, where they are known."""
    row = int(frames.columns["row"][index]) if "row" in frames.columns else index
    of_round = f" (round {int(frames.columns['round'][index])})" if "round" in frames.columns else ""
    return f"frame {row}{of_round}, a {frames.take([index]).formulas()},"
