"""The name of the folder that compares the arms."""

import pytest

from ouroboros.last_rounds import from_word, in_a_word


@pytest.mark.parametrize(
    ("rounds", "word"),
    [
        ([2], "2"),
        ([2, 2], "2-2"),
        ([4, 1, 1], "4-1-1"),
        ([2] * 126, "2x126"),
        ([10] * 5 + [3, 9] + [10] * 4, "10x5-3-9-10x4"),
    ],
)
def test_the_word_tells_the_last_round_of_each_arm(rounds: list[int], word: str):
    assert in_a_word(rounds) == word
    assert from_word(word) == rounds
