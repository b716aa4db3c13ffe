"""A GGUF file is parsed once for all that reads it, and by nobody else's reader afterwards."""

import gguf
import pytest

from collectivesft.models.convert.gguf_reader import parsed_once


@pytest.fixture
def parsed(monkeypatch) -> list[str]:
    """Paths that are parsed, in their order."""
    calls: list[str] = []

    def parse(path: str) -> object:
        calls.append(path)
        return object()

    monkeypatch.setattr(gguf, "GGUFReader", parse)
    return calls


def test_a_file_is_parsed_once(parsed):
    with parsed_once():
        first, second = (gguf.GGUFReader("a.gguf") for _ in range(2))
        other = gguf.GGUFReader("b.gguf")
    assert first is second is not other
    assert parsed == ["a.gguf", "b.gguf"]


def test_afterwards_a_file_is_parsed_again(parsed):
    for _ in range(2):
        with parsed_once():
            gguf.GGUFReader("a.gguf")
    gguf.GGUFReader("a.gguf")
    assert parsed == ["a.gguf"] * 3


def test_an_error_leaves_the_reader_of_before(parsed):
    before = gguf.GGUFReader
    with pytest.raises(ValueError, match="damaged"), parsed_once():
        raise ValueError("damaged")
    assert gguf.GGUFReader is before
