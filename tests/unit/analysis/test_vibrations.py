import json

import matplotlib.pyplot as plt
import numpy as np
import pytest
from test_spectrum import INTERVAL, swinging

from ouroboros.analysis import vibrations_figure
from ouroboros.analysis.plain import plain
from ouroboros.analysis.velocities import VelocitySeries
from ouroboros.analysis.vibrations import compare, side_by_side

LINES = [300.0, 1100.0, 2900.0]


BENT = [[0.0, 0.0, 0.0], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]


def modes(*lines, positions=BENT):
    return {"frequencies_per_cm": list(lines), "positions_A": positions}


def run(lines, names=(0, 1)):
    """Walkers that differ: in each another line swings more than the others."""
    runs = []
    for name in names:
        velocities, masses = swinging(lines, n=2000)
        velocities[:, name % len(lines)] *= 1.5
        velocities[:, -1] = -(velocities * masses[:, None])[:, :-1].sum(axis=1) / masses[-1]
        runs.append(velocities)
    return VelocitySeries(list(names), runs, masses, INTERVAL)


def test_deviation_is_told_with_its_sign_and_judged():
    result = compare(modes(*LINES), modes(310.0, 1090.0, 2960.0), None, None, limit_per_cm=30)
    deviation = result["harmonic"]["deviation"]
    assert deviation["mean_absolute_per_cm"] == pytest.approx(80 / 3)
    assert deviation["mean_per_cm"] == pytest.approx(20) and deviation["largest_per_cm"] == 60
    assert result["verdicts"]["harmonic"].passed
    assert not compare(modes(*LINES), modes(310.0, 1090.0, 2960.0), None, None, 20)["verdicts"]["harmonic"].passed
    table = side_by_side(modes(*LINES), modes(*LINES))
    assert list(table["mode"]) == [1, 2, 3] and (table["difference_per_cm"] == 0).all()
    assert table["oracle_THz"].iloc[1] == pytest.approx(1100 * 0.0299792458)
    assert compare(modes(*LINES), modes(-50.0, *LINES[1:]), None, None)["harmonic"]["n_imaginary_model"] == 1


def test_spectra_that_are_alike_have_no_distance_and_others_do():
    same = compare(modes(*LINES), modes(*LINES), run(LINES), run(LINES))["spectra"]
    assert same["distance"] == pytest.approx(0, abs=1e-9)
    assert 0.05 < same["distance_noise"] < 0.2  # half of what two walkers of one potential differ by
    shifted = compare(modes(*LINES), modes(*LINES), run(LINES), run([340.0, 1100.0, 2900.0]))["spectra"]
    assert 0.2 < shifted["distance"] < 0.5  # one line of three
    assert [pair["difference_per_cm"] for pair in shifted["peaks"]] == pytest.approx([40, 0, 0], abs=5)
    lacking = compare(modes(*LINES), modes(*LINES), run(LINES), run(LINES[:2]))["spectra"]
    assert len(lacking["peaks"]) == 2


def test_spectra_are_of_the_walkers_that_both_have():
    theirs, ours = run(LINES, names=(0, 2)), run(LINES, names=(0, 1, 2, 3))
    spectra = compare(modes(*LINES), modes(*LINES), theirs, ours)["spectra"]
    assert spectra["oracle"]["n_walkers"] == spectra["model"]["n_walkers"] == 2
    assert spectra["distance"] == pytest.approx(0, abs=1e-9)
    nobody = compare(modes(*LINES), modes(*LINES), theirs, run(LINES, names=(1,)))["spectra"]
    assert "No walker" in nobody["reason"] and "distance" not in nobody


def test_another_conformer_is_warned_of_and_a_turned_molecule_is_not():
    turned = (np.array(BENT) @ np.array([[0, 1, 0], [-1, 0, 0], [0, 0, 1]]) + 5).tolist()
    same = compare(modes(*LINES), modes(*LINES, positions=turned), None, None)["harmonic"]
    assert same["minima_rmsd_A"] == pytest.approx(0, abs=1e-6) and "warning" not in same
    straight = [[0.0, 0.0, 0.0], [1.0, 0.0, 0.0], [-1.0, 0.0, 0.0]]
    other = compare(modes(*LINES), modes(*LINES, positions=straight), None, None)["harmonic"]
    assert other["minima_rmsd_A"] > 0.1 and "conformers" in other["warning"]


def test_the_axis_shows_what_there_is(tmp_path, monkeypatch):
    monkeypatch.setattr(plt, "close", lambda drawing: None)

    def limits(result):
        vibrations_figure.draw(plain(result), tmp_path / "vibrations.svg")
        return plt.gcf().axes[0].get_xlim()

    periodic = {"reason": "The system is periodic."}
    slow = compare(periodic, periodic, None, run([100.0, 150.0, 200.0]))
    slow["spectra"]["reason"] = "The oracle takes too long."
    assert limits(slow) == (0, pytest.approx(230, abs=30))
    assert "takes too long" in (tmp_path / "vibrations.svg").read_text()
    lowest, highest = limits(compare(modes(*LINES), modes(-50.0, *LINES[1:]), None, None))
    assert lowest < -50 and 2900 < highest < 3200
    monkeypatch.undo()
    plt.close("all")


def test_molecules_that_differ_are_refused():
    with pytest.raises(ValueError, match="not the same structure"):
        compare(modes(*LINES), modes(*LINES[:2]), None, None)


@pytest.mark.parametrize("harmonic", [True, False])
@pytest.mark.parametrize("spectra", ["both", "model", "none"])
def test_whatever_is_there_is_drawn(tmp_path, harmonic, spectra):
    oracle = modes(*LINES) if harmonic else {"reason": "The system is periodic."}
    model = modes(*(np.array(LINES) + 5)) if harmonic else {"reason": "The system is periodic."}
    theirs = run(LINES) if spectra == "both" else None
    result = plain(compare(oracle, model, theirs, run(LINES) if spectra != "none" else None))
    json.dumps(result, allow_nan=False)
    vibrations_figure.draw(result, tmp_path / "vibrations.svg", "GFN2-xTB")
    text = (tmp_path / "vibrations.svg").read_text()
    assert ("periodic" in text) != harmonic and ("GFN2-xTB, MD" in text) == (spectra == "both")
    assert "frequency (THz)" in text and "wavenumber (cm⁻¹)" in text
