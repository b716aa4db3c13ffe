"""Text as it should have been: encoding repaired, marks of the web removed, spacing regular."""

import html
import re
import unicodedata

# What UTF-8 read as Latin-1 or cp1252 is made of; hardly any other Chinese text has it.
_SUSPECT = re.compile(r"[\u0080-\u00ff]{2}")
_CJK = re.compile(r"[\u3400-\u9fff\uf900-\ufaff]")
# Only tags that web pages are made of: "WBC<4 且 PLT>100" is not a tag.
_TAGS = (
    "a|abbr|b|blockquote|br|center|dd|div|dl|dt|em|font|h[1-6]|hr|i|img|li|ol|p|pre|s|script|span"
    "|strong|style|sub|sup|table|tbody|td|th|thead|tr|u|ul"
)
_BREAK = re.compile(r"<\s*/?\s*(?:br|p|div|li|tr|h[1-6])\b[^<>]*>", re.I)
_TAG = re.compile(rf"<\s*/?\s*(?:{_TAGS})\b[^<>]*>", re.I)
_ENTITY = re.compile(r"&(?:[a-zA-Z][a-zA-Z0-9]{1,31}|#\d{1,7}|#x[0-9a-fA-F]{1,6});")
_INVISIBLE = re.compile(
    r"[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f\u00ad\u200b-\u200f\u2028-\u202e\u2060\ufeff\ue000-\uf8ff]"
)
_BLANKS = re.compile(r"[ \t\u00a0\u2000-\u200a\u202f\u205f\u3000]+")
_LINES = re.compile(r" ?(?:\r\n|\r|\n) ?")
_MANY_LINES = re.compile(r"\n{3,}")
# Full-width letters, digits and the signs that belong to them become plain; Chinese punctuation
# stays, since it is how Chinese is written.
_FULL_WIDTH = {0xFF01 + i: 0x21 + i for i in range(94) if chr(0x21 + i).isalnum()}
_FULL_WIDTH |= {ord("％"): "%", ord("＋"): "+", ord("－"): "-", ord("．"): ".", ord("／"): "/"}


def normalise(text: str) -> tuple[str, set[str]]:
    """Clean one text.

    Returns:
        The text, and which of ``encoding_repaired``, ``html_removed``, ``characters_normalised``
        happened to it.
    """
    done = set()
    repaired = repair_encoding(text)
    if repaired != text:
        done.add("encoding_repaired")
    plain = remove_html(repaired)
    if plain != repaired:
        done.add("html_removed")
    regular = regular_characters(plain)
    if regular != plain:
        done.add("characters_normalised")
    return regular, done


def repair_encoding(text: str) -> str:
    """Undo UTF-8 that was read as Latin-1 or cp1252, where the result is Chinese and exact."""
    if not _SUSPECT.search(text):
        return text
    import ftfy

    repaired = ftfy.fix_encoding(text)
    return repaired if len(_CJK.findall(repaired)) > len(_CJK.findall(text)) else text


def remove_html(text: str) -> str:
    """Resolve character references and take out tags; those that break lines become line ends."""
    if "&" in text:
        text = _ENTITY.sub(lambda match: html.unescape(match.group()), text)
    if "<" in text:
        text = _TAG.sub("", _BREAK.sub("\n", text))
    return text


def regular_characters(text: str) -> str:
    """NFC; plain letters, digits and spaces; no control or invisible characters; tidy lines."""
    text = unicodedata.normalize("NFC", text).translate(_FULL_WIDTH)
    text = _BLANKS.sub(" ", _INVISIBLE.sub("", text))
    return _MANY_LINES.sub("\n\n", _LINES.sub("\n", text)).strip()


def key(text: str) -> str:
    """What is left of a text when case, width, spacing and punctuation do not count."""
    plain = unicodedata.normalize("NFKC", text).casefold()
    return "".join(character for character in plain if character.isalnum())
