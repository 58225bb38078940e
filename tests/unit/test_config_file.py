"""A file that cannot be a config is told of in one sentence, with its line."""

from pathlib import Path

import pytest

from ouroboros.config_file import problem_of


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (b"name: my\ntraining\n  steps: 5\n", "is not YAML: could not find expected ':' in line 3"),
        (b"name: my\nmodel: {a: 1\n", "is not YAML: "),
        (b"\tname: my\n", "in line 1"),
        (b"- a\n- b\n", "holds no keys, but ['a', 'b']"),
        (b"just words\n", "holds no keys, but 'just words'"),
        (b"\xff\xfe\x00", "cannot be read"),
    ],
)
def test_what_is_no_config_is_told_with_its_line(tmp_path: Path, text: bytes, words: str):
    path = tmp_path / "my.yaml"
    path.write_bytes(text)
    assert words in problem_of(path)


def test_a_config_and_an_empty_file_are_read(tmp_path: Path):
    path = tmp_path / "my.yaml"
    for text in ("", "# nothing\n", "name: my\n", "misspelt_key: 1\n"):
        path.write_text(text)
        assert problem_of(path) == ""
    assert "There is no file" in problem_of(tmp_path / "none.yaml")
