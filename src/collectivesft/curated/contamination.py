"""Finds benchmark items in training examples and removes those examples.

An item counts as found in an example when at least ``THRESHOLD`` of its n-grams of ``NGRAM``
tokens (a Chinese character or a Latin word) stand in the example; an item with fewer tokens than
``NGRAM`` when it makes up a whole turn. Items of fewer than ``MINIMUM`` tokens are too common to
tell anything and are passed over.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from collectivesft.benchmarks.item import Item, load_items
from collectivesft.curated.ledger import StepLedger
from collectivesft.curated.shingles import ngrams, tokens
from collectivesft.curated.store import count_rows, read_examples, write_results
from collectivesft.example import Drop, Example, conversation
from collectivesft.files import write_json
from collectivesft.progress import track

NGRAM = 8
THRESHOLD = 0.5
MINIMUM = 6
REPORTED_PAIRS = 1000


def decontaminate_file(
    examples: Path,
    items: list[Path],
    drop: bool,
    out: Path,
    dropped: Path,
    ledger: Path,
    report: Path,
) -> None:
    """Compare a file of examples with benchmark items.

    Args:
        items: JSON Lines of items, all splits.
        drop: whether found examples are removed; the report is the same either way.
        report: JSON with counts by dataset and benchmark and the first pairs found.
    """
    index = ItemIndex(item for path in items for item in load_items(path))
    counts, found = StepLedger("decontaminate"), Found(index)
    rows = track(read_examples(examples), "decontaminate", count_rows(examples))
    write_results(counts.watch(decontaminate(rows, found, drop)), out, dropped)
    counts.write(ledger)
    write_json(report, found.report(drop))


def decontaminate(
    examples: Iterable[Example], found: "Found", drop: bool
) -> Iterator[Example | Drop]:
    """Yield each example, or a Drop that names the item; what was found is noted in ``found``."""
    for example in examples:
        matches = found.index.matches(example)
        found.note(example, matches)
        if matches and drop:
            name, share = matches[0]
            detail = f"{share:.0%} of {name}"
            yield Drop(example.id, "in_benchmark", conversation(example.messages)[:500], detail)
        else:
            yield example


class ItemIndex:
    """The n-grams of all items, sorted, with the items that each stands in."""

    def __init__(self, items: Iterable[Item]):
        self.names: list[str] = []
        self.benchmarks: Counter = Counter()
        self._sizes: list[int] = []
        self._short: dict[tuple[str, ...], list[int]] = defaultdict(list)
        grams: list[np.ndarray] = []
        for item in items:
            self.benchmarks[item.benchmark] += 1
            for text in item.texts():
                self._add(f"{item.benchmark}:{item.id}", text, grams)
        self._index(grams)

    def _add(self, name: str, text: str, grams: list[np.ndarray]) -> None:
        words = tokens(text)
        if len(words) < MINIMUM:
            return
        if len(words) < NGRAM:
            self._short[tuple(words)].append(len(self.names))
        found = ngrams(text, NGRAM) if len(words) >= NGRAM else np.empty(0, dtype=np.uint64)
        self.names.append(name)
        self._sizes.append(len(found))
        grams.append(found)

    def _index(self, grams: list[np.ndarray]) -> None:
        owners = np.repeat(np.arange(len(grams)), [len(found) for found in grams])
        flat = np.concatenate(grams) if grams else np.empty(0, dtype=np.uint64)
        order = np.argsort(flat, kind="stable")
        self._grams, self._owners = flat[order], owners[order]

    def matches(self, example: Example) -> list[tuple[str, float]]:
        """Items found in an example with the share of their n-grams, the most certain first."""
        hits: Counter = Counter()
        for _, text in _texts(example):
            for i in self._short.get(tuple(tokens(text)), ()):
                hits[i] = 1
        grams = ngrams("\n".join(text for _, text in _texts(example)), NGRAM)
        left = np.searchsorted(self._grams, grams, side="left")
        right = np.searchsorted(self._grams, grams, side="right")
        for start, end in zip(left[left < right], right[left < right], strict=True):
            hits.update(self._owners[start:end].tolist())
        shares: dict[str, float] = {}
        for i in hits:  # a clinical case has several texts: its surest one counts
            share = hits[i] / max(self._sizes[i], 1)
            shares[self.names[i]] = max(share, shares.get(self.names[i], 0.0))
        found = [(name, share) for name, share in shares.items() if share >= THRESHOLD]
        return sorted(found, key=lambda pair: (-pair[1], pair[0]))


def _texts(example: Example) -> list[tuple[str, str]]:
    """What of an example is compared: for an exam question itself, without the instruction."""
    if example.style == "mcqa":
        return [("user", example.meta["question"]), example.messages[-1]]
    return example.messages


class Found:
    """What was found: counts and the first pairs."""

    def __init__(self, index: ItemIndex):
        self.index = index
        self._items: set[str] = set()
        self._by_dataset: Counter = Counter()
        self._by_benchmark: Counter = Counter()
        self._pairs: list[dict[str, Any]] = []

    def note(self, example: Example, matches: list[tuple[str, float]]) -> None:
        """Note the matches of one example."""
        if not matches:
            return
        self._by_dataset[example.dataset] += 1
        self._by_benchmark.update({name.partition(":")[0] for name, _ in matches})
        self._items.update(name for name, _ in matches)
        for name, share in matches:
            if len(self._pairs) < REPORTED_PAIRS:
                self._pairs.append({"example": example.id, "item": name, "share": round(share, 4)})

    def report(self, dropped: bool) -> dict[str, Any]:
        """The report as JSON; counts are of items and of examples."""
        return {
            "ngram": NGRAM,
            "threshold": THRESHOLD,
            "minimum_tokens": MINIMUM,
            "items": sum(self.index.benchmarks.values()),
            "items_by_benchmark": dict(self.index.benchmarks),
            "items_found": len(self._items),
            "examples_found": sum(self._by_dataset.values()),
            "examples_by_dataset": dict(sorted(self._by_dataset.items())),
            "examples_by_benchmark": dict(sorted(self._by_benchmark.items())),
            "dropped": dropped,
            "pairs": self._pairs,
        }
