"""Tells texts that need no cleaning from those that may, thousands at a time.

Cleaning a text costs a dozen passes of Python's regular expressions; most texts come out as they
went in. What is passed here is certainly such a text; what is held back may be one too.
"""

from functools import cache

import numpy as np

from collectivesft.curated.text.normalise import regular_characters
from collectivesft.curated.text.unicode_fold import ASSIGNED, SEPARATOR, followers

# What a character is, in bits; some alter a text only beside another.
(_ALTERED, _BLANK, _DIGIT, _HIGH, _WEI, _XIN, _Q, _V, _X, _W, _E, _C, _KOU, _ADD) = (
    np.uint16(1 << bit) for bit in range(14)
)
_PAIRS = (
    *((_BLANK, _BLANK), (_HIGH, _HIGH), (_WEI, _XIN), (_V, _XIN), (_Q, _Q), (_V, _X)),
    *((_KOU, _KOU), (_ADD, _WEI), (_ADD, _V), (_W, _X)),
)
# Every number that is taken for personal data has this many digits in so many characters.
_DIGITS, _WINDOW = 7, 9


def needs_cleaning(texts: list[str]) -> np.ndarray:
    """Which texts ``normalise`` or ``scrub`` may alter, or are damaged: bool by text."""
    if not texts:
        return np.zeros(0, dtype=bool)
    joined = SEPARATOR + SEPARATOR.join(texts) + SEPARATOR
    kinds = _table()[np.frombuffer(joined.encode("utf-32-le", "surrogatepass"), dtype="<u4")]
    suspect = (kinds & _ALTERED) != 0
    before = kinds[:-1]
    for first, second in _PAIRS:
        suspect[1:] |= ((before & first) != 0) & ((kinds[1:] & second) != 0)
    wechat = ((kinds[:-2] & _W) != 0) & ((kinds[1:-1] & _E) != 0) & ((kinds[2:] & _C) != 0)
    suspect[1:-1] |= wechat
    digits = np.cumsum((kinds & _DIGIT) != 0, dtype=np.int32)
    suspect[_WINDOW:] |= digits[_WINDOW:] - digits[:-_WINDOW] >= _DIGITS
    # A short text at the begin has no window of its own.
    suspect[:_WINDOW] |= digits[: len(suspect)][:_WINDOW] >= _DIGITS
    ends = np.cumsum([len(text) + 1 for text in texts])
    # The separator after a text belongs to it: a blank before it is one at the text's end.
    found = np.zeros(len(texts), dtype=bool)
    places = np.flatnonzero(suspect[1:])
    found[np.searchsorted(ends, places, side="right")] = True
    return found


@cache
def _table() -> np.ndarray:
    """uint16 for each code point."""
    table = np.full(0x110000, _ALTERED, dtype=np.uint16)
    joining = followers()
    table[:ASSIGNED] = 0
    # Most blocks of 256 are told to be regular at once.
    for block in (range(first, first + 256) for first in range(0, ASSIGNED, 256)):
        # Between letters, so that none joins its neighbour or is taken for space at the ends.
        joined = f"a{'a'.join(map(chr, block))}a"
        same = regular_characters(joined) == joined
        for code in block:
            character = chr(code)
            if character.isdecimal():
                table[code] = _DIGIT
            between = f"a{character}a"
            if code in joining or (not same and regular_characters(between) != between):
                table[code] |= _ALTERED
    for character in "&<@\ufffd":
        table[ord(character)] |= _ALTERED
    table[0xE000:0xF900] |= _ALTERED  # private use: mapped, or a reason to drop the row
    table[0x80:0x100] |= _HIGH
    for characters, kind in _BESIDE.items():
        table[[ord(character) for character in characters]] |= kind
    return table


_BESIDE = {
    f" \n{SEPARATOR}": _BLANK,
    "微薇威": _WEI,
    "信": _XIN,
    "扣": _KOU,
    "加我": _ADD,
    "qQ": _Q,
    "vV": _V,
    "xX": _X,
    "wW": _W,
    "eE": _E,
    "cC": _C,
}
