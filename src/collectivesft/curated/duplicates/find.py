"""Decides, row by row in their order, which are copies of an earlier row that is kept.

The files are read twice: for digests and band keys, and for the n-grams of rows that share a
bucket. What grows with the rows lies on disk or takes some bytes a row.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow as pa

from collectivesft.common.process_pool import OrderedPool, ordered_map
from collectivesft.common.progress import Reporter
from collectivesft.curated.duplicates.comparison_text import Compared, compared_batch
from collectivesft.curated.duplicates.exact import digests, groups
from collectivesft.curated.duplicates.lsh import LshBuckets, band_keys, band_shape
from collectivesft.curated.duplicates.near import KeptRows
from collectivesft.curated.duplicates.template import Template, read_templates, without_template
from collectivesft.curated.storage.disk_array import DiskArray
from collectivesft.curated.storage.parquet import pieces, read_batches
from collectivesft.curated.text.ngrams import Flat, distinct, ngrams_of
from collectivesft.curated.text.unicode_fold import hand_over

NGRAM = 3
# Below this many n-grams a similarity says little: such texts are compared exactly only.
SMALLEST = 12
KEPT, EXACT, NEAR = range(3)
Part = tuple[Path, int, int]  # file, number of the row group, its rows


@dataclass
class RowSignatures:
    """Facts of some rows from the first reading.

    Attributes:
        ids: of the rows.
        digests: uint64 of shape (rows, 2).
        long: which rows have n-grams enough to be compared.
        keys: uint64 of shape (long rows, bands).
    """

    ids: pa.Array
    digests: np.ndarray
    long: np.ndarray
    keys: np.ndarray


def read_signs(part: Part, shape: tuple[int, int], template: Template) -> list[RowSignatures]:
    """Read one row group; with no bands for exact copies only."""
    path, group, _ = part
    return [_signs(batch, *shape, template) for batch in read_batches(path, group)]


def _grams(batch: pa.RecordBatch, texts: Compared, template: Template) -> Flat:
    """N-grams of each row that do not belong to its dataset's template."""
    grams = ngrams_of(texts.tokens(), NGRAM)
    return without_template(grams, batch.column("dataset").to_pylist(), template)


def _signs(batch: pa.RecordBatch, bands: int, rows: int, template: Template) -> RowSignatures:
    found = [_signs_of_piece(piece, bands, rows, template) for piece in pieces(batch)]
    return RowSignatures(batch.column("id"), *map(np.concatenate, zip(*found, strict=True)))


