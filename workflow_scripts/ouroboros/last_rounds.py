"""The last round of each arm in one word, for the name of the folder that compares them."""

from collections.abc import Iterable
from itertools import groupby

# So many arms in a row and more are counted: a list of them may be too long for a name, and Snakemake refuses a
# wildcard that repeats itself.
ALIKE = 4


def in_a_word(rounds: Iterable[int]) -> str:
    """Rounds in the order of the arms: "2-1" of two arms, "2x126" of 126 that end alike."""
    words = []
    for r, alike in groupby(rounds):
        n = len(list(alike))
        words += [f"{r}x{n}"] if n >= ALIKE else [str(r)] * n
    return "-".join(words)


def from_word(word: str) -> list[int]:
    """The rounds again."""
    rounds: list[int] = []
    for part in word.split("-"):
        r, _, n = part.partition("x")
        rounds += [int(r)] * int(n or 1)
    return rounds
