import numpy as np
import pytest

from ouroboros.sampling import draw_starts, steps_within


@pytest.mark.parametrize("count", [0, 3, 7, 8, 20])
def test_no_structure_starts_twice_before_all_have_started(count):
    rows = np.arange(100, 107)
    drawn = draw_starts(rows, count, np.random.default_rng(0))
    assert len(drawn) == count
    times = np.array([(drawn == row).sum() for row in rows])
    assert times.max() - times.min() <= 1


def test_the_seed_decides_what_is_drawn_and_nothing_to_draw_is_refused():
    one, again, other = (draw_starts(np.arange(50), 20, np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert (one == again).all() and (one != other).any()
    with pytest.raises(ValueError, match="no structure"):
        draw_starts(np.zeros(0, int), 3, np.random.default_rng(0))


@pytest.mark.parametrize(("time", "step", "steps"), [(2.0, 0.5, 4), (0.3, 0.1, 3), (1.9, 0.5, 3), (0.4, 0.5, 0)])
def test_whole_steps_fit_into_a_time(time, step, steps):
    assert steps_within(time, step) == steps
