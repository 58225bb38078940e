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
    stress_key: str | None = None
    stress_unit: str | None = None
    stress_sign: str | None = None  # what is positive: tension or pressure
    virial_key: str | None = None  # in the unit of the energies

    @property
    def stress_source(self) -> tuple[str, str]:
        """The config key that names the stress or virial, and its name in the files; empty where none is read."""
        if self.virial_key:
            return "virial_key", self.virial_key
        return "stress_key", self.stress_key or ""


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
