"""Measure a mixture: its parts, how even they are, how varied its words are."""

import heapq
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from collectivesft.curated.mixture.sampling import sample_key
from collectivesft.curated.mixture.vendi import vendi_score
from collectivesft.schema.example import Example

LENGTH_STEP, LENGTH_BINS = 50, 40
# Words of mixtures of any size are compared on as many characters of each: of a longer text fewer
# n-grams are new.
SAMPLE = 1_000_000
NGRAMS = (1, 2, 3)
# Categories of a dataset that are listed; the entropy is over all.
LISTED = 30
# Examples that the Vendi score compares: the same number for every mixture, as it grows with it.
VENDI_ROWS = 200
# Columns into which n-grams are hashed, a prime.
_COLUMNS = 4093


class Description:
    """Measures of a mixture: by dataset, style, language, length and category; distinct n-grams.

    Memory is bounded: counts, and a sample of at most SAMPLE characters and one text. All of it
    is independent of the order of the examples.
    """

    def __init__(self, seed: int = 42) -> None:
        self.examples = 0
        self._datasets: dict[str, Counter] = defaultdict(Counter)
        self._styles: dict[str, Counter] = defaultdict(Counter)
        self._languages: dict[str, Counter] = defaultdict(Counter)
        self._categories: dict[str, Counter] = defaultdict(Counter)
        self._exams: Counter = Counter()
        self._lengths = defaultdict(lambda: np.zeros(LENGTH_BINS, dtype=np.int64))
        self._sample = Sample(seed)

    def add(self, example: Example) -> None:
        """Count one example."""
        text = "\n".join(text for _, text in example.messages)
        length = len(text) - len(example.messages) + 1
        category = example.meta.get("category")
        self.examples += 1
        self._datasets[example.dataset].update(examples=1, characters=length)
        self._styles[example.dataset][example.style] += 1
        self._languages[example.dataset][example.language] += 1
        if category:
            self._categories[example.dataset][category] += 1
            self._exams[example.dataset, category] += example.style == "mcqa"
        self._lengths[example.style][min(length // LENGTH_STEP, LENGTH_BINS - 1)] += 1
        self._sample.add(example.id, text)

    def as_json(self) -> dict[str, Any]:
        """All measures; lengths are characters, the last bin holds everything longer."""
        parts = [self._dataset(name) for name in self._datasets]
        styles, languages = _sum(self._styles), _sum(self._languages)
        by_style = {style: counts.tolist() for style, counts in sorted(self._lengths.items())}
        lengths = np.sum([*self._lengths.values()], axis=0) if by_style else np.zeros(LENGTH_BINS)
        edges = [LENGTH_STEP * i for i in range(LENGTH_BINS)]
        groups = {
            "datasets": [part["examples"] for part in parts],
            "styles": styles.values(),
            "languages": languages.values(),
            "lengths": lengths,
            "exam_categories": self._exams.values(),
        }
        groups = {
            name: [int(count) for count in counts if count] for name, counts in groups.items()
        }
        return {
            "train": self.examples,
            "datasets": parts,
            "styles": styles,
            "languages": languages,
            "lengths": {"edges": edges, "counts": [int(n) for n in lengths], "by_style": by_style},
            "entropy_bits": {name: entropy(counts) for name, counts in groups.items()},
            "groups": {name: len(counts) for name, counts in groups.items()},
            "distinct": self._sample.distinct(),
            "vendi": vendi(self._sample.first(VENDI_ROWS)),
        }

    def _dataset(self, name: str) -> dict[str, Any]:
        counts, categories = self._datasets[name], self._categories[name]
        mean = round(counts["characters"] / counts["examples"], 1)
        listed = sorted(categories.items(), key=lambda pair: (-pair[1], pair[0]))[:LISTED]
        return {
            "dataset": name,
            "examples": counts["examples"],
            "characters": counts["characters"],
            "mean_characters": mean,
            "style_counts": dict(sorted(self._styles[name].items())),
            "language_counts": dict(sorted(self._languages[name].items())),
            "categories": len(categories),
            "category_counts": dict(listed),
            "category_entropy_bits": entropy(categories.values()),
        }


class Sample:
    """Texts with the smallest draws, as many as make up SAMPLE characters."""

    def __init__(self, seed: int, size: int = SAMPLE) -> None:
        self._seed, self._size, self._held = seed, size, 0
        self._heap: list[tuple[float, str, str]] = []  # the largest draw first

    def add(self, id: str, text: str) -> None:
        """Take a text if its draw is small enough; let go of the text that it replaces."""
        number = -sample_key(id, self._seed, "measure")
        if self._held >= self._size and number <= self._heap[0][0]:
            return
        heapq.heappush(self._heap, (number, id, text))
        self._held += len(text)
        while self._held - len(self._heap[0][2]) >= self._size:
            self._held -= len(heapq.heappop(self._heap)[2])

    def first(self, texts: int) -> list[str]:
        """Return the texts with the smallest draws, at most so many."""
        return [text for _, _, text in sorted(self._heap, reverse=True)[:texts]]

    def distinct(self) -> dict[str, Any]:
        """Share of n-grams of characters that differ (distinct-n, Li et al. 2016), by n.

        Exact on the sample; n-grams do not reach from one text into the next.
        """
        texts = [text for _, _, text in sorted(self._heap, reverse=True)]
        shares = {}
        for n in NGRAMS:
            found = [grams(text, n) for text in texts]
            flat = np.concatenate(found)[: self._size] if found else np.empty(0, dtype=np.uint64)
            shares[str(n)] = round(len(np.unique(flat)) / max(len(flat), 1), 4)
        characters = min(self._held, self._size)
        return {"shares": shares, "characters": characters, "texts": len(texts)}


def vendi(texts: Sequence[str]) -> dict[str, Any]:
    """Return the Vendi score of texts by their words: the effective number of different ones,
    from 1 (all the same) to their number (nothing in common).

    The similarity of two texts is the cosine of their bigrams of characters, counted as
    1 + log n. They have no weights by rarity (IDF): weights of one mixture's own texts would make
    two mixtures incomparable. A text of fewer than two characters is filled up with blanks: it has
    a bigram too, and is like itself.
    """
    if not texts:
        return {"score": 0.0, "texts": 0}
    rows = np.zeros((len(texts), _COLUMNS))
    for row, text in zip(rows, texts, strict=True):
        found, counts = np.unique(grams(text.ljust(2), 2) % np.uint64(_COLUMNS), return_counts=True)
        row[found.astype(np.int64)] = 1 + np.log(counts)
    return {"score": round(vendi_score(rows), 3), "texts": len(texts)}


def grams(text: str, n: int) -> np.ndarray:
    """All n-grams of characters as numbers, 21 bits a character: n is at most 3."""
    points = np.frombuffer(text.encode("utf-32-le"), dtype="<u4").astype(np.uint64)
    size = max(len(points) - n + 1, 0)
    packed = np.zeros(size, dtype=np.uint64)
    for i in range(n):
        packed = (packed << np.uint64(21)) | points[i : i + size]
    return packed


def _sum(counters: dict[str, Counter]) -> dict[str, int]:
    return dict(sorted(sum(counters.values(), Counter()).items()))


def entropy(counts: Iterable[int]) -> float:
    """Shannon entropy in bits of a distribution given by counts."""
    share = np.array([count for count in counts if count], dtype=float)
    share /= share.sum() if len(share) else 1.0
    return round(abs(float(-(share * np.log2(share)).sum())), 4)
