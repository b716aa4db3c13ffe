"""Text as it should have been: encoding repaired, marks of the web removed, spacing regular."""

import html
import re
import unicodedata

from collectivesft.curated.text.symbols import map_symbols
from collectivesft.curated.text.unicode_fold import JOINTS, SIGNS, fold_text

# The characters of UTF-8 that was read as Latin-1 or cp1252; other Chinese text hardly has them.
_SUSPECT = re.compile(r"[\u0080-\u00ff]{2}")
_CJK = re.compile(r"[\u3400-\u9fff\uf900-\ufaff]")
# Only tags that web pages are made of, with attributes as they are written there: neither
# "WBC<4 且 PLT>100" nor "a<b, and c>d" holds a tag.
_TAGS = (
    "a|abbr|b|blockquote|br|center|dd|div|dl|dt|em|font|h[1-6]|hr|i|img|li|ol|p|pre|s|script|span"
    "|strong|style|sub|sup|table|tbody|td|th|thead|tr|u|ul"
)
_OPEN, _CLOSE = r"<\s*(?:/\s*)?", r"(?:\s+[a-z-]+\s*=[^<>]*|\s*(?:/\s*)?)>"
_BLOCKS = "blockquote|br|center|dd|div|dl|dt|h[1-6]|hr|li|ol|p|pre|table|tbody|thead|tr|ul"
_BREAK = re.compile(rf"{_OPEN}(?:{_BLOCKS}){_CLOSE}", re.I)
_TABLE_CELL = re.compile(rf"{_OPEN}(?:td|th){_CLOSE}", re.I)
_TAG = re.compile(rf"{_OPEN}(?:{_TAGS}){_CLOSE}", re.I)
_INLINE = re.compile(rf"{_OPEN}(?!su[bp]\b)(?:{_TAGS}){_CLOSE}", re.I)
# 10<sup>9</sup> is 10⁹; without its tag it would be 109.
_RAISED = re.compile(rf"<\s*(su[bp]){_CLOSE}([^<>]*)<\s*/\s*\1\s*>", re.I)
_POWER = re.compile(
    r"(?=[a-z]*[-+\u2212./*]|\d+[-+\u2212./*])[\w+\-\u2212.*/]+"
)  # a+b, 1/2, 0.75; not th
_LONGEST_POWER = 12
_SIGNS = "0123456789+-\u2212=()"
_SCRIPTS = {
    "sup": dict(zip(f"{_SIGNS}ni", "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁻⁼⁽⁾ⁿⁱ", strict=True)),
    "sub": dict(zip(_SIGNS, "₀₁₂₃₄₅₆₇₈₉₊₋₋₌₍₎", strict=True)),
}
_ENTITY = re.compile(r"&(?:[a-zA-Z][a-zA-Z0-9]{1,31}|#\d{1,7}|#x[0-9a-fA-F]{1,6});")
_INVISIBLE = re.compile(
    r"[\u0000-\u0008\u000e-\u001f\u007f\u00ad\u200b-\u200f\u202a-\u202e\u2060\ufeff]"
)
# A single space, and a plain line end without spaces, stay as they are and are no match: in English
# every second match would put the same text back.
_OTHER_BLANK = r"\t\u00a0\u2000-\u200a\u202f\u205f\u3000"
_BLANKS = re.compile(rf"(?:[{_OTHER_BLANK}]| (?=[ {_OTHER_BLANK}]))[ {_OTHER_BLANK}]*")
_OTHER_END = r"(?:\r\n|[\r\u000b\u000c\u0085\u2028\u2029])"
_LINES = re.compile(rf" (?:{_OTHER_END}|\n) ?|{_OTHER_END} ?|\n ")
_MANY_LINES = re.compile(r"\n{3,}")
# Full-width letters, digits and the signs that belong to them become plain; Chinese punctuation
# stays, since it is how Chinese is written.
_FULL_WIDTH = {0xFF01 + i: 0x21 + i for i in range(94) if chr(0x21 + i).isalnum()}
_FULL_WIDTH |= {ord("％"): "%", ord("＋"): "+", ord("－"): "-", ord("．"): ".", ord("／"): "/"}
_FULL_WIDTH |= {ord("＠"): "@", ord("＿"): "_"}  # of addresses and account names
_WIDE = re.compile(f"[{''.join(map(chr, _FULL_WIDTH))}]")


def normalise(text: str) -> tuple[str, set[str]]:
    """Clean one text, until nothing is left to clean: a tag may have been escaped twice.

    Returns:
        The text, and which of ``symbols_mapped``, ``encoding_repaired``, ``html_removed``,
        ``characters_normalised`` happened to it. A private-use character without a known meaning
        stays in the text: the caller drops the row, as for U+FFFD.
    """
    done, before = set(), None
    while text != before:
        before = text
        for name, clean in _STEPS:
            cleaned = clean(text)
            if cleaned != text:
                done.add(name)
            text = cleaned
    return text, done


def repair_encoding(text: str) -> str:
    """Undo UTF-8 that was read as Latin-1 or cp1252, where the result is Chinese and exact."""
    if not _SUSPECT.search(text):
        return text
    import ftfy

    repaired = ftfy.fix_encoding(text)
    return repaired if len(_CJK.findall(repaired)) > len(_CJK.findall(text)) else text


def remove_html(text: str) -> str:
    """Resolve character references and take out tags without joining what they keep apart.

    Those that break lines become line ends, cells of a table get a blank between them, and raised
    or lowered numbers become the signs that mean the same.
    """
    if "&" in text:
        text = _ENTITY.sub(lambda match: html.unescape(match.group()), text)
    if "<" in text:
        text = _INLINE.sub("", _TABLE_CELL.sub(" ", _BREAK.sub("\n", text)))
        text = _TAG.sub("", _RAISED.sub(_raised, text))
    return text


def _raised(match: re.Match[str]) -> str:
    """Return a raised or lowered text in signs of that kind; words (5<sup>th</sup>) are plain."""
    said = match[2].strip()
    signs = _SCRIPTS[match[1].lower()]
    if all(character in signs for character in said):
        return "".join(map(signs.__getitem__, said))
    power = match[1].lower() == "sup" and len(said) <= _LONGEST_POWER
    return f"^({said})" if power and _POWER.fullmatch(said) else said


def regular_characters(text: str) -> str:
    """NFC; plain letters, digits and spaces; no control or invisible characters; tidy lines."""
    text = unicodedata.normalize("NFC", text)
    if _WIDE.search(text):
        text = text.translate(_FULL_WIDTH)
    text = _BLANKS.sub(" ", _INVISIBLE.sub("", text))
    return _MANY_LINES.sub("\n\n", _LINES.sub("\n", text)).strip()


_STEPS = (
    ("symbols_mapped", map_symbols),
    ("encoding_repaired", repair_encoding),
    ("html_removed", remove_html),
    ("characters_normalised", regular_characters),
)

# Letters and digits, and signs that change a value: 1.5 is not 15, 1:20 not 120, "(-)" not "(+)".
_MINUS = r"(?<=\d)-(?=\d)|(?<![\s\w])-(?!\s)|(?<=[^\W\d_])-(?!\w)"
_MEANT = re.compile(rf"[^\W_]|[{SIGNS}]|(?<=\d)[{JOINTS}](?=\d)|{_MINUS}")


def key(text: str) -> str:
    """Return a text without differences of case, width, script, spacing and punctuation.

    A text of nothing but punctuation stays as it is.
    """
    plain = fold_text(text).replace("\u2212", "-")
    if plain.isalnum():  # what the expression would find, one by one
        return plain
    return "".join(_MEANT.findall(plain)) or plain.strip()
