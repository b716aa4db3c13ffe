"""Traditional Chinese characters and the simplified ones that they are compared as.

Character by character, by OpenCC's table t2s: its phrase tables would rewrite the terms of a
simplified text as well. For comparison only; no text that is handed on is altered.
"""

from functools import cache

_BLOCKS = ((0x3400, 0x4DC0), (0x4E00, 0xA000), (0x20000, 0x34000))


@cache
def simplified() -> dict[int, int]:
    """Code points of traditional characters, each with its simplified one."""
    import opencc

    codes = [code for block in _BLOCKS for code in range(*block)]
    convert = opencc.OpenCC("t2s").convert
    # A line end after each prevents phrases. Twice, as a few lead to a further traditional form.
    shown = convert(convert("\n".join(map(chr, codes)))).split("\n")
    pairs = zip(codes, shown, strict=True)
    return {code: ord(to) for code, to in pairs if len(to) == 1 and ord(to) != code}
