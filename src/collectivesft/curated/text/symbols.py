"""Private-use characters with a known meaning: those of symbol fonts, and of old Chinese encodings.

Word processors store a sign of the fonts Symbol and Wingdings as U+F000 plus its code in the font,
so ``12±2`` reaches a text file as ``12\\uf0b12``. GBK had no Unicode value for 80 of its signs and
put them at U+E815 to U+E864; Unicode has them all since version 4.1.

Sources: Adobe's encoding vector of Symbol (PostScript Language Reference, appendix E.11) with the
Unicode values of its Symbol.txt; GB 18030-2022, annex D, for the signs that Python's codec still
maps to private use.
"""

import re

PRIVATE = re.compile("[\ue000-\uf8ff\U000f0000-\U0010fffd]")

# Signs of Symbol from 0x20 and from 0xA0; U+FFFD marks a code without a sign.
_LOW = (
    " !∀#∃%&∋()∗+,−./0123456789:;<=>?"
    "≅ΑΒΧΔΕΦΓΗΙϑΚΛΜΝΟΠΘΡΣΤΥςΩΞΨΖ[∴]⊥_"
    "‾αβχδεφγηιϕκλμνοπθρστυϖωξψζ{|}∼\ufffd"
)
_HIGH = (
    "€ϒ′≤⁄∞ƒ♣♦♥♠↔←↑→↓°±″≥×∝∂•÷≠≡≈…⏐⎯↵"
    "ℵℑℜ℘⊗⊕∅∩∪⊃⊇⊄⊂⊆∈∉∠∇®©™∏√⋅¬∧∨⇔⇐⇑⇒⇓"
    "◊〈®©™∑⎛⎜⎝⎡⎢⎣⎧⎨⎩⎪\ufffd〉∫⌠⎮⌡⎞⎟⎠⎤⎥⎦⎫⎬⎭\ufffd"
)
# Codes at which Word itself writes Wingdings: its bullets and tick, and its arrows for --> and ==>.
# Symbol has a card suit, a lozenge and pieces of tall brackets there.
_WINGDINGS = {0xF0A7: "▪", 0xF0E0: "→", 0xF0E8: "➔", 0xF0FC: "✓"}
_GBK_1995 = 0xE815
# Signs of GB 18030 that got their Unicode value after the standard's first edition.
_GB18030 = {
    0xE78D: "︐", 0xE78E: "︒", 0xE78F: "︑", 0xE790: "︓", 0xE791: "︔", 0xE792: "︕",
    0xE793: "︖", 0xE794: "︗", 0xE795: "︘", 0xE796: "︙", 0xE7C7: "ḿ", 0xE816: "\U00020087",
    0xE817: "\U00020089", 0xE818: "\U000200cc", 0xE81E: "龴", 0xE826: "龵", 0xE82B: "龶",
    0xE82C: "龷", 0xE831: "\U000215d7", 0xE832: "龸", 0xE83B: "\U0002298f", 0xE843: "龹",
    0xE854: "龺", 0xE855: "\U000241fe", 0xE864: "龻",
}  # fmt: skip


def _gbk() -> dict[int, str]:
    """GBK's signs 0xFE50 to 0xFEA0, in their order from U+E815 on."""
    codes = [code for code in range(0x50, 0xA1) if code != 0x7F]
    signs = (bytes((0xFE, code)).decode("gb18030") for code in codes)
    found = dict(enumerate(signs, start=_GBK_1995))
    return {code: sign for code, sign in found.items() if not PRIVATE.fullmatch(sign)}


_SYMBOL = {
    first + place: sign
    for first, signs in ((0xF020, _LOW), (0xF0A0, _HIGH))
    for place, sign in enumerate(signs)
    if sign != "\ufffd"
}
MEANING = _SYMBOL | _WINGDINGS | _gbk() | _GB18030


def map_symbols(text: str) -> str:
    """Replace private-use characters by their meaning; one without a meaning stays."""
    return text.translate(MEANING) if PRIVATE.search(text) else text
