"""Finds an earlier near copy that was kept, and confirms it by the exact Jaccard similarity."""

import numpy as np

from collectivesft.curated.storage.disk_array import DiskArray
from collectivesft.curated.text.ngrams import jaccard

# Texts of one template fill buckets without being copies. A bucket remembers this many kept rows,
# the earliest, and a row is compared with this many, those first that share most buckets with it:
# the time stays in line with the rows. Copies meet in other buckets too.
REMEMBERED, COMPARED = 64, 64


class KeptRows:
    """Rows that were kept and may have near copies, by the buckets that they are in.

    Args:
        sizes: number of rows in each bucket.
        rows: number of rows that may come.
        threshold: Jaccard similarity from which two texts are near copies.
        spill: for their n-grams.
    """

    def __init__(self, sizes: np.ndarray, rows: int, threshold: float, spill: DiskArray):
        self._threshold = threshold
        room = np.minimum(sizes, REMEMBERED)
        self._starts = np.cumsum(room) - room
        self._room = room.astype(np.int16)
        self._filled = np.zeros(len(room), dtype=np.int16)
        self._slots = np.empty(int(room.sum()), dtype=np.int32)
        self._places = np.zeros(rows, dtype=np.int64)
        self._sizes = np.zeros(rows, dtype=np.int32)
        self._end, self._spill = 0, spill

    def find(self, grams: np.ndarray, buckets: np.ndarray) -> tuple[int, float] | None:
        """The first near copy among the rows kept so far, and the similarity.

        Args:
            grams: sorted unique n-grams of the text.
            buckets: that it is in.
        """
        for row in self._candidates(len(grams), buckets).tolist():
            similarity = jaccard(grams, self._grams(row))
            if similarity >= self._threshold:
                return row, similarity
        return None

    def _candidates(self, size: int, buckets: np.ndarray) -> np.ndarray:
        filled = self._filled[buckets]
        total = int(filled.sum())
        if not total:
            return np.empty(0, dtype=np.int32)
        shift = self._starts[buckets] - (np.cumsum(filled) - filled)
        found = self._slots[np.repeat(shift, filled) + np.arange(total)]
        rows, shared = np.unique(found, return_counts=True)
        sizes = self._sizes[rows]
        # Sets of such different sizes cannot be alike.
        able = np.minimum(sizes, size) >= self._threshold * np.maximum(sizes, size) - 1e-6
        rows, shared = rows[able], shared[able]
        if len(rows) > COMPARED:
            rows = np.sort(rows[np.argsort(-shared, kind="stable")[:COMPARED]])
        return rows

    def _grams(self, row: int) -> np.ndarray:
        return self._spill.read(np.uint64, int(self._sizes[row]), int(self._places[row]))

    def add(self, row: int, grams: np.ndarray, buckets: np.ndarray) -> None:
        """Remember a row that is kept."""
        free = buckets[self._filled[buckets] < self._room[buckets]]
        if not len(free):
            return
        self._slots[self._starts[free] + self._filled[free]] = row
        self._filled[free] += 1
        self._places[row], self._sizes[row] = self._end, len(grams)
        self._spill.write(grams, self._end)
        self._end += grams.nbytes
