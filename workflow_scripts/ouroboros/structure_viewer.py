"""The selected structures of an arm, to turn in 3-D, beside a map of what is known of them; needs no network."""

import base64
import gzip
import json
from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from ase import Atoms

from .label_files import read_failures, read_labels
from .pages import write_page
from .records import read_json
from .structure_pictures import reasons

# Bytes: Chromium shows nothing in a frame whose data URI is over 2 MiB, and a report holds its pages in base64.
LARGEST = 1_570_000
DIGITS = 3  # of coordinates, Å: what the eye sees
PROPERTIES = {  # columns of the table that are shown: name, unit, explanation
    "uncertainty": ("expected force error", "eV/Å", "largest over the atoms, calibrated, before the label was known"),
    "force_error": (
        "true force error",
        "eV/Å",
        "largest over the atoms, of the committee that chose it",
    ),
    "time_ps": ("time", "ps", "of the walker, when it came by this structure"),
    "walker": ("walker", "", "that found the structure"),
    "max_force": ("largest force", "eV/Å", "over the atoms, predicted"),
    "round": ("round", "", "in which it was selected"),
    "why": ("why selected", "", "by the strategy of the arm"),
    "label": ("label", "", "what became of it"),
}


def selected_structures(
    candidates: Sequence[str],
    selections: Sequence[str],
    failures: Sequence[str],
    errors: Sequence[str],
    timestep_fs: float | None,
) -> tuple[list[Atoms], pd.DataFrame]:
    """The structures that an arm selected and what became of them, from the files of its rounds, round 0 first.

    Args:
        candidates: select/candidates.extxyz.
        selections: select/selection.json.
        failures: label_failures.csv of the rounds that were labelled.
        errors: prospective/frames.csv of those.
        timestep_fs: of the walkers; None where the structures are frames of a pool.
    """
    images, rows = [], []
    for number, (path, selection) in enumerate(zip(candidates, selections, strict=True)):
        labelled = number < len(failures)
        failed = {row["candidate"]: row["reason"] for row in read_failures(failures[number])} if labelled else {}
        known = pd.read_csv(errors[number]).set_index("candidate")["force_error_eV_per_A"] if labelled else {}
        done = "labelled" if labelled else "not asked for"
        for atoms, why in zip(read_labels(path), reasons(read_json(selection)), strict=True):
            info, name = atoms.info, atoms.info["candidate"]
            images.append(atoms)
            rows.append(
                {
                    "round": number,
                    "uncertainty": info["uncertainty"] or np.nan,  # one member has no spread
                    "force_error": known.get(name, np.nan),
                    "time_ps": np.nan if timestep_fs is None else info["step"] * timestep_fs / 1000,
                    "walker": np.nan if timestep_fs is None else info["walker"],
                    "max_force": info["max_force"],
                    "why": why,
                    "label": f"failed: {failed[name]}" if name in failed else done,
                }
            )
    return images, pd.DataFrame(rows, columns=["round", *(name for name in PROPERTIES if name != "round")])


def structure_viewer(images: Sequence[Atoms], table: pd.DataFrame, title: str, path: str | Path) -> int:
    """Write the page (chemiscope, its code inside), with as many structures as fit, the most uncertain ones first.

    Args:
        images: the structures.
        table: what is known of each, a row a structure, with columns of PROPERTIES; NaN where something is not known.
        title: of the page.
        path: of the page.

    Returns:
        How many structures the page shows.
    """
    order, shown = np.argsort(-table["uncertainty"].to_numpy(), kind="stable"), len(images)
    while _write(images, table, np.sort(order[:shown]), title, path) > LARGEST:
        shown = int(0.9 * shown)
    return shown


def _write(images: Sequence[Atoms], table: pd.DataFrame, shown: np.ndarray, title: str, path: str | Path) -> int:
    """Write a page of the structures at the indices `shown`; returns its bytes."""
    dataset = json.dumps(_dataset([images[i] for i in shown], table.iloc[shown], title)) if len(shown) else ""
    counts = {"shown": len(shown), "of": len(images)}
    write_page(path, "structures.html", title=title, library=_library(), dataset=_packed(dataset), **counts)
    return Path(path).stat().st_size


def _dataset(images: Sequence[Atoms], table: pd.DataFrame, title: str) -> dict[str, Any]:
    """What chemiscope shows; the map opens with expected errors along time, of a pool along rounds."""
    from chemiscope import create_input, quick_settings  # brings Jupyter's widgets along, for this page alone

    properties = {}
    for column, (name, unit, explanation) in PROPERTIES.items():
        if column in table and table[column].notna().any():
            values = table[column].to_numpy()
            number = values.dtype.kind in "iuf"
            properties[name] = {
                "target": "structure",
                "values": values.astype(float) if number else [str(value) for value in values],
                "description": explanation,
                **({"units": unit} if unit else {}),
            }
    names = {column: name for column, (name, _, _) in PROPERTIES.items() if name in properties}
    settings = quick_settings(
        x=names.get("time_ps", names["round"]),
        y=names.get("uncertainty") or names["max_force"],
        map_color=names["round"],
        symbol=names["label"],
        periodic=bool(images[0].pbc.any()),
        map_settings={"palette": "viridis"},
    )
    dataset = create_input(images, properties=properties, settings=settings, metadata={"name": title})
    for structure in dataset["structures"]:
        structure |= {axis: [round(value, DIGITS) for value in structure[axis]] for axis in "xyz"}
    return dataset


@cache
def _library() -> str:
    """The code of chemiscope, which its package carries."""
    return _packed(files("chemiscope").joinpath("sphinx/static/chemiscope.min.js").read_text(encoding="utf-8"))


def _packed(text: str) -> str:
    """Gzip in base64, which a browser unpacks by itself; the same bytes for the same text."""
    return base64.b64encode(gzip.compress(text.encode(), 9, mtime=0)).decode()
