"""Identify the answer key of a benchmark's items."""

from collections.abc import Iterable

from collectivesft import benchmarks
from collectivesft.schema.item import Item, key_digest


def identify(items: Iterable[Item]) -> dict[str, str | None]:
    """``{"sha256": of ids and answers of all test items, "date": of the key, or None}``.

    The digest does not depend on the order of items, or of an answer's letters. Keys change:
    29 answers of CMB's were wrong until 2024-02-21, so a score belongs to the key it was made by.
    """
    tests = [item for item in items if item.split == "test"]
    digest = key_digest((item.id, _answer(item)) for item in tests)
    dates = getattr(benchmarks.get(tests[0].benchmark), "KEY_DATES", {}) if tests else {}
    return {"sha256": digest, "date": dates.get(digest)}


def _answer(item: Item) -> str:
    """Sorted letters, or the references of free text."""
    return "\x1f".join(item.references) or "".join(sorted(set(item.answer)))
