"""Removes near copies in one of several ways and prints what it took: run by ``curation.py``.

The peers see the same trigrams of letters. ``ours`` goes from a file to files, as the command
does; the peers only flag texts in memory, rensa by the similarity that it estimates for what its
index proposes, datasketch by what its index proposes.
"""

import json
import sys
import tempfile
import time
from collections.abc import Callable
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


def prepare_ours(texts: list[str], folder: Path) -> Callable[[], set[int]]:
    """This package's dedup from a file to files; only that is timed."""
    import pyarrow.parquet as pq

    from collectivesft.curated.dedup import dedup_files
    from collectivesft.curated.store import write_results
    from collectivesft.example import Example

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
    """Time one way and compare what it flags with what was planted."""
    way, path = sys.argv[1:]
    texts, planted = json.loads(Path(path).read_text(encoding="utf-8"))
    with tempfile.TemporaryDirectory() as name:
        ways = {"rensa": lambda: rensa(texts), "datasketch": lambda: datasketch(texts)}
        work = prepare_ours(texts, Path(name)) if way == "ours" else ways[way]
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
                "flagged_below": len(below & flagged) / len(below),
                "false": len(flagged - above),
            }
        )
    )


if __name__ == "__main__":
    main()
