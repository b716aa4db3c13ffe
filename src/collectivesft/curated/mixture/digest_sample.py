"""Sample examples by a digest of their ids: a larger sample holds the smaller one."""

import hashlib
import heapq
from itertools import repeat
from pathlib import Path

from collectivesft.curated.storage.parquet import examples_of, read_batches
from collectivesft.schema.example import Example

SEED = 42


def digest_sample(path: Path, size: int, by: str | None = None) -> dict[str, list[Example]]:
    """Return the examples of each group with the smallest digests, in that order.

    An example's place depends on its id and SEED only. Memory holds the sample, whatever the file.

    Args:
        path: Parquet file of examples.
        size: examples of each group, or all where it has fewer.
        by: column of the group's name; without it all examples are one group, ``""``.

    Raises:
        InputError: not a Parquet file of examples.
    """
    kept: dict[str, list[tuple[int, str, Example]]] = {}
    for batch in read_batches(path):
        groups = batch.column(by).to_pylist() if by else repeat("")
        ids = batch.column("id").to_pylist()
        for row, (id, group) in enumerate(zip(ids, groups, strict=False)):
            heap = kept.setdefault(group, [])
            # The largest of those kept comes first, as a negative number.
            key = -int.from_bytes(hashlib.sha256(f"{SEED}:{id}".encode()).digest()[:8], "big")
            if len(heap) < size or key > heap[0][0]:
                (example,) = examples_of(batch.slice(row, 1))
                change = heapq.heappush if len(heap) < size else heapq.heapreplace
                change(heap, (key, id, example))
    return {
        name: [example for _, _, example in sorted(heap, key=lambda one: (-one[0], one[1]))]
        for name, heap in kept.items()
    }
