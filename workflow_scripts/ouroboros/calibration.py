"""From the members' spread to the force error to expect, and to intervals that hold as often as they say."""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from scipy.optimize import minimize
from scipy.stats import chi

LEVELS = np.linspace(0.02, 0.98, 49)  # of the intervals that are kept: 50 % and 90 % are among them
PRIOR_ATOMS, PRIOR_FRAMES = 20, 10  # so many speak for a proportional error, shared by atom and frame in equal parts


@dataclass(frozen=True)
class Calibration:
    """A monotone map from the spread of the members to the rms force error to expect, and how errors scatter around it.

    Members trained on the same data agree more with one another than with the truth, so that the bare spread is too
    small, and not by the same factor everywhere: an atom errs more in a frame that is strange as a whole than its own
    spread tells. The error goes with a power of the atom's spread and one of the rms spread over its frame.

    Attributes:
        scale: expected error where both spreads are 1 eV/Å, in eV/Å, were the power the same up to there.
        power: the sum of the two; 1 is proportional.
        frame_share: the share of the frame's spread in that sum; with the atom's share, the mixed spread of an atom is
            their weighted geometric mean.
        stands_out: how many times its frame's spread an atom's was at most where this was learned. An atom that stands
            out more, such as a lone defect in a large cell, which hardly moves the mean of its frame, is taken to lie
            in a frame of accordingly larger spread. None where nothing was learned.
        known_to: eV/Å, the largest mixed spread that was learned from; above it the power is 1 at least, as a few
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
    frame_share: float = 0.0
    stands_out: float | None = None

    def expected_error(self, spread: np.ndarray, frame_spread: np.ndarray) -> np.ndarray:
        """The rms length of the force error, eV/Å.

        Args:
            spread: length of the members' standard deviation on an atom, eV/Å (`Prediction.force_std`).
            frame_spread: its root mean square over the atoms of the frame, eV/Å (`Prediction.frame_force_std`).
        """
        spread, frame_spread = np.asarray(spread), np.asarray(frame_spread)
        if self.stands_out is not None:
            frame_spread = np.maximum(frame_spread, spread / self.stands_out)
        mixed = spread ** (1 - self.frame_share) * frame_spread**self.frame_share
        known = np.inf if self.known_to is None else self.known_to
        beyond = np.maximum(mixed / known, 1.0)
        return self.scale * np.minimum(mixed, known) ** self.power * beyond ** max(self.power, 1.0)

    def bound(self, level: float) -> float:
        """What error over expected error stays below in a share `level` of cases.

        Raises:
            ValueError: the level is not between the first and the last of `LEVELS`.
        """
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


def fit_calibration(spread: np.ndarray, frame_spread: np.ndarray, error: np.ndarray, n_frames: int) -> Calibration:
    """Learn the map from frames that were neither trained nor tested on.

    The error goes with a power of the atom's spread and one of its frame's, fitted as the mean of a gamma distribution
    with logarithmic link (McCullagh and Nelder, Generalized Linear Models, 1989, chapter 8), which weighs relative
    errors, so that few large ones do not decide; the powers are pulled to 1/2 each, as by `PRIOR_ATOMS` atoms or the
    atoms of `PRIOR_FRAMES` frames whose logarithm of the spread has the variance 1, and never negative. The scale is
    such that error over expected error has the root mean square 1. The quantiles have the rank of conformal prediction
    (Lei et al., J. Am. Stat. Assoc. 113, 1094 (2018)): of n errors over expected errors, the ⌈(n + 1) level⌉-th, or the
    largest. Its guarantee is not theirs: the three parameters were fitted on the same atoms, and atoms of a frame err
    together.

    Args:
        spread: (n_atoms_total,) length of the members' standard deviation on each atom, eV/Å.
        frame_spread: (n_atoms_total,) its root mean square over the frame of each atom, eV/Å.
        error: (n_atoms_total,) length of the force error of their mean, eV/Å.
        n_frames: that the atoms belong to.

    Raises:
        ValueError: fewer than two atoms are left, or spread or errors are zero or NaN.
    """
    if not (np.isfinite(spread).all() and np.isfinite(error).all()):
        raise ValueError("the committee's uncertainty cannot be calibrated: its spread or its errors are NaN")
    told = spread > 0
    if told.sum() < 2 or not error[told].any():
        raise ValueError("the committee's uncertainty cannot be calibrated: its spread or its errors are zero")
    logarithms, of_told = np.log([spread[told], frame_spread[told]]), error[told]
    middle = logarithms.mean(axis=1)
    away = logarithms - middle[:, None]
    prior = np.array([PRIOR_ATOMS, PRIOR_FRAMES * len(of_told) / n_frames])

    def deviance(parameters: np.ndarray) -> tuple[float, np.ndarray]:
        powers = parameters[1:]
        expected = parameters[0] + powers @ away
        relative = of_told * np.exp(-expected)
        slack = 1 - relative
        value = (expected + relative).sum() + prior @ (powers - 0.5) ** 2 / 2
        return value, np.array([slack.sum(), *(away @ slack + prior * (powers - 0.5))])

    start = np.array([np.log(of_told.mean()), 0.5, 0.5])
    found = minimize(deviance, start, jac=True, method="L-BFGS-B", bounds=[(None, None), (0.0, None), (0.0, None)])
    if not np.isfinite(found.fun):
        raise ValueError(f"the committee's uncertainty cannot be calibrated: {found.message}")
    level, powers = found.x[0], found.x[1:]
    ratio = np.sort(of_told / np.exp(level + powers @ away))
    rms = np.sqrt((ratio**2).mean())
    rank = np.minimum(np.ceil((len(ratio) + 1) * LEVELS - 1e-9), len(ratio)).astype(int) - 1
    power = float(powers.sum())
    share = float(powers[1] / power) if power > 0 else 0.0
    return Calibration(
        scale=float(rms * np.exp(level - powers @ middle)),
        power=power,
        quantiles=tuple((ratio[rank] / rms).tolist()),
        frames=n_frames,
        atoms=len(of_told),
        known_to=float(np.exp([1 - share, share] @ logarithms).max()),
        frame_share=share,
        stands_out=float((spread[told] / frame_spread[told]).max()),
    )
