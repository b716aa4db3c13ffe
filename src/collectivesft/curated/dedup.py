"""Removes copies within and across datasets; of each group of copies the first is kept.

Exact copies have the same normalised text. Near copies are proposed by MinHash with
locality-sensitive hashing and confirmed by the exact Jaccard similarity of their n-grams. The
order of the datasets, then of their rows, decides which copy is the first.
"""

from pathlib import Path

import numpy as np
import pyarrow as pa

from collectivesft.common.files import scratch_folder
from collectivesft.common.progress import Reporter
from collectivesft.curated.duplicates.find import KEPT, DuplicateFinder, Part
from collectivesft.curated.storage.parquet import Results, examples_of, read_batches, row_groups
from collectivesft.curated.storage.step_ledger import StepLedger
from collectivesft.schema.example import Drop, conversation


def dedup_files(
    paths: list[Path],
    near_duplicates: bool,
    threshold: float,
    out: Path,
    dropped: Path,
    ledger: Path,
    threads: int = 1,
) -> None:
    """Remove copies from files of examples, taken in the order given.

    Args:
        near_duplicates: remove near copies too.
        threshold: Jaccard similarity from which two texts are near copies.
        threads: number of processes; the files do not depend on it.
    """
    counts, parts = StepLedger("dedup"), row_groups(paths)
    with scratch_folder(out) as folder:
        label = f"dedup {out}"
        found = DuplicateFinder(parts, near_duplicates, threshold, folder, threads, label)
    with Results(out, dropped, counts) as results:
        _write(parts, found, results, f"{label}: write")
    counts.write(ledger)


def _write(parts: list[Part], found: DuplicateFinder, results: Results, label: str) -> None:
    row = 0
    with Reporter(label, len(found.verdict)) as reporter:
        for path, group, _ in parts:
            for batch in read_batches(path, group):
                verdict = found.verdict[row : row + len(batch)]
                results.keep(batch.filter(pa.array(verdict == KEPT)))
                gone = np.flatnonzero(verdict != KEPT)
                for i, example in zip(
                    gone.tolist(), examples_of(batch.take(pa.array(gone))), strict=True
                ):
                    reason, detail = found.words(row + i)
                    text = conversation(example.messages)[:500]
                    results.drop(Drop(example.id, reason, text, detail))
                row += len(batch)
                reporter.advance(len(batch))
