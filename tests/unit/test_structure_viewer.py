"""The page of structures in 3-D: what it knows of each, and that it stays as small as a browser takes."""

import base64
import gzip
import json
import re

import numpy as np
import pandas as pd
from ase.build import bulk, molecule

from ouroboros import structure_viewer as viewer
from ouroboros.label_files import write_failures, write_labels
from ouroboros.records import write_json


def dataset(path):
    packed = re.search(r'id="dataset">([^<]*)<', path.read_text())[1]
    return json.loads(gzip.decompress(base64.b64decode(packed)))


def round_files(folder, number, labelled):
    """The files of a round that selected three structures, the last a spot check, the first of which got no label."""
    folder.mkdir()
    images = [molecule("H2O") for _ in range(3)]
    for i, atoms in enumerate(images):
        atoms.info = {"uncertainty": 0.1 * (i + 1), "walker": i, "step": 20, "max_force": 2.0}
        atoms.info["candidate"] = f"committee-42_r{number}_{i}"
    files = [folder / name for name in ("candidates.extxyz", "selection.json", "failures.csv", "frames.csv")]
    write_labels(files[0], images)
    write_json(files[1], {"strategy": "committee", "selected": 3, "spot_checks": 1})
    if not labelled:
        return files[:2]
    failure = {"candidate": images[0].info["candidate"], "reason": "not_converged", "seconds": 1.0}
    write_failures(files[2], [{**failure, "label_key": "", "message": ""}])
    names = [atoms.info["candidate"] for atoms in images[1:]]
    pd.DataFrame({"candidate": names, "force_error_eV_per_A": [0.5, 0.7]}).to_csv(files[3], index=False)
    return files


def test_structures_carry_what_became_of_them(tmp_path):
    first, last = round_files(tmp_path / "0", 0, True), round_files(tmp_path / "1", 1, False)
    files = [[first[0], last[0]], [first[1], last[1]], [first[2]], [first[3]]]
    images, table = viewer.selected_structures(*files, timestep_fs=0.5)
    assert len(images) == 6
    assert table["round"].tolist() == [0, 0, 0, 1, 1, 1]
    assert table["label"].tolist() == ["failed: not_converged", "labelled", "labelled"] + 3 * ["not asked for"]
    assert table["why"].tolist() == 2 * ["uncertain", "uncertain", "spot check"]
    np.testing.assert_equal(table["force_error"].to_numpy(), [np.nan, 0.5, 0.7, np.nan, np.nan, np.nan])
    assert set(table["time_ps"]) == {0.01}
    assert viewer.structure_viewer(images, table, "Selected", tmp_path / "page.html") == 6
    shown = dataset(tmp_path / "page.html")
    assert len(shown["structures"]) == 6
    error = shown["properties"]["true force error"]
    assert error["units"] == "eV/Å" and error["values"][1] == 0.5
    assert shown["settings"]["map"]["x"]["property"] == "time"
    assert shown["structures"][0]["z"] == [round(z, 3) for z in images[0].positions[:, 2]]


def test_a_page_over_the_limit_leaves_out_the_least_uncertain(tmp_path, monkeypatch):
    images = [bulk("Cu", cubic=True).repeat(3) for _ in range(40)]
    rng = np.random.default_rng(0)
    for atoms in images:
        atoms.positions += rng.normal(scale=0.1, size=atoms.positions.shape)
    table = pd.DataFrame({"uncertainty": rng.permutation(40), "round": 0, "why": "uncertain", "label": "labelled"})
    path = tmp_path / "page.html"
    assert viewer.structure_viewer(images, table, "Selected", path) == 40
    monkeypatch.setattr(viewer, "LARGEST", path.stat().st_size - 15_000)
    shown = viewer.structure_viewer(images, table, "Selected", path)
    assert 20 < shown < 40 and path.stat().st_size <= viewer.LARGEST
    assert f"The {shown} most uncertain of 40" in path.read_text()
    kept = dataset(path)["properties"]["expected force error"]["values"]
    assert min(kept) == 40 - shown


def test_nothing_selected_is_a_page_all_the_same(tmp_path):
    table = pd.DataFrame(columns=list(viewer.PROPERTIES), dtype=float)
    assert viewer.structure_viewer([], table, "Selected", tmp_path / "page.html") == 0
    assert "There is nothing to show." in (tmp_path / "page.html").read_text()
