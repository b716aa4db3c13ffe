"""Exact copies: texts with the same ``normalise.key``, line by line, found by digests."""

from itertools import pairwise

import numpy as np
import xxhash

from collectivesft.curated.text.unicode_fold import (
    DIGIT,
    JOINTS,
    LATIN,
    SEPARATOR,
    SIGN,
    SINGLE,
    SPACE,
    WORD,
    FoldedTexts,
)

_SEPARATOR = np.uint32(ord(SEPARATOR))
_JOINTS = np.array([ord(sign) for sign in JOINTS], dtype=np.uint32)


def digests(folded: FoldedTexts) -> np.ndarray:
    """Digest of each text's key; a text may hold several, each with a key, between separators.

    Returns:
        uint64 of shape (texts, 2).
    """
    places = _with_signs_alone(folded, np.flatnonzero(_meant(folded)))
    kept = memoryview(folded.codes[places]).cast("B")
    ends = (np.searchsorted(places, folded.starts) * 4).tolist()
    joined = b"".join(xxhash.xxh3_128_digest(kept[start:end]) for start, end in pairwise(ends))
    return np.frombuffer(joined, dtype=np.uint64).reshape(-1, 2)


def _meant(folded: FoldedTexts) -> np.ndarray:
    """Return a mask of the characters that ``normalise.key`` keeps, and of the separators."""
    flags = folded.flags
    keep = (flags & (LATIN | SINGLE | SIGN)) != 0
    keep |= folded.codes == _SEPARATOR
    # Every text has a separator on both sides, except the first.
    places = np.flatnonzero(np.isin(folded.codes, _JOINTS))
    places = places[places > 0]
    keep[places] |= (flags[places - 1] & flags[places + 1] & DIGIT) != 0
    for place in np.flatnonzero(folded.codes == ord("-")).tolist():
        keep[place] = _minus(_before(flags, place), flags[place + 1])
    return keep


def _before(flags: np.ndarray, place: int) -> np.uint32:
    return flags[place - 1] if place else np.uint32(0)


def _minus(before: np.uint32, after: np.uint32) -> bool:
    """Return whether a hyphen between two characters is more than punctuation."""
    if before & DIGIT and after & DIGIT:
        return True
    if not before & (SPACE | WORD) and not after & SPACE:
        return True
    letter = before & (LATIN | SINGLE) and not before & DIGIT
    return bool(letter and not after & WORD)


def _with_signs_alone(folded: FoldedTexts, places: np.ndarray) -> np.ndarray:
    """Add to the kept places those of texts of nothing but punctuation, which stay as they are,
    without space at their ends."""
    ends = np.flatnonzero(folded.codes == _SEPARATOR)
    begins = np.concatenate([[0], ends[:-1] + 1]) if len(ends) else ends
    silent = np.searchsorted(places, ends) == np.searchsorted(places, begins)
    silent &= ends > begins
    if not silent.any():
        return places
    shown = np.flatnonzero((folded.flags & SPACE) == 0)
    first = np.searchsorted(shown, begins[silent])
    last = np.searchsorted(shown, ends[silent]) - 1
    some = first <= last
    edges = np.zeros(len(folded.codes) + 1, dtype=np.int8)
    edges[shown[first[some]]] += 1
    edges[shown[last[some]] + 1] -= 1
    return np.union1d(places, np.flatnonzero(np.cumsum(edges[:-1], dtype=np.int8) > 0))


def groups(digests: np.ndarray) -> np.ndarray:
    """Return for each row the number of its group of equal digests; -1 for a unique row.

    Returns:
        int32 of shape (rows,).
    """
    order = np.lexsort((digests[:, 1], digests[:, 0]))
    ordered = digests[order]
    new = np.ones(len(order), dtype=bool)
    new[1:] = (ordered[1:] != ordered[:-1]).any(axis=1)
    return numbered(order, new)[0]


def numbered(order: np.ndarray, new: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Number the groups of two rows and more.

    Args:
        order: the rows, sorted by group.
        new: for each of these whether a group begins with it.

    Returns:
        int32 numbers by row, -1 for a unique row, and the groups' sizes.
    """
    sizes = np.diff(np.append(np.flatnonzero(new), len(order)))
    shared = sizes > 1
    numbers = np.where(shared, np.cumsum(shared) - 1, -1).astype(np.int32)
    result = np.empty(len(order), dtype=np.int32)
    result[order] = np.repeat(numbers, sizes)
    return result, sizes[shared]
