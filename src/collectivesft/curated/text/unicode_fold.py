"""Many texts as one array of code points; case, width and script left out, at the speed of numpy.

A table of code points says what ``fold_text`` makes of each.
Python folds a text first if that depends on neighbours, or gives several letters.
"""

import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial

import numpy as np

from collectivesft.curated.text.script import simplified

# A lone surrogate separates texts: no text that can be stored has one, nothing composes with
# it, and it is neither letter nor space.
SEPARATOR = "\ud800"
SIGNS = "+<>=±×÷≤≥≠%"
# Between two digits these are more than punctuation: 1.5, 120/80, 1:1000, 3~5, also as 3–5 or ½.
JOINTS = "./:~\u2013\u2014\u301c\u2044\u2236"
# Code points from here on are unassigned, private or tags: no letters.
ASSIGNED = 0x34000
# Of these, where marks and letters with marks lie: ideographs and whole syllables of Hangul have
# no parts.
_MARKED = (range(0x3400), range(0x4DC0, 0x4E00), range(0xA000, 0xAC00), range(0xD7A4, 0x20000))
_MARKED += (range(0x2F800, 0x2FA20),)
_POINT = np.uint32(0x1FFFFF)
# The kind of a code point after folding, in the bits above it.
LATIN, SINGLE, DIGIT, SPACE, WORD, SIGN, SPECIAL = (np.uint32(1 << bit) for bit in range(21, 28))


@dataclass(frozen=True)
class FoldedTexts:
    """Texts folded, one after the other, a separator after each.

    Attributes:
        codes: uint32 code points.
        flags: uint32, the kind of each: LATIN a to z or 0 to 9, SINGLE any other letter or
            digit (one token), DIGIT, SPACE, WORD as ``\\d``, ``\\s``, ``\\w``, SIGN a
            sign that changes a value at any place (see ``normalise.key``).
        starts: int64, one more than there are texts: where each begins.
    """

    codes: np.ndarray
    flags: np.ndarray
    starts: np.ndarray


def fold_text(text: str) -> str:
    """One text as NFKC and ``casefold`` leave it, in simplified characters."""
    plain = unicodedata.normalize("NFKC", text).casefold()
    # Most texts have no traditional character, and a translation costs an exception for each
    # character that it leaves as it is.
    return plain if _traditional().isdisjoint(plain) else plain.translate(simplified())


@cache
def _traditional() -> frozenset[str]:
    return frozenset(map(chr, simplified()))


def fold(texts: list[str]) -> FoldedTexts:
    """Fold texts as ``fold_text`` does."""
    points, starts = _points(texts)
    entries = _table()[points]
    special = np.flatnonzero(entries & SPECIAL)
    if len(special):
        rows = np.unique(np.searchsorted(starts, special, side="right") - 1)
        texts = list(texts)
        for row in rows.tolist():
            texts[row] = fold_text(texts[row])
        points, starts = _points(texts)
        entries = _table()[points]
    return FoldedTexts(entries & _POINT, entries & ~_POINT, starts)


def _points(texts: list[str]) -> tuple[np.ndarray, np.ndarray]:
    starts = np.zeros(len(texts) + 1, dtype=np.int64)
    np.cumsum([len(text) + 1 for text in texts], out=starts[1:])
    joined = SEPARATOR.join(texts) + SEPARATOR if texts else ""
    return np.frombuffer(joined.encode("utf-32-le", "surrogatepass"), dtype="<u4"), starts


def hand_over() -> Callable[[], None]:
    """Return the call by which another process takes this one's tables.

    To make them takes OpenCC, 20 MB and half a second.
    """
    return partial(_take_over, simplified(), _table())


def _take_over(characters: dict[int, int], table: np.ndarray) -> None:
    global simplified, _table
    simplified, _table = cache(lambda: characters), cache(lambda: table)


@cache
def _table() -> np.ndarray:
    """Return uint32 for each code point: its folded form, and flags."""
    table = np.arange(0x110000, dtype=np.uint32)
    joining = followers()
    for code in range(ASSIGNED):
        character = chr(code)
        folded = unicodedata.normalize("NFKC", character).casefold()
        if code in joining or (folded and ord(folded[0]) in joining):
            table[code] |= SPECIAL | _kind(character)
        elif len(folded) == 1:
            table[code] = ord(folded) | _kind(folded)
        elif set(folded) == {"."}:  # "…" is common, and no point between digits
            table[code] |= _kind(character)
        else:
            table[code] |= SPECIAL | _kind(character)
    table[0x2212] = ord("-")  # the minus sign of mathematics
    simple = np.arange(0x110000, dtype=np.uint32)
    simple[list(simplified())] = list(simplified().values())
    # The folded form of a special one is looked up once more.
    return np.where(table & SPECIAL, table, (table & ~_POINT) | simple[table & _POINT])


@cache
def followers() -> frozenset[int]:
    """Code points that may join the character before them into one."""
    found = {*range(0x1161, 0x1176), *range(0x11A8, 0x11C3)}  # the vowels and ends of Hangul
    for code in (code for block in _MARKED for code in block):
        parts = unicodedata.decomposition(chr(code)).split()
        if len(parts) == 2 and not parts[0].startswith("<"):
            found.add(int(parts[1], 16))
        if unicodedata.combining(chr(code)):
            found.add(code)
    return frozenset(found)


def _kind(character: str) -> np.uint32:
    flags = np.uint32(0)
    if character.isalnum():
        latin = character.isascii() and not character.isupper()
        flags |= WORD | (LATIN if latin else SINGLE)
    if character == "_":
        flags |= WORD
    if character.isdecimal():
        flags |= DIGIT
    if character in SIGNS:
        flags |= SIGN
    return flags | SPACE if character.isspace() else flags
