"""Where the selected structures lie: what the two figures show of frames of a known kind."""

import numpy as np
import pandas as pd
import pytest

from ouroboros.selection import SELECTED
from ouroboros.selection_figures import along_the_walkers, on_the_map


def fates(n=40, chosen=(3, 17)):
    """Two walkers of twenty frames, two of them selected."""
    fate = np.full(n, "known well enough", dtype=object)
    fate[list(chosen)] = SELECTED
    uncertainty = np.linspace(0.01, 0.2, n)
    columns = {"walker": np.arange(n) // 20, "step": np.arange(n) % 20 * 10, "uncertainty_eV_per_A": uncertainty}
    return pd.DataFrame({**columns, "max_force_eV_per_A": 1.0, "fate": fate})


def test_walkers_are_drawn_along_their_time(tmp_path):
    along_the_walkers(fates(), 0.05, 0.5, tmp_path / "walkers.svg")
    text = (tmp_path / "walkers.svg").read_text()
    for words in ("time (ps)", "2 walkers, 40 frames, 2 selected", "known well enough below 0.05 eV/Å"):
        assert words in text, words


def test_a_pool_has_no_time(tmp_path):
    along_the_walkers(fates(), None, None, tmp_path / "pool.svg")
    text = (tmp_path / "pool.svg").read_text()
    assert "frame of the reference set" in text and "pool, 40 frames" in text and "known well enough" not in text


def test_the_map_has_the_directions_in_which_the_features_differ(tmp_path):
    rng = np.random.default_rng(0)
    of_explored, of_trained = (rng.normal(size=(n, 6)) * [3, 1, 0, 0, 0, 0] for n in (40, 10))
    on_the_map(fates(), (of_explored, of_trained), tmp_path / "map.svg")
    text = (tmp_path / "map.svg").read_text()
    together = np.concatenate([of_explored, of_trained])
    variance = np.linalg.eigvalsh(np.cov(together.T))[::-1]
    share = variance / variance.sum()
    assert f"first principal component ({share[0]:.0%})" in text and f"second ({share[1]:.0%})" in text
    for words in ("explored", "trained on", "selected", "largest expected force error (eV/Å)"):
        assert words in text, words


@pytest.mark.parametrize(("timestep_fs", "words"), [(0.5, "No walker kept a frame"), (None, "The pool is used up")])
def test_nothing_explored_is_a_sentence(timestep_fs, words, tmp_path):
    empty = fates().iloc[:0]
    along_the_walkers(empty, 0.05, timestep_fs, tmp_path / "walkers.svg")
    on_the_map(empty, (np.zeros((0, 0)), np.zeros((5, 6))), tmp_path / "map.svg")
    assert words in (tmp_path / "walkers.svg").read_text()
    assert "nothing to map" in (tmp_path / "map.svg").read_text()
