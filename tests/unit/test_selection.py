"""Selection: nothing unphysical, never over the budget, and every frame has a fate that can be counted."""

import numpy as np
import pytest
from scipy.spatial.distance import cdist

from ouroboros.frames import Frames
from ouroboros.selection import farthest_points, physical, select

SETTINGS = {
    "per_round": 10,
    "low_eV_per_A": 0.1,
    "force_cap_eV_per_A": 30.0,
    "closest_contact": 0.6,
    "pool_factor": 2.0,
}
BAD = {"too close": 0, "over force": 1, "NaN uncertainty": 2, "infinite uncertainty": 3}


def explored(n=100, seed=0):
    """Hydrogen molecules, of which the first four must never be labelled; uncertainties of 0 to 0.4 eV/Å."""
    rng = np.random.default_rng(seed)
    lengths = rng.uniform(0.6, 0.9, n)
    uncertainty, max_force = rng.permutation(np.linspace(0.0, 0.4, n)), rng.uniform(0, 10, n)
    uncertainty[:4] = 0.39  # tempting, were they sound
    lengths[BAD["too close"]] = 0.3
    max_force[BAD["over force"]] = 31.0
    uncertainty[BAD["NaN uncertainty"]] = np.nan
    uncertainty[BAD["infinite uncertainty"]] = np.inf
    positions = np.zeros((n, 2, 3))
    positions[:, 1, 2] = lengths
    return Frames(
        numbers=np.ones(2 * n, int),
        positions=positions.reshape(-1, 3),
        n_atoms=np.full(n, 2),
        energy=np.full(n, np.nan),
        forces=np.full((2 * n, 3), np.nan),
        cell=np.zeros((n, 3, 3)),
        pbc=np.zeros((n, 3), bool),
        columns={
            "walker": np.arange(n) // 10,
            "step": np.arange(n) % 10,
            "uncertainty": uncertainty,
            "max_force": max_force,
        },
    )


def features(n=100, seed=1):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, 4)), rng.normal(size=(15, 4))


def run(strategy="committee", seed=0, frames=None, **settings):
    frames = explored() if frames is None else frames
    rng = np.random.default_rng(seed)
    return select(frames, strategy, {**SETTINGS, **settings}, rng, features(len(frames)))


@pytest.mark.parametrize("strategy", ["committee", "random"])
@pytest.mark.parametrize("budget", [1, 10, 1000])
def test_frames_that_must_not_be_labelled_never_are(strategy, budget):
    for seed in range(10):
        chosen = run(strategy, seed, per_round=budget).chosen
        assert not set(chosen) & set(BAD.values())


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        ("too close", "atoms too close"),
        ("over force", "predicted force over the cap"),
        ("NaN uncertainty", "uncertainty is NaN"),
        ("infinite uncertainty", "uncertainty is NaN"),
    ],
)
def test_the_reason_is_written_down(bad, reason):
    reasons = physical(explored(), SETTINGS["closest_contact"], SETTINGS["force_cap_eV_per_A"])
    assert reasons[BAD[bad]] == reason
    assert (reasons[4:] == "").all()
    assert run().fates["fate"][BAD[bad]] == reason


@pytest.mark.parametrize("strategy", ["committee", "random"])
def test_a_frame_whose_predicted_force_is_nan_is_never_labelled(strategy):
    """A NaN is a failure: it must not slip below the cap because it compares as false."""
    frames = explored()
    force = frames.columns["max_force"].copy()
    force[50] = np.nan
    selection = run(strategy, frames=frames.with_columns(max_force=force), per_round=1000, low_eV_per_A=0.0)
    assert 50 not in selection.chosen and 51 in selection.chosen


@pytest.mark.parametrize("strategy", ["committee", "random"])
@pytest.mark.parametrize("budget", [1, 7, 30])
def test_the_budget_is_spent_and_not_exceeded(strategy, budget):
    chosen = run(strategy, per_round=budget).chosen
    assert len(chosen) == len(set(chosen.tolist())) == budget


@pytest.mark.parametrize("strategy", ["committee", "random"])
def test_fates_add_up(strategy):
    selection = run(strategy)
    fates, counts = selection.fates, selection.counts
    assert len(fates) == counts["explored"] == 100 and (fates["fate"] != "").all()
    assert sum(counts["fates"].values()) == 100
    assert counts["fates"]["selected"] == counts["selected"] == 10
    assert np.flatnonzero(fates["fate"] == "selected").tolist() == sorted(selection.chosen)
    assert counts["physical"] == 96
    uncertain = (explored().columns["uncertainty"][4:] >= 0.1).sum()
    assert counts["uncertain"] == uncertain
    assert counts["uncertain_fraction"] == pytest.approx(uncertain / 96)
    assert fates["walker"].tolist() == explored().columns["walker"].tolist()


