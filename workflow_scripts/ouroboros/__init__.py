"""Ouroboros: interatomic potentials that improve themselves.

The rules of the workflow call this library; it knows nothing of Snakemake, so the same functions serve a
notebook. Units everywhere: eV, Å, eV/Å, fs, K, amu.
"""

__version__ = "0.1.0"
