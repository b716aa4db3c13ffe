"""Removes copies within and across datasets; of each group of copies the first is kept.

Exact copies have the same normalised text. Near copies are proposed by MinHash (Broder 1997) with
locality-sensitive hashing and confirmed by the exact Jaccard similarity of their n-grams. The
order of the datasets, then of their rows, decides which copy is the first.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import xxhash

from collectivesft.curated.ledger import StepLedger
from collectivesft.curated.normalise import key
from collectivesft.curated.shingles import jaccard, ngrams
from collectivesft.curated.store import count_rows, read_examples, write_results
from collectivesft.example import Drop, Example, conversation
from collectivesft.progress import track

NGRAM = 3
PERMUTATIONS, ROWS = 128, 4  # 32 bands: finds 99.9 % of the pairs at similarity 0.8
SEED = 42
# Below this many n-grams a similarity says little: such texts are compared exactly only.
SMALLEST = 12


def dedup_files(
    paths: list[Path], near: bool, threshold: float, out: Path, dropped: Path, ledger: Path
) -> None:
    """Remove copies from files of examples, taken in the order given.

    Args:
        near: whether near copies go too.
        threshold: Jaccard similarity from which two texts are near copies.
    """
    counts = StepLedger("dedup")
    total = sum(map(count_rows, paths))
    rows = (example for path in paths for example in read_examples(path))
    results = dedup(track(rows, "dedup", total), near, threshold)
    write_results(counts.watch(results), out, dropped)
    counts.write(ledger)


def dedup(examples: Iterable[Example], near: bool, threshold: float) -> Iterator[Example | Drop]:
    """Yield each example, or a Drop that names the copy that was kept."""
    exact: dict[bytes, str] = {}
    index = NearIndex(threshold)
    for example in examples:
        question, answer = compared_texts(example)
        digest = xxhash.xxh3_128_digest(f"{key(question)}\n{answer_key(answer)}".encode())
        if digest in exact:
            yield _drop(example, "exact_duplicate", f"same text as {exact[digest]}")
            continue
        found = index.add(example.id, question, answer, example.style) if near else None
        if found:
            other, similarity = found
            yield _drop(example, "near_duplicate", f"similarity {similarity:.2f} with {other}")
            continue
        exact[digest] = example.id
        yield example


def _drop(example: Example, reason: str, detail: str) -> Drop:
    return Drop(example.id, reason, conversation(example.messages)[:500], detail)


def compared_texts(example: Example) -> tuple[str, str]:
    """What makes an example itself: question and answer, without a dataset's instruction.

    For an exam question the order of its options and their letters do not count.
    """
    if example.style == "mcqa":
        options = example.meta["options"]
        right = sorted((options[letter] for letter in example.meta["answer"]), key=key)
        question = "\n".join([example.meta["question"], *sorted(options.values(), key=key)])
        return question, "\n".join(right)
    texts = [text for _, text in example.messages]
    return "\n".join(texts[:-1]), texts[-1]


def answer_key(answer: str) -> str:
    """The key of an answer, line by line: two right options are not one of both their texts."""
    return "\n".join(map(key, answer.split("\n")))


class NearIndex:
    """Finds an earlier near copy of a text.

    Two exam questions are near copies only if their right answers agree: one changed word
    ("correct", "wrong") makes another question of them.
    """

    def __init__(self, threshold: float):
        self.threshold = threshold
        self._ids: list[str] = []
        self._grams: list[np.ndarray] = []
        self._answers: list[str | None] = []
        self._bands: dict[bytes, list[int]] = {}

    def add(self, id: str, question: str, answer: str, style: str) -> tuple[str, float] | None:
        """The first earlier near copy with its similarity; without one, the text is added."""
        exam = style == "mcqa"
        grams = ngrams(question if exam else f"{question}\n{answer}", NGRAM)
        if len(grams) < SMALLEST:
            return None
        bands = self._band_keys(grams)
        candidates = sorted({i for band in bands for i in self._bands.get(band, ())})
        needed = answer_key(answer) if exam else None
        for i in candidates:
            if self._answers[i] == needed:
                similarity = jaccard(grams, self._grams[i])
                if similarity >= self.threshold:
                    return self._ids[i], similarity
        for band in bands:
            self._bands.setdefault(band, []).append(len(self._ids))
        self._ids.append(id)
        self._grams.append(grams)
        self._answers.append(needed)
        return None

    def _band_keys(self, grams: np.ndarray) -> list[bytes]:
        from rensa import RMinHash

        matrix = RMinHash.digest_matrix_from_flat_token_hashes(
            grams, np.array([0, len(grams)], dtype=np.uint64), PERMUTATIONS, SEED
        )
        signature = np.array(matrix.to_rows()[0], dtype=np.uint32).reshape(-1, ROWS)
        return [bytes([i]) + band.tobytes() for i, band in enumerate(signature)]