def test_committee_chooses_from_the_most_uncertain_pool():
    selection, uncertainty = run(), explored().columns["uncertainty"]
    sound = np.arange(4, 100)
    pool = sound[np.argsort(-uncertainty[sound])][:20]
    assert set(selection.chosen) < set(pool)
    assert set(np.flatnonzero(selection.fates["fate"] == "too like a chosen or trained structure")) == set(pool) - set(
        selection.chosen
    )


def test_committee_spreads_its_choice_over_the_pool():
    of_explored, of_trained = features()
    chosen, uncertainty = run().chosen, explored().columns["uncertainty"]
    sound = np.arange(4, 100)
    pool = sound[np.argsort(-uncertainty[sound], kind="stable")][:20]
    expected = brute_force(of_explored[pool], of_trained, 10)
    assert chosen.tolist() == pool[expected].tolist()


def test_fewer_uncertain_frames_than_the_budget_are_all_taken_and_no_more():
    uncertainty = explored().columns["uncertainty"]
    low = np.sort(uncertainty[4:])[-4]
    selection = run(low_eV_per_A=low)
    assert sorted(selection.chosen) == (4 + np.flatnonzero(uncertainty[4:] >= low)).tolist()
    assert len(selection.chosen) == 4 and selection.counts["fates"]["known well enough"] == 92


def test_nothing_uncertain_selects_nothing():
    selection = run(low_eV_per_A=5.0)
    assert len(selection.chosen) == 0 and selection.counts["uncertain_fraction"] == 0.0


def test_no_explored_frame_at_all_selects_nothing():
    for strategy in ("committee", "random"):
        selection = run(strategy, frames=explored().take([]))
        assert len(selection.chosen) == 0 and selection.counts["explored"] == 0
        assert selection.counts["uncertain_fraction"] is None  # unknown, which must never read as converged


def test_only_unphysical_frames_select_nothing():
    selection = run(frames=explored().take(list(BAD.values())))
    assert len(selection.chosen) == 0 and selection.counts["physical"] == 0
    assert selection.counts["uncertain_fraction"] is None


def test_committee_without_features_is_refused_where_it_needs_them():
    with pytest.raises(ValueError, match="features"):
        select(explored(), "committee", SETTINGS, np.random.default_rng(0))


def test_random_draws_every_sound_frame_alike():
    rng, frames, draws = np.random.default_rng(0), explored(29), 1500
    counts = np.zeros(29)
    for _ in range(draws):
        counts[select(frames, "random", SETTINGS, rng).chosen] += 1
    expected = draws * 10 / 25
    # Binomial with p = 0.4, four standard deviations: 25 frames stay inside in all but one of 600 seeds.
    assert np.abs(counts[4:] - expected).max() < 4 * np.sqrt(expected * 0.6)
    assert not counts[:4].any()


def test_random_depends_on_the_seed_alone():
    assert run("random", 1).chosen.tolist() == run("random", 1).chosen.tolist()
    assert run("random", 1).chosen.tolist() != run("random", 2).chosen.tolist()


def test_committee_uses_no_random_numbers():
    assert run("committee", 1).chosen.tolist() == run("committee", 2).chosen.tolist()


# --- farthest points


def brute_force(points, known, n):
    """The definition: each pick has the largest distance to the nearest of all known and picked points."""
    picks = []
    for _ in range(n):
        covered = np.concatenate([known, points[picks]])
        rest = [i for i in range(len(points)) if i not in picks]
        nearest = [cdist(points[i : i + 1], covered).min() if len(covered) else np.inf for i in rest]
        picks.append(rest[int(np.argmax(nearest))])
    return picks


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("known", [0, 1, 20])
def test_farthest_points_are_those_of_the_definition(seed, known):
    rng = np.random.default_rng(seed)
    points, others = rng.normal(size=(40, 3)), rng.normal(size=(known, 3))
    assert farthest_points(points, others, 12).tolist() == brute_force(points, others, 12)


def test_farthest_points_avoid_copies():
    points = np.array([[0.0, 0.0], [0.0, 0.0], [5.0, 0.0], [5.0, 0.0], [0.0, 3.0]])
    assert farthest_points(points, np.zeros((1, 2)), 2).tolist() == [2, 4]


def test_all_points_are_picked_once_when_so_many_are_wanted():
    points = np.array([[0.0], [0.0], [1.0]])
    assert sorted(farthest_points(points, np.zeros((0, 1)), 5)) == [0, 1, 2]
