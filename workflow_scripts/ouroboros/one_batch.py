"""Whether a network can learn one batch by heart, the first thing to try where a training disappoints.

"Overfit one batch" of Karpathy's recipe (https://karpathy.github.io/2019/04/25/recipe/): what is left of the error
comes neither from too few data nor from poor generalisation, but from the labels, the model or the optimiser.
"""

from typing import Any

LIMIT = 0.05  # of the size of what is to be learnt


def judge(training: dict[str, Any]) -> tuple[str, dict[str, float]]:
    """What a training with `overfit_batches: 1` says.

    Args:
        training: its training.json. Forces are judged, or energies where the forces have no weight.

    Returns:
        A sentence, and the figures behind it.

    Raises:
        ValueError: the mean absolute error left is more than a twentieth of the rms of all labels trained on, or these
            are all zero.
    """
    forces = training["training"]["force_weight"] > 0
    name, unit = ("force", "meV/Å") if forces else ("energy", "meV")
    size = 1000 * training["labels"]["forces_rms_eV_per_A" if forces else "energy_rms_eV"]
    error = training["validation"][f"{name}_mae_meV{'_per_A' if forces else ''}"]
    if not size:
        raise ValueError(f"all {name} labels of the batch are zero, so that there is nothing to learn by heart")
    figures = {"error_over_size": error / size, "limit": LIMIT, f"{name}_mae_{unit.replace('/Å', '_per_A')}": error}
    what = (
        f"{name} MAE {error:.1f} {unit} on the {training['frames']['train']} frames trained on, {error / size:.1%} of "
        f"the rms {name} {size:.0f} {unit}, after {training['steps']} steps"
    )
    if not error <= LIMIT * size:
        raise ValueError(
            f"one batch was not learnt by heart: {what}; {LIMIT:.0%} is expected. Look at curves.svg: a loss that "
            "still falls wants a larger training.steps, one that jumps about a smaller training.learning_rate; one "
            "that lies flat means a network too small, or labels that the positions do not determine (two levels of "
            "theory or charges in one set, forces that are not those of the energy, wrong units)"
        )
    return f"One batch is learnt by heart: {what}. Data, model and optimiser fit together.", figures
