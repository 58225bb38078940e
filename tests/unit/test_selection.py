"""Selection: nothing unphysical, never over the budget, and every frame has a fate that can be counted."""

import numpy as np
import pytest
from scipy.spatial.distance import cdist

from ouroboros.diversity import farthest_points, largest_clusters
from ouroboros.fragments import count_fragments
from ouroboros.frames import Frames
from ouroboros.near_duplicates import like_known, repeated
from ouroboros.selection import SELECTED, SPOT_CHECK, STRATEGIES, physical, select

SETTINGS = {
    "per_round": 10,
    "criterion": "band",
    "low_eV_per_A": 0.1,
    "high_eV_per_A": None,
    "percentile": 95.0,
    "force_cap_eV_per_A": 30.0,
    "closest_contact": 0.6,
    "keep_whole": True,
    "duplicate_rmsd_A": 0.0,
    "diversity": "farthest",
    "spot_checks": 0,
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
    columns = {"walker": np.arange(n) // 10, "step": np.arange(n) % 10}
    return dimers(lengths).with_columns(**columns, uncertainty=uncertainty, max_force=max_force)


def dimers(lengths):
    """Hydrogen molecules of these lengths, Å."""
    n = len(lengths)
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
    )


TRAINED = dimers(np.linspace(0.7, 0.8, 15))


def features(n=100, seed=1):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, 4)), rng.normal(size=(15, 4))


def run(strategy="committee", seed=0, frames=None, **settings):
    frames = explored() if frames is None else frames
    rng = np.random.default_rng(seed)
    return select(frames, TRAINED, strategy, {**SETTINGS, **settings}, rng, features(len(frames)))


@pytest.mark.parametrize("strategy", STRATEGIES)
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
        ("NaN uncertainty", "uncertainty is NaN or infinite"),
        ("infinite uncertainty", "uncertainty is NaN or infinite"),
    ],
)
def test_the_reason_is_written_down(bad, reason):
    reasons = physical(explored(), TRAINED, SETTINGS)
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
    assert selection.fates["fate"][50] == "predicted force is NaN or infinite"


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


def test_fates_tell_the_mean_over_atoms_and_the_spread_of_the_energy():
    frames = explored().with_columns(mean_uncertainty=np.linspace(0, 0.1, 100), energy_std=np.linspace(0, 0.02, 100))
    fates = run(frames=frames).fates
    np.testing.assert_array_equal(fates["mean_uncertainty_eV_per_A"], frames.columns["mean_uncertainty"])
    np.testing.assert_array_equal(fates["energy_std_eV"], frames.columns["energy_std"])
    assert run().fates["energy_std_eV"].isna().all()  # an exploration of before they were kept


def test_committee_chooses_from_the_most_uncertain_pool():
    selection, uncertainty = run(), explored().columns["uncertainty"]
    sound = np.arange(4, 100)
    pool = sound[np.argsort(-uncertainty[sound])][:20]
    assert set(selection.chosen) < set(pool)


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


def test_random_draws_every_sound_frame_alike():
    rng, frames, draws = np.random.default_rng(0), explored(29), 1500
    counts = np.zeros(29)
    for _ in range(draws):
        counts[select(frames, TRAINED, "random", SETTINGS, rng, features(29)).chosen] += 1
    expected = draws * 10 / 25
    # Binomial with p = 0.4, four standard deviations: 25 frames stay inside in all but one of 600 seeds.
    assert np.abs(counts[4:] - expected).max() < 4 * np.sqrt(expected * 0.6)
    assert not counts[:4].any()


def test_random_depends_on_the_seed_alone():
    assert run("random", 1).chosen.tolist() == run("random", 1).chosen.tolist()
    assert run("random", 1).chosen.tolist() != run("random", 2).chosen.tolist()


def test_committee_uses_no_random_numbers():
    assert run("committee", 1).chosen.tolist() == run("committee", 2).chosen.tolist()


# --- who is a candidate


def test_frames_above_the_band_are_left_out():
    uncertainty = explored().columns["uncertainty"]
    selection = run(high_eV_per_A=0.3, per_round=1000)
    inside = (uncertainty >= 0.1) & (uncertainty <= 0.3)
    assert sorted(selection.chosen) == (4 + np.flatnonzero(inside[4:])).tolist()
    above = 4 + np.flatnonzero(uncertainty[4:] > 0.3)
    assert (selection.fates["fate"][above] == "too uncertain to be trusted").all()


def test_the_top_asks_for_no_threshold():
    uncertainty = explored().columns["uncertainty"]
    selection = run(criterion="top", low_eV_per_A=5.0, pool_factor=1.0)
    assert sorted(selection.chosen) == sorted(4 + np.argsort(-uncertainty[4:])[:10])


def test_the_percentile_is_of_this_exploration():
    uncertainty = explored().columns["uncertainty"][4:]
    selection = run("percentile", percentile=90.0, low_eV_per_A=5.0, per_round=1000)
    assert sorted(selection.chosen) == (4 + np.flatnonzero(uncertainty >= np.percentile(uncertainty, 90))).tolist()
    assert selection.counts["low_eV_per_A"] == pytest.approx(np.percentile(uncertainty, 90))
    assert selection.counts["fates"]["below the percentile"] == (uncertainty < np.percentile(uncertainty, 90)).sum()


