"""Separate texts that need no cleaning from those that may need it, thousands at a time.

Cleaning a text takes a dozen passes of Python's regular expressions, and most texts come out as
they went in. A text that passes here is certain not to change. A text that is held back may still
come out unchanged. The same pass over the code points gives the facts that ``quality`` asks for.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np

from collectivesft.curated.text.normalise import regular_characters
from collectivesft.curated.text.unicode_fold import ASSIGNED, followers

# The kind of a character, in bits. Those up to _ADD alter a text only next to others.
(_SPACE, _LINE, _HIGH, _WEI, _XIN, _Q, _V, _X, _W, _KOU, _ADD, _COLON, _SLASH) = (
    1 << bit for bit in range(13)
)
_BLANK, _PAIRED = _SPACE | _LINE, (1 << 13) - 1
_ALTERED, _DIGIT, _ALNUM, _CJK, _BRACKET, _EDGE = (1 << bit for bit in range(13, 19))
_ALTERING = (
    *(
        (_SPACE, _BLANK),
        (_LINE, _SPACE),
        (_HIGH, _HIGH),
        (_WEI, _XIN),
        (_V, _XIN),
        (_Q, _Q),
        (_V, _X),
    ),
    *((_KOU, _KOU), (_ADD, _WEI), (_ADD, _V), (_W, _X)),
)
_LINKING = ((_COLON, _SLASH), (_W, _W))
# Every number that is taken for personal data has this many digits in so many characters.
_DIGITS, _WINDOW = 7, 9
# Characters of an answer's begin that are looked at, and of its ends.
BEGIN = 20
ENDS = 4


@dataclass(frozen=True)
class Texts:
    """Many texts as one string.

    Attributes:
        joined: the texts, one after the other.
        starts: int64, one more than there are texts: where each begins.
    """

    joined: str
    starts: np.ndarray

    @classmethod
    def of(cls, texts: Sequence[str]) -> "Texts":
        """Join texts."""
        return cls("".join(texts), _starts([len(text) for text in texts]))

    def __getitem__(self, i: int) -> str:
        return self.joined[self.starts[i] : self.starts[i + 1]]

    def extended(self, texts: Sequence[str]) -> "Texts":
        """Add texts at the end."""
        more = Texts.of(texts)
        starts = np.concatenate([self.starts, more.starts[1:] + self.starts[-1]])
        return Texts(self.joined + more.joined, starts)

    @property
    def lengths(self) -> np.ndarray:
        """Characters of each text, int64."""
        return np.diff(self.starts)


def _starts(lengths: Sequence[int]) -> np.ndarray:
    starts = np.zeros(len(lengths) + 1, dtype=np.int64)
    np.cumsum(lengths, out=starts[1:])
    return starts


@dataclass(frozen=True)
class Screened:
    """Facts of many texts, each bool by text.

    Attributes:
        altered: ``normalise`` or ``scrub`` may alter it, or it is damaged.
        chinese: it has a Chinese character.
        silent: it has neither letter nor digit.
        linked: it may hold a link or a placeholder of personal data.
        framed: it begins or ends with several signs or blanks.
        monotonous: its begin has three different characters at most.
    """

    altered: np.ndarray
    chinese: np.ndarray
    silent: np.ndarray
    linked: np.ndarray
    framed: np.ndarray
    monotonous: np.ndarray


def needs_cleaning(texts: Sequence[str]) -> np.ndarray:
    """Return for each text whether ``normalise`` or ``scrub`` may alter it, or it is damaged."""
    return screen(Texts.of(texts)).altered


def screen(texts: Texts) -> Screened:
    """Screen many texts."""
    starts = texts.starts
    codes = np.frombuffer(texts.joined.encode("utf-32-le", "surrogatepass"), dtype="<u4")
    kinds = _table()[codes]
    # 1) Kinds that count by themselves.
    some = _joined_bits(kinds, starts)
    altered = (some & _ALTERED) != 0
    linked = (some & _BRACKET) != 0
    # 2) No text, or blanks at its ends.
    altered |= np.diff(starts) == 0
    full = np.flatnonzero(np.diff(starts))
    first, last = starts[:-1][full], starts[1:][full] - 1
    altered[full[((kinds[first] | kinds[last]) & _BLANK) != 0]] = True
    # 3) Kinds that count next to each other.
    places = np.flatnonzero(kinds & _PAIRED)
    found = kinds[places] & _PAIRED
    close = np.flatnonzero(places[1:] == places[:-1] + 1)
    before, after = found[close], found[close + 1]
    for pairs, flags in ((_ALTERING, altered), (_LINKING, linked)):
        _flag(flags, starts, places[close[(_seconds(pairs)[before] & after) != 0]], 1)
    # 4) Three line ends: two are an empty line, as most instructions have one.
    lines = places[(found & _LINE) != 0]
    _flag(altered, starts, lines[:-2][lines[2:] == lines[:-2] + 2], 2)
    # 5) WeChat, and many digits close together.
    wechat = places[(found & _W) != 0]
    wechat = wechat[wechat + 2 < len(codes)]
    second, third = codes[wechat + 1] | 32, codes[wechat + 2] | 32
    _flag(altered, starts, wechat[(second == ord("e")) & (third == ord("c"))], 2)
    digits = np.flatnonzero(kinds & _DIGIT)
    if len(digits) >= _DIGITS:
        spans = digits[_DIGITS - 1 :] - digits[: 1 - _DIGITS]
        near = np.flatnonzero(spans < _WINDOW)
        _flag(altered, starts, digits[near], spans[near])
    return Screened(
        altered=altered,
        chinese=(some & _CJK) != 0,
        silent=(some & _ALNUM) == 0,
        linked=linked,
        framed=_framed(kinds, starts),
        monotonous=_monotonous(codes, starts),
    )


def _joined_bits(kinds: np.ndarray, starts: np.ndarray) -> np.ndarray:
    """The kinds of all characters of each text, as one number by text."""
    some = np.zeros(len(starts) - 1, dtype=kinds.dtype)
    full = np.flatnonzero(np.diff(starts))
    if len(full):
        some[full] = np.bitwise_or.reduceat(kinds, starts[:-1][full])
    return some


def _flag(flags: np.ndarray, starts: np.ndarray, places: np.ndarray, more: np.ndarray | int):
    """Flag the texts that hold both a place and the one so many characters after it."""
    owners = np.searchsorted(starts, places, side="right") - 1
    flags[owners[places + more < starts[owners + 1]]] = True


@cache
def _seconds(pairs: tuple[tuple[int, int], ...]) -> np.ndarray:
    """For each set of kinds the kinds that count after it."""
    kinds = np.arange(_PAIRED + 1, dtype=np.uint32)
    found = np.zeros(len(kinds), dtype=np.uint32)
    for first, second in pairs:
        found[(kinds & first) != 0] |= second
    return found


def _framed(kinds: np.ndarray, starts: np.ndarray) -> np.ndarray:
    """Two signs or blanks at the begin, or ``ENDS`` at the end; texts that are shorter too."""
    framed = np.diff(starts) < ENDS
    rows = np.flatnonzero(~framed)
    first, end = starts[:-1][rows], starts[1:][rows]
    at_begin = kinds[first] & kinds[first + 1] & _EDGE
    at_end = np.full(len(rows), _EDGE, dtype=kinds.dtype)
    for back in range(1, ENDS + 1):
        at_end &= kinds[end - back]
    framed[rows[(at_begin | at_end) != 0]] = True
    return framed


def _monotonous(codes: np.ndarray, starts: np.ndarray) -> np.ndarray:
    """Three different characters at most among the first ``BEGIN``; False for a shorter text."""
    result = np.zeros(len(starts) - 1, dtype=bool)
    rows = np.flatnonzero(np.diff(starts) >= BEGIN)
    # Hardly a text passes this first look: the fifth character is one of the four before it, ...
    begins = starts[:-1][rows]
    look = np.sort(codes[begins[:, None] + np.arange(6)], axis=1)
    rows = rows[(look[:, 1:] != look[:, :-1]).sum(axis=1) < 3]
    begins = np.sort(codes[starts[:-1][rows][:, None] + np.arange(BEGIN)], axis=1)
    result[rows[(begins[:, 1:] != begins[:, :-1]).sum(axis=1) < 3]] = True
    return result


@cache
def _table() -> np.ndarray:
    """Return uint32 for each code point: its kinds."""
    table = np.full(0x110000, _ALTERED, dtype=np.uint32)
    joining = followers()
    table[:ASSIGNED] = 0
    # Most blocks of 256 are found regular, and all letters or none, at once.
    for block in (range(first, first + 256) for first in range(0, ASSIGNED, 256)):
        characters = "".join(map(chr, block))
        _mark_letters(table, block, characters)
        # Between letters, so that none joins its neighbour or is taken for space at the ends.
        joined = f"a{'a'.join(characters)}a"
        if regular_characters(joined) == joined:
            continue
        for code in block:
            between = f"a{chr(code)}a"
            if regular_characters(between) != between:
                table[code] |= _ALTERED
    table[list(joining)] |= _ALTERED
    for first, end in ((0x3400, 0xA000), (0xF900, 0xFB00)):
        table[first:end] |= _CJK
    for character in "&<@\ufffd":
        table[ord(character)] |= _ALTERED
    table[0xE000:0xF900] |= _ALTERED  # private use: mapped, or a reason to drop the row
    table[0x80:0x100] |= _HIGH
    for characters, kind in _KINDS.items():
        table[[ord(character) for character in characters]] |= kind
    return table


def _mark_letters(table: np.ndarray, block: range, characters: str) -> None:
    if characters.isalpha():
        table[block.start : block.stop] |= _ALNUM
        return
    for code in block:
        if (character := chr(code)).isalnum():
            table[code] |= _ALNUM | (_DIGIT if character.isdecimal() else 0)


_KINDS = {
    " ": _SPACE,
    "\n": _LINE,
    "微薇威": _WEI,
    "信": _XIN,
    "扣": _KOU,
    "加我": _ADD,
    "qQ": _Q,
    "vV": _V,
    "xX": _X,
    "wW": _W,
    ":": _COLON,
    "/": _SLASH,
    "[": _BRACKET,
    " \n。，？！,.?!:：；;": _EDGE,
}
