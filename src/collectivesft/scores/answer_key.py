"""Which answer key a benchmark's items hold."""

import hashlib
from collections.abc import Iterable

from collectivesft import benchmarks
from collectivesft.benchmarks.item import Item


def identify(items: Iterable[Item]) -> dict[str, str | None]:
    """``{"sha256": of ids and letters of all test items, "date": of the key, or None}``.

    The digest does not depend on the order of items, or of an answer's letters. Keys change:
    29 answers of CMB's were wrong until 2024-02-21, so a score belongs to the key it was made by.
    """
    tests = [item for item in items if item.split == "test"]
    lines = sorted(f"{item.id}\t{''.join(sorted(set(item.answer)))}\n" for item in tests)
    digest = hashlib.sha256("".join(lines).encode()).hexdigest()
    dates = getattr(benchmarks.get(tests[0].benchmark), "KEY_DATES", {}) if tests else {}
    return {"sha256": digest, "date": dates.get(digest)}
