"""Sums of errors that a training makes small, by the name of `training.loss`."""

import torch
from schnetpack import properties


class LengthsOfErrors(torch.nn.Module):
    """Sum of √3 times the lengths of the force errors: over 3 n_atoms, what every component has where all are equal.

    Mean absolute components know the axes of the laboratory, a length does not. Its mean is what the Open Catalyst
    Project calls l2mae and trains GemNet-OC with (Gasteiger et al., arXiv:2204.02782).
    """

    def forward(self, predicted: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        """A number, eV/Å, from (n_atoms, 3) and (n_atoms, 3)."""
        return 3**0.5 * torch.linalg.vector_norm(predicted - labels, dim=1).sum()


def summed_error(loss: str, name: str) -> torch.nn.Module:
    """What is summed up over a batch for the label `name`.

    Args:
        loss: mse, l1 or l2norm, which differs from l1 for forces only.
        name: SchNetPack's name of the label.
    """
    if loss == "mse":
        return torch.nn.MSELoss(reduction="sum")
    return LengthsOfErrors() if loss == "l2norm" and name == properties.forces else torch.nn.L1Loss(reduction="sum")
