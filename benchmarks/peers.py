"""Remove near copies in one of several ways and print time and memory: run by ``curation.py``.

The peers see the same trigrams of letters. ``ours`` goes from a file to files, as the command
does; the peers only flag texts in memory, rensa by the similarity that it estimates for what its
index proposes, datasketch by what its index proposes. ``flat`` is the strongest of the ways that
were tried before this package had its own: rensa's signatures in one matrix, 32 sorted bands, and
the exact similarity of their candidates.
"""

import json
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

THRESHOLD, PERMUTATIONS = 0.8, 128


def trigrams(text: str) -> set[str]:
    """Trigrams of the letters."""
    letters = "".join(c for c in text if c.isalnum())
    return {letters[i : i + 3] for i in range(len(letters) - 2)}


def rensa(texts: list[str]) -> set[int]:
    """rensa's MinHash and its index, text by text."""
    from rensa import RMinHash, RMinHashLSH

    index, flagged = RMinHashLSH(THRESHOLD, PERMUTATIONS, 32), set()
    kept: dict[int, RMinHash] = {}
    for number, text in enumerate(texts):
        signature = RMinHash(PERMUTATIONS, 42)
        signature.update(list(trigrams(text)))
        near = (signature.jaccard(kept[i]) for i in index.query(signature))
        if any(similarity >= THRESHOLD for similarity in near):
            flagged.add(number)
        else:
            index.insert(number, signature)
            kept[number] = signature
    return flagged


def datasketch(texts: list[str]) -> set[int]:
    """datasketch's MinHash and its index, text by text."""
    from datasketch import MinHash, MinHashLSH

    index, flagged = MinHashLSH(THRESHOLD, PERMUTATIONS), set()
    for number, text in enumerate(texts):
        signature = MinHash(PERMUTATIONS)
        signature.update_batch([gram.encode() for gram in trigrams(text)])
        if index.query(signature):
            flagged.add(number)
        else:
            index.insert(number, signature)
    return flagged


def flat(texts: list[str]) -> set[int]:
    """rensa's signatures in one matrix, 32 sorted bands, exact similarities."""
    import numpy as np
    from rensa import RMinHash

    grams = [_numbers(text) for text in texts]
    starts = np.cumsum([0, *map(len, grams)]).astype(np.uint64)
    whole = np.concatenate(grams)
    matrix = RMinHash.digest_matrix_from_flat_token_hashes(whole, starts, PERMUTATIONS, 42)
    signatures = np.array(matrix.to_rows(), dtype=np.uint32).reshape(len(texts), 32, -1)
    candidates: dict[int, set[int]] = {}
    for band in np.moveaxis(signatures, 1, 0):
        _, groups, sizes = np.unique(band, axis=0, return_inverse=True, return_counts=True)
        shared = np.flatnonzero(sizes[groups] > 1)
        members: dict[int, list[int]] = {}
        for number, group in zip(shared.tolist(), groups[shared].tolist(), strict=True):
            candidates.setdefault(number, set()).update(members.setdefault(group, []))
            members[group].append(number)
    flagged: set[int] = set()
    for number in sorted(candidates):
        if any(_alike(grams[number], grams[i]) for i in candidates[number] - flagged):
            flagged.add(number)
    return flagged


def _numbers(text: str):
    """Trigrams of the letters as sorted unique numbers."""
    import numpy as np

    letters = "".join(filter(str.isalnum, text)).encode("utf-32-le")
    codes = np.frombuffer(letters, dtype="<u4").astype(np.uint64)
    places = np.uint64(21), np.uint64(42)
    return np.unique(codes[:-2] | codes[1:-1] << places[0] | codes[2:] << places[1])


def _alike(first, second) -> bool:
    import numpy as np

    common = len(np.intersect1d(first, second, assume_unique=True))
    return common / (len(first) + len(second) - common) >= THRESHOLD


def prepare_ours(texts: list[str], folder: Path) -> Callable[[], set[int]]:
    """This package's dedup from a file to files; only that is timed."""
    import pyarrow.parquet as pq

    from collectivesft.curated.dedup import dedup_files
    from collectivesft.curated.storage.parquet import write_results
    from collectivesft.schema.example import Example

    rows = (
        Example(f"a:{n}", "a", "qa", "zh", [("user", text), ("assistant", "。")], {})
        for n, text in enumerate(texts)
    )
    write_results(rows, folder / "in", folder / "none")

    def work() -> set[int]:
        dedup_files(
            [folder / "in"], True, THRESHOLD, folder / "out", folder / "gone", folder / "ledger"
        )
        ids = pq.read_table(folder / "gone", columns=["id"])["id"].to_pylist()
        return {int(id.partition(":")[2]) for id in ids}

    return work


def main() -> None:
    """Time one way and compare its near copies with the planted ones."""
    way, path = sys.argv[1:]
    texts, planted = json.loads(Path(path).read_text(encoding="utf-8"))
    with tempfile.TemporaryDirectory() as name:
        ways = {"flat": flat, "rensa": rensa, "datasketch": datasketch}
        work = prepare_ours(texts, Path(name)) if way == "ours" else partial(ways[way], texts)
        start = time.process_time()
        flagged = work()
        seconds = time.process_time() - start
    above = {number for number, _, similarity in planted if similarity >= THRESHOLD}
    below = {number for number, _, similarity in planted if 0.7 <= similarity < THRESHOLD}
    print(
        json.dumps(
            {
                "way": way,
                "cpu_s": seconds,
                "rows_per_cpu_s": len(texts) / seconds,
                "recall": len(above & flagged) / len(above),
                "planted": len(above),
                "flagged_below": len(below & flagged) / len(below),
                "false": len(flagged - above),
            }
        )
    )


if __name__ == "__main__":
    main()
