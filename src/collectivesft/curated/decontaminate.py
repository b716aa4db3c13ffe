"""Finds benchmark items in training examples and removes those examples (see ``item_index``)."""

import json
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pyarrow as pa

from collectivesft.common.errors import UserError
from collectivesft.common.files import write_json
from collectivesft.common.process_pool import ordered_map
from collectivesft.common.progress import Reporter
from collectivesft.curated.contamination.item_index import (
    COMMON,
    MINIMUM,
    NGRAM,
    THRESHOLD,
    Matches,
    items_by_benchmark,
    load_index,
)
from collectivesft.curated.storage.parquet import (
    Results,
    count_rows,
    examples_of,
    pieces,
    read_batches,
    row_groups,
    turns,
)
from collectivesft.curated.storage.step_ledger import StepLedger
from collectivesft.curated.text.unicode_fold import hand_over
from collectivesft.schema.example import Drop, Example, conversation
from collectivesft.schema.item import Split

REPORTED_PAIRS = 1000
# Named examples of an item: the report stays below 100 MB where all of 11,200 items have so many.
REPORTED_EXAMPLES = 200


def decontaminate_file(
    examples: Path,
    *,
    items: list[Path],
    decontaminate: bool,
    out: Path,
    dropped: Path,
    ledger: Path,
    report: Path,
    threads: int = 1,
    allow_splits: Sequence[str] = (),
) -> None:
    """Compare a file of examples with benchmark items.

    Args:
        items: JSON Lines of items, all splits.
        decontaminate: remove the found examples; the report is the same either way.
        allow_splits: splits of items that are not looked for: a benchmark's own training data.
        report: JSON with counts by dataset and benchmark, the first pairs found, and the ids of
            each found item's examples (of its first REPORTED_EXAMPLES).
        threads: number of processes; the files do not depend on it.

    Raises:
        UserError: ``allow_splits`` names a split that no benchmark has.
    """
    splits = tuple(allow_splits)
    if unknown := set(splits) - set(get_args(Split)):
        remedy = f"Take one of {', '.join(get_args(Split))}"
        raise UserError(f"--allow-splits {', '.join(sorted(unknown))}: no such split. {remedy}.")
    # The index itself is made where rows are searched: often in other processes only.
    found = Found(items_by_benchmark(tuple(items), splits))
    counts, parts = StepLedger("decontaminate"), row_groups([examples])
    work = partial(search_group, items=tuple(items), allowed=splits)
    with (
        Results(out, dropped, counts) as results,
        Reporter(f"decontaminate {out}", count_rows(examples)) as reporter,
    ):
        for searched in ordered_map(work, parts, threads, hand_over()):
            for batch, matches in searched:
                _write(batch, matches, found, results, decontaminate)
                reporter.advance(len(batch))
    counts.write(ledger)
    write_json(report, found.report(decontaminate) | {"allowed_splits": sorted(splits)})


def search_group(
    part: tuple[Path, int, int], items: tuple[Path, ...], allowed: tuple[str, ...] = ()
) -> list[tuple[pa.RecordBatch, dict[int, Matches]]]:
    """Batches of one row group, each with the items found in its rows."""
    path, group, _ = part
    index = load_index(items, allowed)
    searched = []
    for batch in read_batches(path, group):
        first, matches = 0, {}
        for piece in pieces(batch):
            rows = list(_rows(piece))
            here = index.search([texts for texts, _ in rows], [options for _, options in rows])
            matches |= {first + row: found for row, found in here.items()}
            first += len(piece)
        searched.append((batch, matches))
    return searched


def _rows(batch: pa.RecordBatch) -> Iterator[tuple[list[str], Collection[str]]]:
    """As ``item_index.compared`` and ``options_of``, of a batch."""
    contents, starts = turns(batch)
    metas = batch.column("meta")
    for row, style in enumerate(batch.column("style").to_pylist()):
        texts, options = contents[starts[row] : starts[row + 1]], ()
        if style == "mcqa":
            meta = json.loads(metas[row].as_py())
            texts, options = [meta["question"], texts[-1]], meta["options"].values()
        yield texts, options


def _write(
    batch: pa.RecordBatch,
    matches: dict[int, Matches],
    found: "Found",
    results: Results,
    drop: bool,
) -> None:
    rows = np.array(list(matches), dtype=np.int64)
    for row, example in zip(matches, examples_of(batch.take(pa.array(rows))), strict=True):
        found.note(example, matches[row])
        if drop:
            results.drop(found_drop(example, matches[row]))
    stays = np.ones(len(batch), dtype=bool)
    stays[rows] = not drop
    results.keep(batch.filter(pa.array(stays)))


def found_drop(example: Example, matches: Matches) -> Drop:
    """A Drop that names the surest item."""
    name, share = matches[0]
    detail = f"{share:.0%} of {name}"
    return Drop(example.id, "in_benchmark", conversation(example.messages)[:500], detail)


class Found:
    """The report: counts, the first pairs, and the examples of each item.

    Args:
        items: number of items that are looked for, by benchmark.
    """

    def __init__(self, items: Counter[str]):
        self._items = items
        self._examples: dict[str, list[str]] = {}
        self._more: set[str] = set()
        self._by_dataset: Counter = Counter()
        self._by_benchmark: Counter = Counter()
        self._pairs: list[dict[str, Any]] = []

    def note(self, example: Example, matches: list[tuple[str, float]]) -> None:
        """Note the matches of one example."""
        if not matches:
            return
        self._by_dataset[example.dataset] += 1
        self._by_benchmark.update({name.partition(":")[0] for name, _ in matches})
        for name, share in matches:
            examples = self._examples.setdefault(name, [])
            if len(examples) < REPORTED_EXAMPLES:
                examples.append(example.id)
            else:
                self._more.add(name)
            if len(self._pairs) < REPORTED_PAIRS:
                self._pairs.append({"example": example.id, "item": name, "share": round(share, 4)})

    def report(self, dropped: bool) -> dict[str, Any]:
        """The report as JSON; counts are of items and of examples."""
        return {
            "ngram": NGRAM,
            "threshold": THRESHOLD,
            "minimum_tokens": MINIMUM,
            "common_tokens": COMMON,
            "items": self._items.total(),
            "items_by_benchmark": dict(self._items),
            "items_found": len(self._examples),
            "examples_found": sum(self._by_dataset.values()),
            "examples_by_dataset": dict(sorted(self._by_dataset.items())),
            "examples_by_benchmark": dict(sorted(self._by_benchmark.items())),
            "dropped": dropped,
            "pairs": self._pairs,
            "found": {name: sorted(ids) for name, ids in sorted(self._examples.items())},
            "found_in_more": sorted(self._more),
        }
