"""Propose near copies: MinHash signatures cut into bands, sorted band by band.

Broder 1997 for the signatures; rows that agree in a whole band share a bucket. The keys of all
bands lie on disk and one band at a time is sorted: memory grows by some bytes a row, time with
the sorting.
"""

import os

import numpy as np

from collectivesft.curated.duplicates.exact import numbered
from collectivesft.curated.storage.disk_array import DiskArray
from collectivesft.curated.text.ngrams import Flat

PERMUTATIONS = 80
SEED = 42
# Share of the pairs just at the threshold that must meet in a band.
RECALL = 0.998
_FACTOR, _TURN = np.uint64(0x9E3779B97F4A7C15), np.uint64(29)


def band_shape(threshold: float) -> tuple[int, int]:
    """Number of bands and rows a band: the strictest that keeps RECALL at the threshold."""
    for rows in range(PERMUTATIONS, 1, -1):
        bands = PERMUTATIONS // rows
        if 1 - (1 - threshold**rows) ** bands >= RECALL:
            return bands, rows
    return PERMUTATIONS, 1


def band_keys(grams: Flat, salts: np.ndarray, bands: int, rows: int) -> np.ndarray:
    """Keys of each text's bands.

    Args:
        grams: n-grams of the texts, repeated ones too.
        salts: uint64, one a text: texts of different salts share no bucket.

    Returns:
        uint64 of shape (texts, bands).
    """
    # Threads are this package's own processes; rensa reads this once, at its first work.
    os.environ.setdefault("RAYON_NUM_THREADS", "1")
    from rensa import RMinHash

    matrix = RMinHash.digest_matrix_from_flat_token_hashes(
        grams.values, grams.starts.astype(np.uint64), bands * rows, SEED
    )
    signatures = np.array(matrix.to_rows(), dtype=np.uint32).reshape(-1, bands, rows)
    keys = np.repeat(salts[:, None], bands, axis=1)
    for row in range(rows):
        keys = (keys ^ signatures[:, :, row]) * _FACTOR
        keys ^= keys >> _TURN
    return keys


class LshBuckets:
    """Keys of every row's bands on disk, band after band, and then the rows' buckets.

    Args:
        spill: where they go.
        bands: number of bands.
        rows: number of rows that may come.
    """

    def __init__(self, spill: DiskArray, bands: int, rows: int):
        self._spill, self._places = spill, [8 * rows * band for band in range(bands)]
        self.rows = 0

    def add(self, keys: np.ndarray) -> None:
        """Add rows: uint64 of shape (rows, bands)."""
        for place, column in zip(self._places, np.ascontiguousarray(keys.T), strict=True):
            self._spill.write(column, place + 8 * self.rows)
        self.rows += len(keys)

    def sort(self) -> tuple[np.ndarray, np.ndarray]:
        """Replace keys by numbers of buckets, counted through all bands; -1 without a partner.

        Returns:
            Sizes of the buckets, and for each row whether it shares any.
        """
        sizes, shares = [np.empty(0, dtype=np.int64)], np.zeros(self.rows, dtype=bool)
        first = 0
        for place in self._places:
            keys = self._spill.read(np.uint64, self.rows, place)
            order = np.argsort(keys, kind="stable")
            keys = keys[order]
            new = np.ones(len(keys), dtype=bool)
            np.not_equal(keys[1:], keys[:-1], out=new[1:])
            numbers, counts = numbered(order, new)
            together = numbers >= 0
            shares |= together
            numbers[together] += np.int32(first)
            self._spill.write(numbers, place)
            sizes.append(counts)
            first += len(counts)
        return np.concatenate(sizes), shares

    def buckets(self, start: int, end: int) -> np.ndarray:
        """Buckets of rows ``start`` to ``end``: int32 of shape (rows, bands)."""
        found = np.empty((end - start, len(self._places)), dtype=np.int32)
        for band, place in enumerate(self._places):
            found[:, band] = self._spill.read(np.int32, end - start, place + 4 * start)
        return found
