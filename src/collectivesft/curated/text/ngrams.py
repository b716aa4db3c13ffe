"""Texts as sets of hashed n-grams of tokens: a Chinese character, or a Latin word or number.

Words rather than letters for Latin text, so that an n-gram says about as much in both languages.
Many texts are one flat array with the places where each begins.
"""

import re
from dataclasses import dataclass
from functools import cache

import numpy as np

from collectivesft.curated.text.unicode_fold import LATIN, SINGLE, FoldedTexts, fold_text

_TOKEN = re.compile(r"[a-z0-9]+|[^\W_]", re.UNICODE)
# Odd factors keep all 64 bits in play.
_FACTOR, _PLACE = np.uint64(0x9E3779B97F4A7C15), np.uint64(0xD6E8FEB86659FD93)
_MIX = np.uint64(0xBF58476D1CE4E5B9)
_LONGEST = 64  # letters of a word that the table of hashes knows


def tokens(text: str) -> list[str]:
    """Tokens of a text; case, width, script, spacing and punctuation left out."""
    return _TOKEN.findall(fold_text(text))


@dataclass(frozen=True)
class Flat:
    """Values of many texts in one array; those of text i are ``values[starts[i]:starts[i + 1]]``.

    Attributes:
        values: uint64.
        starts: int64, one more than there are texts.
    """

    values: np.ndarray
    starts: np.ndarray

    def __getitem__(self, i: int) -> np.ndarray:
        return self.values[self.starts[i] : self.starts[i + 1]]

    @property
    def sizes(self) -> np.ndarray:
        """Number of values of each text."""
        return np.diff(self.starts)


def token_values(folded: FoldedTexts) -> Flat:
    """A number for each token: a character's own code point, or a hash of a word's."""
    latin = (folded.flags & LATIN) != 0
    begins = latin.copy()
    begins[1:] &= ~latin[:-1]
    places = np.flatnonzero(begins | ((folded.flags & SINGLE) != 0))
    values = folded.codes[places].astype(np.uint64)
    letters = np.flatnonzero(latin)
    if len(letters):
        words = np.flatnonzero(begins[letters])
        sizes = np.diff(np.append(words, len(letters)))
        # The letters of a word follow one another.
        offset = np.arange(len(letters)) - np.repeat(words, sizes)
        hashed = _letter_hashes(folded.codes[letters], offset, int(sizes.max()))
        values[begins[places]] = np.add.reduceat(hashed, words)
    return Flat(values, np.searchsorted(places, folded.starts))


def _letter_hashes(codes: np.ndarray, offset: np.ndarray, longest: int) -> np.ndarray:
    """Hash each letter with its offset in the word; by a table unless a word is longer."""
    if longest > _LONGEST:
        return _mixed(codes + offset.astype(np.uint64) * _PLACE)
    return _hash_table().take(codes * _LONGEST + offset)


@cache
def _hash_table() -> np.ndarray:
    offset = np.arange(_LONGEST, dtype=np.uint64)
    codes = np.arange(128, dtype=np.uint64)
    return _mixed(codes[:, None] + offset * _PLACE).ravel()


def ngrams_of(tokens: Flat, n: int) -> Flat:
    """Hashes of each text's n-grams, in their order; a text of fewer tokens has none."""
    count = max(len(tokens.values) - n + 1, 0)
    sizes = np.maximum(tokens.sizes - n + 1, 0)
    starts = np.zeros(len(sizes) + 1, dtype=np.int64)
    np.cumsum(sizes, out=starts[1:])
    total = np.zeros(count, dtype=np.uint64)
    for offset in range(n):
        total *= _FACTOR
        total += tokens.values[offset : offset + count]
    # Those that reach into the next text go.
    within, ends = np.ones(len(tokens.values) + 1, dtype=bool), tokens.starts[1:]
    for offset in range(1, n):
        within[ends[ends >= offset] - offset] = False
    return Flat(_mixed(total[within[:count]]), starts)


def _mixed(values: np.ndarray) -> np.ndarray:
    """Values whose bits all depend on all bits."""
    values = values ^ (values >> np.uint64(32))
    values *= _MIX
    values ^= values >> np.uint64(29)
    values *= _FACTOR
    values ^= values >> np.uint64(32)
    return values


def distinct(values: np.ndarray) -> np.ndarray:
    """Sorted and unique (as ``np.unique``, which takes three times as long on a short array)."""
    values = np.sort(values)
    keep = np.ones(len(values), dtype=bool)
    np.not_equal(values[1:], values[:-1], out=keep[1:])
    return values[keep]


def jaccard(first: np.ndarray, second: np.ndarray) -> float:
    """Jaccard similarity of two sorted unique arrays; 0 where both are empty."""
    if not len(first) or not len(second):
        return 0.0
    places = np.searchsorted(first, second)
    places[places == len(first)] = 0
    common = int(np.count_nonzero(first[places] == second))
    return common / (len(first) + len(second) - common)
