"""What the user's files call things, and one sentence when they do not."""

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches


@dataclass(frozen=True)
class Names:
    """What the files call things, and in which units they are."""

    energy_key: str
    force_key: str
    positions_key: str
    numbers_key: str
    energy_unit: str
    force_unit: str
    length_unit: str
    columns: dict[str, str]


class ContentError(Exception):
    """What is wrong with a file's content, in one sentence without the file's name."""


def missing(key: str, where: str, seen: Sequence[str]) -> ContentError:
    """No frame has `key`, which the config key `where` names; `seen` are the keys that there are."""
    close = get_close_matches(key, seen, n=2)
    hint = f"did you mean {' or '.join(close)}? " if close else ""
    told = ", ".join(sorted(seen)) or "none"
    return ContentError(f"no frame has {key!r}, which {where} names; {hint}the keys there are: {told}")


def wrong_shape(key: str, shape: tuple[int, ...], expected: str, where: str) -> ContentError:
    """The array `key` is not of the shape that it has to be."""
    return ContentError(f"{key!r} has the shape {shape}, but {expected}: check reference.files.{where}")
