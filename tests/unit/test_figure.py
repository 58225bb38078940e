"""A figure is an SVG with its PNG beside it, and one that fails leaves no SVG."""

import struct
import time

import pytest

from ouroboros.figure import figure, sentence


def test_a_png_of_the_same_figure_stands_beside_the_svg(tmp_path):
    with figure(tmp_path / "line.svg") as axes:
        axes.plot([0, 1], [0, 1])
    assert (tmp_path / "line.svg").read_text().startswith("<?xml")
    png = (tmp_path / "line.png").read_bytes()
    assert png[:8] == b"\x89PNG\r\n\x1a\n"
    assert struct.unpack(">I", png[16:20])[0] > 700, "wide enough for half a page in print"


def test_the_same_data_give_the_same_bytes(tmp_path):
    for name in ("a", "b"):
        sentence(tmp_path / f"{name}.svg", "No reason.")
        time.sleep(1.1)
    for ending in ("svg", "png"):
        assert (tmp_path / f"a.{ending}").read_bytes() == (tmp_path / f"b.{ending}").read_bytes()


def test_a_figure_that_fails_is_not_written(tmp_path):
    with pytest.raises(ZeroDivisionError), figure(tmp_path / "line.svg"):
        1 / 0  # noqa: B018
    assert list(tmp_path.iterdir()) == []
