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
        scale: expected error where the spread is 1 eV/Å, in eV/Å, were the power the same up to there.
        power: of the spread; 1 is proportional.
        known_to: eV/Å, the largest spread that the power was learned from; above it the power is 1 at least, as a few
            frames that are well known cannot promise that errors rise more slowly than the spread where nothing is.
            None where nothing was learned.
        quantiles: error over expected error that a share of `LEVELS` of the errors stays below.
        frames: what it was learned from.
        atoms: likewise.
    """

    scale: float
    power: float
    quantiles: tuple[float, ...]
    frames: int
    atoms: int
    known_to: float | None = None

    def expected_error(self, spread: np.ndarray) -> np.ndarray:
        """The rms length of the force error, eV/Å, for the length of the members' standard deviation, eV/Å."""
        spread = np.asarray(spread)
        known = np.inf if self.known_to is None else self.known_to
        beyond = np.maximum(spread / known, 1.0)
        return self.scale * np.minimum(spread, known) ** self.power * beyond ** max(self.power, 1.0)

    def interval(self, spread: np.ndarray, level: float) -> np.ndarray:
        """What the length of the force error stays below in a share `level` of cases, eV/Å.

        Raises:
            ValueError: the level is not between the first and the last of `LEVELS`.
        """
        return self.bound(level) * self.expected_error(spread)

    def bound(self, level: float) -> float:
        """What error over expected error stays below in a share `level` of cases; errors as of `interval`."""
        if not LEVELS[0] <= level <= LEVELS[-1]:
            raise ValueError(f"the level {level:g} is not between {LEVELS[0]:g} and {LEVELS[-1]:g}")
        return float(np.interp(level, LEVELS, self.quantiles))

    def as_record(self) -> dict[str, Any]:
        """Plain values for calibration.json."""
        return asdict(self) | {"levels": [round(float(level), 2) for level in LEVELS]}

    @classmethod
    def from_record(cls, record: dict[str, Any]) -> "Calibration":
        """What `as_record` gave."""
        known = {name: record[name] for name in cls.__dataclass_fields__ if name in record}
        return cls(**known | {"quantiles": tuple(record["quantiles"])})


def gaussian() -> Calibration:
    """No calibration: errors Gaussian in x, y and z whose standard deviation is the bare spread.

    The length of such an error over the spread is distributed as χ with three degrees of freedom over √3.
    """
    return Calibration(1.0, 1.0, tuple((chi.ppf(LEVELS, 3) / 3**0.5).tolist()), 0, 0)


def fit_calibration(spread: np.ndarray, error: np.ndarray, n_frames: int) -> Calibration:
    """Learn the map from frames that were neither trained nor tested on.

    The error goes with a power of the spread, fitted as the mean of a gamma distribution with logarithmic link
    (McCullagh and Nelder, Generalized Linear Models, 1989, chapter 8), which weighs relative errors, so that few large
    ones do not decide; the power is pulled to 1 as by `PRIOR_ATOMS` atoms whose logarithm of the spread has the
    variance 1, and never negative. The scale is such that error over expected error has the root mean square 1. The
    quantiles have the rank of conformal prediction (Lei et al., J. Am. Stat. Assoc. 113, 1094 (2018)): of n errors over
    expected errors, the ⌈(n + 1) level⌉-th, or the largest. Its guarantee is not theirs: the two parameters were
    fitted on the same atoms, and atoms of a frame err together.

    Args:
        spread: (n_atoms_total,) length of the members' standard deviation on each atom, eV/Å.
        error: (n_atoms_total,) length of the force error of their mean, eV/Å.
        n_frames: that the atoms belong to, for the record.

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
    found = minimize(deviance, start, jac=True, method="L-BFGS-B", bounds=[(None, None), (0.0, None)])
    if not np.isfinite(found.fun):
        raise ValueError(f"the committee's uncertainty cannot be calibrated: {found.message}")
    level, power = found.x
    ratio = np.sort(of_told / np.exp(level + power * (logarithm - middle)))
    rms = np.sqrt((ratio**2).mean())
    rank = np.minimum(np.ceil((len(ratio) + 1) * LEVELS - 1e-9), len(ratio)).astype(int) - 1
    scale = float(rms * np.exp(level - power * middle))
    quantiles = tuple((ratio[rank] / rms).tolist())
    return Calibration(scale, float(power), quantiles, n_frames, len(of_told), float(spread.max()))
