"""docs/data.md shows what the sources declare now."""

from pathlib import Path

import pytest

from collectivesft.common.errors import InputError
from collectivesft.raw import sources
from collectivesft.raw.fetching import registry

PAGE = Path(__file__).parents[2] / "docs/data.md"


def test_the_page_is_current(tmp_path: Path):
    page = PAGE.read_text(encoding="utf-8")
    copy = tmp_path / "data.md"
    copy.write_text(page, encoding="utf-8")
    sources.write_into(copy)
    assert copy.read_text(encoding="utf-8") == page, (
        "run: collectivesft raw sources --into docs/data.md"
    )


def test_every_fact_of_every_source_is_shown():
    text = sources.markdown()
    for name in registry.names():
        source = registry.load(name)
        for fact in (source.title, source.homepage, source.licence, source.citation, *source.notes):
            assert fact in text
        for file in source.files:
            known = (file.path, file.sha256, file.git_blob)
            assert all(fact in text for fact in known if fact)


def test_every_table_is_whole():
    """Each line of a table has as many cells as its header."""
    for block in sources.markdown().split("\n\n"):
        lines = [line for line in block.splitlines() if line.startswith("|")]
        assert len({line.replace("\\|", "").count("|") for line in lines}) <= 1


@pytest.mark.parametrize("text", ["no marks", f"only {sources.BEGIN}"])
def test_a_page_without_marks_is_left_alone(text: str, tmp_path: Path):
    page = tmp_path / "data.md"
    page.write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match="no lines"):
        sources.write_into(page)
    assert page.read_text(encoding="utf-8") == text