def test_diversity_does_not_ask_for_uncertainty():
    of_explored, of_trained = features()
    expected = 4 + np.array(brute_force(of_explored[4:], of_trained, 10))
    assert run("diversity", low_eV_per_A=5.0).chosen.tolist() == expected.tolist()


def test_a_committee_sure_of_everything_is_checked_all_the_same():
    selection = run(low_eV_per_A=5.0, spot_checks=3)
    assert len(selection.chosen) == 3 and selection.counts["spot_checks"] == 3
    assert (selection.fates["fate"][selection.chosen] == SPOT_CHECK).all() and SPOT_CHECK.startswith(SELECTED)
    assert not set(selection.chosen) & set(BAD.values())
    assert run(spot_checks=3).counts["spot_checks"] == 0, "enough are uncertain"
    assert len(run(low_eV_per_A=5.0, spot_checks=3, per_round=2).chosen) == 2, "the budget holds"


def test_spot_checks_are_neither_near_duplicates_nor_too_uncertain():
    """Of a known bond length there are many, one in the middle is new, one is above the band."""
    lengths, uncertainty = np.full(30, 0.75), np.full(30, 0.01)
    lengths[10], lengths[20], uncertainty[20] = 0.85, 0.65, 0.5
    columns = {"walker": 0, "step": np.arange(30), "uncertainty": uncertainty, "max_force": 1.0}
    selection = run(
        frames=dimers(lengths).with_columns(**columns), spot_checks=5, high_eV_per_A=0.4, duplicate_rmsd_A=0.001
    )
    assert selection.chosen.tolist() == [10]


# --- what is left out


def test_near_duplicates_are_left_out_and_counted():
    frames = explored()
    lengths = np.linalg.norm(np.diff(frames.positions.reshape(-1, 2, 3), axis=1), axis=2).ravel()
    within = 0.001  # of two atoms the RMSD is half the difference in length
    selection = run("random", per_round=1000, duplicate_rmsd_A=within)
    kept, of_trained = lengths[selection.chosen], np.linspace(0.7, 0.8, 15)
    assert np.abs(kept[:, None] - of_trained).min() >= 2 * within
    assert np.diff(np.sort(kept)).min() >= 2 * within
    fates = selection.counts["fates"]
    gone = fates["near duplicate of a trained frame"], fates["near duplicate of another candidate"]
    assert min(gone) > 0 and sum(gone) + len(kept) == 96 == selection.counts["no_duplicates"] + sum(gone)


def test_the_first_of_a_chain_of_duplicates_stays_and_so_does_the_third():
    chain = dimers([0.70, 0.73, 0.76, 0.90])
    assert repeated(chain, 0.02).tolist() == [False, True, False, False]
    assert like_known(chain, dimers([0.75]), 0.006).tolist() == [False, False, True, False]


def test_frames_of_other_atoms_are_no_duplicates():
    other = dimers([0.74])
    other.numbers[:] = 2
    assert not like_known(dimers([0.74]), other, 0.5).any()


def test_a_molecule_in_pieces_is_not_labelled_where_training_knows_it_whole():
    frames = dimers([0.74, 0.92, 3.0])
    assert count_fragments(frames).tolist() == [1, 1, 2], "a stretched bond still holds"
    columns = {"walker": 0, "step": [1, 2, 3], "uncertainty": 0.3, "max_force": 1.0}
    frames = frames.with_columns(**columns)
    reasons = physical(frames, TRAINED, SETTINGS)
    assert reasons.tolist() == ["", "", "fallen into pieces"]
    assert physical(frames, dimers([0.74, 5.0]), SETTINGS).tolist() == ["", "", ""], "training knows the pieces"
    assert physical(frames, TRAINED, {**SETTINGS, "keep_whole": False}).tolist() == ["", "", ""]


# --- largest clusters


def largest_clusters_by_definition(points, known, n):
    """Clusters of all points by their nearest centre, the sum of squares, and the farthest point of the largest."""
    picks = []
    for _ in range(n):
        centres = np.concatenate([known, points[picks]])
        rest = np.array([i for i in range(len(points)) if i not in picks])
        square = cdist(points[rest], centres) ** 2
        nearest, cluster = square.min(axis=1), square.argmin(axis=1)
        sizes = [nearest[cluster == c].sum() if (cluster == c).any() else -1 for c in range(len(centres))]
        own = np.flatnonzero(cluster == np.argmax(sizes))
        picks.append(int(rest[own[np.argmax(nearest[own])]]))
    return picks


@pytest.mark.parametrize("seed", range(5))
def test_largest_clusters_are_those_of_the_definition(seed):
    rng = np.random.default_rng(seed)
    points, others = rng.normal(size=(40, 3)), rng.normal(size=(4, 3))
    assert largest_clusters(points, others, 12).tolist() == largest_clusters_by_definition(points, others, 12)


@pytest.mark.parametrize("method", [largest_clusters, farthest_points])
def test_without_known_points_all_can_be_picked_once(method):
    points = np.array([[0.0], [0.0], [1.0], [4.0]])
    assert sorted(method(points, np.zeros((0, 1)), 9)) == [0, 1, 2, 3]


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
