"""Vibrational density of states from the velocities of a run."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy import fft
from scipy.constants import c as LIGHT  # m/s
from scipy.signal import find_peaks

PER_CM_PER_THZ = 1e12 / (LIGHT * 100)  # 33.356: wavenumber in cm^-1 of a frequency of 1 THz
RESOLUTION_PER_CM = 5.0  # finer lines than this are not asked for: longer correlation functions only add noise
HIGHEST_PER_CM = 4200.0  # what is kept of a spectrum: just above the stretch of HF; H2 alone vibrates faster
PADDING = 2  # zeros behind the correlation function: a smooth curve, no more resolution


@dataclass(frozen=True)
class Spectrum:
    """Vibrational density of states, of the motion as it was integrated.

    Velocity Verlet moves a line of angular frequency w up by (w dt)²/24 of itself: by 10 of 3000 cm^-1 at 0.5 fs.

    Attributes:
        frequency_per_cm: (n,) wavenumber, cm^-1.
        frequency_THz: (n,) the same axis in THz.
        density_cm: (n,) mass-weighted density of area 1, in cm.
        resolution_per_cm: width in cm^-1 below which two lines are one; the peaks are good to this.
    """

    frequency_per_cm: np.ndarray
    frequency_THz: np.ndarray
    density_cm: np.ndarray
    resolution_per_cm: float


@dataclass(frozen=True)
class Peak:
    """One line: its place in cm^-1 and THz, and its height relative to the highest."""

    frequency_per_cm: float
    frequency_THz: float
    relative_height: float


def velocity_autocorrelation(velocities: np.ndarray, masses: np.ndarray) -> np.ndarray:
    """Mass-weighted velocity autocorrelation sum_i m_i <v_i(0) v_i(t)>, scaled to 1 at t = 0.

    By the Wiener-Khinchin theorem the correlation function is the transform of the power spectrum; zeros behind the
    data keep its end from meeting its beginning. The drift of the centre of mass is removed first, the rotation of a
    molecule is not: it shows below some 50 cm^-1.

    Args:
        velocities: (n_frames, n_atoms, 3) at even intervals, in any unit (the result is scaled).
        masses: (n_atoms,) amu.

    Returns:
        (n_frames,) correlation at lags 0, 1, ... intervals, each an average over the pairs of frames it has.

    Raises:
        ValueError: a velocity is not finite, or nothing moves.
    """
    if not np.isfinite(velocities).all():
        raise ValueError("Velocities that are not finite have no spectrum")
    n = len(velocities)
    size = fft.next_fast_len(2 * n, real=True)
    drift = np.einsum("tax,a->tx", velocities, masses) / masses.sum()
    power = np.zeros(size // 2 + 1)
    for atom, mass in enumerate(masses):  # one atom at a time: a long run of a large cell does not fit twice
        power += mass * (np.abs(fft.rfft(velocities[:, atom] - drift, size, axis=0)) ** 2).sum(axis=1)
    correlation = fft.irfft(power, size)[:n] / np.arange(n, 0, -1)
    if not correlation[0] > 0:
        raise ValueError("Nothing moves relative to the centre of mass: there is no spectrum")
    return correlation / correlation[0]


def vibrational_density(
    velocities: np.ndarray, masses: np.ndarray, interval_fs: float, resolution_per_cm: float = RESOLUTION_PER_CM
) -> Spectrum:
    """Vibrational density of states, the Fourier transform of the velocity autocorrelation.

    Dickey and Paskin, Phys. Rev. 188, 1407 (1969). A Hann window ends the correlation function smoothly.

    Args:
        velocities: (n_frames, n_atoms, 3) at even intervals; ASE's unit or Å/fs, only the shape counts.
        masses: (n_atoms,) amu.
        interval_fs: time between frames, fs. Lines above 1 / (2 interval) fold back to lower frequencies.
        resolution_per_cm: finest resolution asked for, cm^-1. At most half of the run is used as the length of the
            correlation function, since later lags are mostly noise: a short run has a coarser one.

    Returns:
        The spectrum from 0 to the Nyquist frequency.

    Raises:
        ValueError: fewer than 16 frames, or as `velocity_autocorrelation`.
    """
    n_lags = min(len(velocities) // 2, int(np.ceil(PER_CM_PER_THZ / (resolution_per_cm * interval_fs * 1e-3))))
    if n_lags < 8:
        raise ValueError(f"{len(velocities)} frames are too few for a spectrum")
    correlation = velocity_autocorrelation(velocities, masses)[:n_lags]
    windowed = correlation * np.cos(np.pi * np.arange(n_lags) / (2 * n_lags)) ** 2  # falling half of a Hann window
    size = fft.next_fast_len(2 * PADDING * n_lags, real=True)
    # The function is even in time, so its transform is real: twice the cosine sum, with lag 0 counted once.
    density = 2 * fft.rfft(windowed, size).real - windowed[0]
    frequency_THz = fft.rfftfreq(size, interval_fs * 1e-3)
    frequency_per_cm = frequency_THz * PER_CM_PER_THZ
    density /= np.trapezoid(density, frequency_per_cm)
    return Spectrum(frequency_per_cm, frequency_THz, density, PER_CM_PER_THZ / (n_lags * interval_fs * 1e-3))


def broadening(friction_per_ps: float) -> float:
    """Full width at half maximum, cm^-1, that Langevin friction gives each line.

    The velocity of a weakly damped oscillator is correlated as exp(-gamma t / 2), the transform of which is a Lorentz
    curve of width gamma / (2 pi c).
    """
    return PER_CM_PER_THZ * friction_per_ps / (2 * np.pi)


def average(spectra: Sequence[Spectrum]) -> Spectrum:
    """Mean of spectra on one axis, i.e. of runs of the same length and interval.

    Raises:
        ValueError: no spectrum, or different axes.
    """
    if not spectra or any(len(s.density_cm) != len(spectra[0].density_cm) for s in spectra):
        raise ValueError("Spectra on one axis are needed for an average")
    return replace(spectra[0], density_cm=np.mean([s.density_cm for s in spectra], axis=0))


def end(frequency: np.ndarray, density: np.ndarray, share: float = 0.995) -> float:
    """The frequency below which a share of the spectrum lies: what little is above is noise.

    Args:
        frequency: (n,) in any unit.
        density: (n,) in any unit.
        share: of the area.

    Returns:
        A frequency in the unit of `frequency`.
    """
    filled = np.cumsum(np.maximum(density, 0))
    return float(frequency[np.searchsorted(filled, share * filled[-1])])


def peaks(spectrum: Spectrum, prominence: float = 0.05) -> list[Peak]:
    """The lines of a spectrum in order of frequency.

    Args:
        spectrum: what `vibrational_density` returned.
        prominence: how far a line has to stand out, as a fraction of the highest.

    Returns:
        Place and relative height of each.
    """
    highest = spectrum.density_cm.max()
    tops, _ = find_peaks(spectrum.density_cm, prominence=prominence * highest)
    return [
        Peak(
            float(spectrum.frequency_per_cm[k]),
            float(spectrum.frequency_THz[k]),
            float(spectrum.density_cm[k] / highest),
        )
        for k in tops
    ]
