"""The catalogue: what is published, on which surface, and names as people write them."""

import pytest
from published_files import sentence

from ouroboros.reference.catalogue import MOLECULES, published


def test_ten_molecules_are_published_twice():
    md17 = [published("md17", name) for name in MOLECULES]
    assert len({source.url for source in md17}) == 10 and all(source.url.endswith(source.filename) for source in md17)
    rmd17 = [published("rmd17", name) for name in MOLECULES]
    assert {(source.url, source.archive) for source in rmd17} == {(rmd17[0].url, True)}
    for source in md17 + rmd17:
        units = {source.keys[name] for name in ("energy_unit", "force_unit", "length_unit")}
        assert units == {"kcal/mol", "kcal/mol/A", "A"} and source.temperature_K == 500.0


def test_the_two_surfaces_and_their_traps_are_named():
    md17, rmd17 = published("md17", "benzene"), published("rmd17", "benzene")
    assert md17.filename == "md17_benzene2017.npz"
    assert "PBE+vdW-TS" in md17.level_of_theory and "FHI-aims" in md17.level_of_theory
    assert "PBE/def2-SVP" in rmd17.level_of_theory and "ORCA" in rmd17.level_of_theory
    assert "noise" in md17.note and "random split" in md17.note and "another potential-energy surface" in rmd17.note
    assert md17.licence == "not stated by the source" and rmd17.licence.startswith("CC0")
    assert "045018" in rmd17.citation and "e1603015" in md17.citation and "3887" in md17.citation


def test_names_are_taken_as_people_write_them():
    for name in ("salicylic acid", "salicylic_acid", "Salicylic-Acid"):
        assert published("MD17", name).url.endswith("/md17_salicylic.npz")


@pytest.mark.parametrize(
    ("dataset", "molecule", "meant"),
    [("rmd17", "etanol", "ethanol"), ("md71", "ethanol", "md17"), ("md17", "caffeine", "aspirin, azobenzene")],
)
def test_an_unknown_set_is_an_error_that_names_what_there_is(dataset, molecule, meant):
    with pytest.raises(ValueError, match=meant) as problem:
        published(dataset, molecule)
    assert "reference.download." in sentence(problem)