def _signs_of_piece(
    batch: pa.RecordBatch, bands: int, rows: int, template: Template
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Digests, which rows are long, and their keys (see ``RowSignatures``)."""
    texts = compared_batch(batch)
    long, keys = np.zeros(len(batch), dtype=bool), np.empty((0, bands), dtype=np.uint64)
    if bands:
        grams = _grams(batch, texts, template)
        long = grams.sizes >= SMALLEST
        keys = band_keys(grams, texts.salts, bands, rows)[long]
    return digests(texts.folded), long, keys


def read_grams(task: tuple[Part, np.ndarray], template: Template) -> list[np.ndarray]:
    """Sorted unique n-grams of some rows of a row group, named by their numbers in it."""
    (path, group, _), wanted = task
    found, first = [], 0
    for batch in read_batches(path, group) if len(wanted) else ():
        here = wanted[(wanted >= first) & (wanted < first + len(batch))] - first
        if len(here):
            for some in pieces(batch.take(pa.array(here))):
                grams = _grams(some, compared_batch(some), template)
                found += [distinct(grams[i]) for i in range(len(some))]
        first += len(batch)
    return found


class DuplicateFinder:
    """Decides for each row of some files whether it is a copy.

    Args:
        parts: row groups of the files, in order.
        near: whether near copies go too.
        threshold: Jaccard similarity from which two texts are near copies.
        folder: for arrays that do not fit into memory.
        threads: number of processes; nothing depends on it.
        label: names the work in the lines of progress.

    Attributes:
        verdict: uint8 by row: KEPT, EXACT or NEAR.
    """

    def __init__(
        self,
        parts: list[Part],
        near: bool,
        threshold: float,
        folder: Path,
        threads: int,
        label: str,
    ):
        self._parts, self._threads, self._label = parts, threads, label
        self._rows = sum(rows for _, _, rows in parts)
        self.verdict = np.full(self._rows, KEPT, dtype=np.uint8)
        self._copy = np.zeros(self._rows, dtype=np.int32)
        self._similarity = np.zeros(self._rows, dtype=np.float64)
        shape = band_shape(threshold) if near else (0, 0)
        with DiskArray(folder / "bands") as keys, DiskArray(folder / "grams") as grams:
            bands = LshBuckets(keys, shape[0], self._rows)
            exact, long = self._read(shape, bands)
            sizes, shares = bands.sort()
            kept = KeptRows(sizes, self._rows, threshold, grams)
            for suspect in self._suspects(exact, long, shares, bands):
                self._decide(*suspect, kept)

    def _read(self, shape: tuple[int, int], bands: LshBuckets) -> tuple[np.ndarray, np.ndarray]:
        """Groups of exact copies by row, and which rows can be near copies."""
        ids, found, long = [], [np.empty((0, 2), dtype=np.uint64)], [np.empty(0, dtype=bool)]
        with (
            OrderedPool(min(self._threads, len(self._parts)), hand_over()) as pool,
            Reporter(f"{self._label}: read", self._rows) as reporter,
        ):
            # By the processes: what the samples take of memory would stay with this one.
            self._template = read_templates(self._parts, NGRAM, pool) if shape[0] else {}
            work = partial(read_signs, shape=shape, template=self._template)
            for many in pool.map(work, self._parts):
                for signs in many:
                    ids.append(signs.ids)
                    found.append(signs.digests)
                    long.append(signs.long)
                    bands.add(signs.keys)
                    reporter.advance(len(signs.ids))
        self._ids = pa.chunked_array(ids, pa.string())
        exact = groups(np.concatenate(found))
        self._kept_of = np.full(int(exact.max(initial=-1)) + 1, -1, dtype=np.int32)
        return exact, np.concatenate(long)

    def _suspects(
        self, exact: np.ndarray, long: np.ndarray, shares: np.ndarray, bands: LshBuckets
    ) -> Iterator[tuple]:
        """Rows that may be copies or have some: row, exact group, n-grams, buckets.

        The last two are None for a row that shares no bucket.
        """
        near = np.zeros(self._rows, dtype=bool)
        near[np.flatnonzero(long)[shares]] = True
        ends = np.cumsum([0, *(rows for _, _, rows in self._parts)]).tolist()
        spans = [slice(*pair) for pair in pairwise(ends)]
        tasks = (
            (part, np.flatnonzero(near[s])) for part, s in zip(self._parts, spans, strict=True)
        )
        number = 0
        with Reporter(f"{self._label}: compare", self._rows) as reporter:
            work = partial(read_grams, template=self._template)
            found = ordered_map(work, tasks, self._threads, hand_over())
            for span, many in zip(spans, found, strict=True):
                count = int(np.count_nonzero(long[span]))
                buckets = bands.buckets(number, number + count)[shares[number : number + count]]
                pairs = zip(many, buckets, strict=True)
                for i in np.flatnonzero(near[span] | (exact[span] >= 0)).tolist():
                    row = span.start + i
                    yield (row, int(exact[row]), *(next(pairs) if near[row] else (None, None)))
                number += count
                reporter.advance(span.stop - span.start)

    def _decide(self, row: int, group: int, grams, buckets, kept: KeptRows) -> None:
        if group >= 0 and self._kept_of[group] >= 0:
            self.verdict[row], self._copy[row] = EXACT, self._kept_of[group]
            return
        if grams is not None and len(grams) >= SMALLEST:
            buckets = buckets[buckets >= 0]
            if found := kept.find(grams, buckets):
                self.verdict[row] = NEAR
                self._copy[row], self._similarity[row] = found
                return
            kept.add(row, grams, buckets)
        if group >= 0:
            self._kept_of[group] = row

    def words(self, row: int) -> tuple[str, str]:
        """Reason and detail of a row that is dropped."""
        other = self._ids[int(self._copy[row])].as_py()
        if self.verdict[row] == EXACT:
            return "exact_duplicate", f"same text as {other}"
        return "near_duplicate", f"similarity {self._similarity[row]:.2f} with {other}"
