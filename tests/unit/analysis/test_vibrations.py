import json

import numpy as np
import pytest
from test_spectrum import INTERVAL, swinging

from ouroboros.analysis import vibrations_figure
from ouroboros.analysis.plain import plain
from ouroboros.analysis.velocities import VelocitySeries
from ouroboros.analysis.vibrations import compare, side_by_side

LINES = [300.0, 1100.0, 2900.0]


def modes(*lines):
    return {"frequencies_per_cm": list(lines)}


def run(lines, walkers=2):
    velocities, masses = swinging(lines, n=2000)
    return VelocitySeries([velocities] * walkers, masses, INTERVAL)


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
    assert same["distance"] == pytest.approx(0, abs=1e-9) and same["distance_noise"] == pytest.approx(0, abs=1e-9)
    shifted = compare(modes(*LINES), modes(*LINES), run(LINES), run([340.0, 1100.0, 2900.0]))["spectra"]
    assert 0.2 < shifted["distance"] < 0.5  # one line of three
    assert [pair["difference_per_cm"] for pair in shifted["peaks"]] == pytest.approx([40, 0, 0], abs=5)
    lacking = compare(modes(*LINES), modes(*LINES), run(LINES), run(LINES[:2]))["spectra"]
    assert len(lacking["peaks"]) == 2


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
