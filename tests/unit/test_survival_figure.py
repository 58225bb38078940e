"""The survival of walkers: one that takes another's place late is no early death."""

import pandas as pd
import pytest
from matplotlib.axes import Axes

from ouroboros.survival_figure import survival


@pytest.fixture
def drawn(monkeypatch):
    """What is drawn as steps: (x, y, label) of each curve."""
    curves, step = [], Axes.step

    def watched(axes, x, y, **options):
        curves.append((list(x), list(y), options["label"]))
        return step(axes, x, y, **options)

    monkeypatch.setattr(Axes, "step", watched)
    return curves


def test_shares_are_of_the_walkers_still_watched(drawn, tmp_path):
    """Four walkers; one is stopped at 0.25 ps, and the one in its place is still on its way when the run ends."""
    walkers = pd.DataFrame(
        {"survived": [True, False, True, True, True], "time_ps": [1.0, 0.25, 1.0, 1.0, 0.75], "walker": range(5)}
    )
    survival([walkers], tmp_path / "survival.svg")
    x, y, label = drawn[0]
    assert label == "round 0: 4 of 5 to the end"
    assert x == [0.0, 0.25, 0.75, 1.0]
    assert y == pytest.approx([1.0, 0.8, 0.8, 0.8])


def test_a_pool_is_a_sentence(tmp_path):
    survival([pd.DataFrame(columns=["survived", "time_ps"])], tmp_path / "survival.svg")
    assert "There were no walkers" in (tmp_path / "survival.svg").read_text()
