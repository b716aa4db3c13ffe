"""Texts as sets of hashed n-grams of tokens: a Chinese character, or a Latin word or number.

Words rather than letters for Latin text, so that an n-gram says about as much in both languages.
"""

import re
import unicodedata

import numpy as np
import xxhash

_TOKEN = re.compile(r"[a-z0-9]+|[^\W_]", re.UNICODE)


def tokens(text: str) -> list[str]:
    """Tokens of a text, case, width, spacing and punctuation left out."""
    return _TOKEN.findall(unicodedata.normalize("NFKC", text).casefold())


def ngrams(text: str, n: int) -> np.ndarray:
    """Sorted unique 64-bit hashes of the text's n-grams; a shorter text is one n-gram."""
    found = tokens(text)
    if not found:
        return np.empty(0, dtype=np.uint64)
    hashes = np.fromiter(map(_hash, found), dtype=np.uint64, count=len(found))
    size = min(n, len(found))
    total = np.zeros(len(hashes) - size + 1, dtype=np.uint64)
    with np.errstate(over="ignore"):
        for offset in range(size):
            total = total * _FACTOR + hashes[offset : offset + len(total)]
    return np.unique(total)


# An odd factor keeps all 64 bits in play.
_FACTOR = np.uint64(0x9E3779B97F4A7C15)


def _hash(token: str) -> int:
    return xxhash.xxh3_64_intdigest(token.encode("utf-8"))


def jaccard(first: np.ndarray, second: np.ndarray) -> float:
    """Jaccard similarity of two sorted unique arrays; 0 where both are empty."""
    common = len(np.intersect1d(first, second, assume_unique=True))
    union = len(first) + len(second) - common
    return common / union if union else 0.0
