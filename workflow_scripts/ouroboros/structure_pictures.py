"""Pictures of the structures that were selected, with why."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms
from ase.data import covalent_radii
from ase.data.colors import jmol_colors
from ase.neighborlist import natural_cutoffs, neighbor_list
from matplotlib.axes import Axes
from matplotlib.patches import Circle

from .figure import figure, sentence

MOST = 24  # pictures: more are too small to see
COLUMNS = 6
WHY = {  # by strategy
    "committee": "uncertain",
    "percentile": "among the most uncertain",
    "diversity": "unlike the others",
    "random": "by chance",
}
BALL = 0.55  # of the covalent radius


def reasons(counts: dict[str, Any]) -> list[str]:
    """Why each candidate of a round was selected, in the order in which `selection.select` returns them.

    Args:
        counts: selection.json.
    """
    checks = counts["spot_checks"]
    return [WHY[counts["strategy"]]] * (counts["selected"] - checks) + ["spot check"] * checks


def selected(images: Sequence[Atoms], why: Sequence[str], timestep_fs: float | None, path: str | Path) -> None:
    """The selected structures, the most uncertain first, each with its expected force error, walker, time and reason.

    Args:
        images: with `uncertainty` (eV/Å), `walker` and `step` in `info`.
        why: the reason of each.
        timestep_fs: None where the structures are frames of a pool, whose step is one more than their index in the
            reference set.
        path: of the figure.
    """
    if not images:
        sentence(path, "No structure was selected in this round.")
        return
    known = any(atoms.info["uncertainty"] > 0 for atoms in images)  # one member has no spread
    order = np.argsort([-atoms.info["uncertainty"] for atoms in images], kind="stable")[:MOST]
    rows = -(-len(order) // COLUMNS)
    with figure(path, columns=COLUMNS, rows=rows, width=1.75, height=1.8) as panels:
        for axes, which in zip(panels, order, strict=False):
            _draw(axes, images[which])
            info = images[which].info
            if timestep_fs is None:
                of = f"frame {info['step'] - 1}"
            else:
                of = f"walker {info['walker']}, {info['step'] * timestep_fs / 1000:.3g} ps"
            score = f"{info['uncertainty']:.3g} eV/Å\n" if known else ""
            axes.set_title(f"{score}{of}\n{why[which]}", fontsize=8)
        for axes in panels:
            axes.axis("off")
        shown = f"the {len(order)} {'most uncertain' if known else 'first'} of " if len(order) < len(images) else ""
        title = f"{shown}{len(images)} selected structures"
        title += ", with the largest force error expected on an atom" if known else ""
        panels[0].figure.suptitle(title, fontsize=10)


def from_the_widest_side(atoms: Atoms) -> np.ndarray:
    """Positions (n_atoms, 3) turned about their centre, Å: x where they reach furthest, z, towards the eye, least."""
    places = atoms.positions - atoms.positions.mean(axis=0)
    directions = np.linalg.eigh(places.T @ places)[1][:, ::-1]
    directions[:, 2] *= np.sign(np.linalg.det(directions))  # else a mirror image
    return places @ directions


def _draw(axes: Axes, atoms: Atoms) -> None:
    """Balls and sticks from the widest side; bonds across the border of a cell are left out."""
    flat = from_the_widest_side(atoms)
    radii = BALL * covalent_radii[atoms.numbers]
    i, j, shift = neighbor_list("ijS", atoms, natural_cutoffs(atoms, mult=1.2))
    inside = (i < j) & ~shift.any(axis=1)
    for a, b in zip(i[inside], j[inside], strict=True):
        depth = flat[[a, b], 2].mean()
        axes.plot(*flat[[a, b], :2].T, color="#777777", linewidth=2.2, zorder=10 + depth, solid_capstyle="round")
    for number, place, radius in zip(atoms.numbers, flat, radii, strict=True):
        look = {"facecolor": jmol_colors[number], "edgecolor": "#333333", "linewidth": 0.6}
        axes.add_patch(Circle(place[:2], radius, zorder=10 + place[2], **look))
    width, height = np.abs(flat[:, :2]).max(axis=0) + 0.6
    axes.set(xlim=(-width, width), ylim=(-height, height), aspect="equal", adjustable="datalim")
