"""From the members' spread to the force error to expect, and to intervals that hold as often as they say."""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from scipy.optimize import minimize
from scipy.stats import chi

LEVELS = np.linspace(0.02, 0.98, 49)  # of the intervals that are kept: 50 % and 90 % are among them
PRIOR_ATOMS = 10  # so many atoms speak for proportionality, which a few validation frames could not refute


@dataclass(frozen=True)
class Calibration:
    """A monotone map from the spread of the members to the rms force error to expect, and how errors scatter around it.

    Members trained on the same data agree more with one another than with the truth, so that the bare spread is too
    small, and not by the same factor everywhere.

    Attributes:
        scale: expected error where the spread is 1 eV/Å, in eV/Å.
        power: of the spread; 1 is proportional.
        quantiles: error over expected error that a share of `LEVELS` of the errors stays below.
        frames: what it was learned from.
        atoms: likewise.
    """

    scale: float
    power: float
    quantiles: tuple[float, ...]
    frames: int
    atoms: int

    def expected_error(self, spread: np.ndarray) -> np.ndarray:
        """The rms length of the force error, eV/Å, for the length of the members' standard deviation, eV/Å."""
        return self.scale * np.asarray(spread) ** self.power

    def interval(self, spread: np.ndarray, level: float) -> np.ndarray:
        """What the length of the force error stays below in a share `level` (0.02 to 0.98) of cases, eV/Å."""
        return np.interp(level, LEVELS, self.quantiles) * self.expected_error(spread)

    def as_record(self) -> dict[str, Any]:
        """Plain values for calibration.json."""
        return asdict(self) | {"levels": [round(float(level), 2) for level in LEVELS]}

    @classmethod
    def from_record(cls, record: dict[str, Any]) -> "Calibration":
        """What `as_record` gave."""
        return cls(
            **{name: record[name] for name in cls.__dataclass_fields__} | {"quantiles": tuple(record["quantiles"])}
        )


def gaussian() -> Calibration:
    """No calibration: errors Gaussian in x, y and z whose standard deviation is the bare spread.

    The length of such an error over the spread is distributed as χ with three degrees of freedom over √3.
    """
    return Calibration(1.0, 1.0, tuple((chi.ppf(LEVELS, 3) / 3**0.5).tolist()), 0, 0)


def fit_calibration(spread: np.ndarray, error: np.ndarray, n_atoms: np.ndarray) -> Calibration:
    """Learn the map from frames that were neither trained nor tested on.

    The error goes with a power of the spread, fitted as the mean of a gamma distribution with logarithmic link
    (McCullagh and Nelder, Generalized Linear Models, 1989, chapter 8), which weighs relative errors, so that few large
    ones do not decide; the power is pulled to 1 with the weight of `PRIOR_ATOMS` atoms, and never negative. The scale
    is such that error over expected error has the root mean square 1. The quantiles are those of split conformal
    prediction (Lei et al., J. Am. Stat. Assoc. 113, 1094 (2018)): of n errors over expected errors, the
    ⌈(n + 1) level⌉-th.

    Args:
        spread: (n_atoms_total,) length of the members' standard deviation on each atom, eV/Å.
        error: (n_atoms_total,) length of the force error of their mean, eV/Å.
        n_atoms: (n_frames,) atoms of each frame.

    Raises:
        ValueError: fewer than two atoms are left, or spread or errors are zero or NaN.
    """
    if not (np.isfinite(spread).all() and np.isfinite(error).all()):
        raise ValueError("the committee's uncertainty cannot be calibrated: its spread or its errors are NaN")
    told = spread > 0
    if told.sum() < 2 or not error[told].any():
        raise ValueError("the committee's uncertainty cannot be calibrated: its spread or its errors are zero")
    logarithm, of_told = np.log(spread[told]), error[told]
    middle = logarithm.mean()

    def deviance(parameters: np.ndarray) -> tuple[float, np.ndarray]:
        level, power = parameters
        expected = level + power * (logarithm - middle)
        relative = of_told * np.exp(-expected)
        slack = 1 - relative
        value = (expected + relative).sum() + PRIOR_ATOMS * (power - 1) ** 2 / 2
        return value, np.array([slack.sum(), (slack * (logarithm - middle)).sum() + PRIOR_ATOMS * (power - 1)])

    start = np.array([np.log(of_told.mean()), 1.0])
    level, power = minimize(deviance, start, jac=True, method="L-BFGS-B", bounds=[(None, None), (0.0, None)]).x
    ratio = np.sort(of_told / np.exp(level + power * (logarithm - middle)))
    rms = np.sqrt((ratio**2).mean())
    rank = np.minimum(np.ceil((len(ratio) + 1) * LEVELS), len(ratio)).astype(int) - 1
    scale = float(rms * np.exp(level - power * middle))
    return Calibration(scale, float(power), tuple((ratio[rank] / rms).tolist()), len(n_atoms), len(spread))
