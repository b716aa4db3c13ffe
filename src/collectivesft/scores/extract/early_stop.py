"""Early stopping: detect that no further token can change the letters that are extracted.

Kept apart from the extractor, so that an edit of the extraction does not invalidate predictions. It
is conservative: it may miss a chance to stop but never stops too early, and tests hold both
extractors to it.
"""

import re
import unicodedata
from collections.abc import Collection

# Signs of quotation and emphasis: nothing that a reading could need.
_MARKS = str.maketrans("", "", "*\"'“”‘’「」『』`$")
# Marks that set an option's letter apart from a word: B“CT”, **B**CT, **B**超.
_BOUNDARY = re.compile(
    r"(?<![A-Za-z0-9][A-G])(?<=[A-G])"
    r"(?:[*\"'“”‘’「」『』`$]{1,4}(?=[A-Z0-9])|\*{1,3}(?=[\u3400-\u9fff]))"
)
# CMB's reading takes the first statement, up to its full stop.
_STATEMENT = re.compile(r"(?:答案|正确选项)(?:是|：|为|应该是|应该为)([^。.]*)([。.]?)")
# After a lead: letters that no next sign makes part of a term or denies. A line's end or a blank
# may yet be followed by a cross.
_LETTERS = re.compile(r"\s{0,3}([A-G]+)(?:[。.,、;:!?)\]】]|\s[^(×✗✘❌\ufffd])")
# Several answers: a list that ends at a full stop or a line's end.
_LIST = re.compile(r"\s{0,3}([A-G](?:[、,，]?[A-G]){0,6})(?=[。.\n])")
# The model asks itself a next question: all before it is the answer.
ANOTHER = re.compile(
    r"(?<=\S)\s*(?:以下是[^\n。]{0,40}的一道|\n\s{0,9}问:|\n\s{0,9}(?:Human|User|Question):"
    r"|<\|(?:im_start|user|im_end|endoftext|eot_id)\|?>|<start_of_turn>|<end_of_turn>|\[INST\])"
)
# ANOTHER may yet find this before its present match.
_PENDING = re.compile(r"以下是[^\n。]{0,42}\Z")
# More characters than a list could still take in.
_BEYOND_LIST = 16


def normal(text: str) -> str:
    """Return the text in plain signs: NFKC, without quote marks and emphasis.

    Marks between a capital letter and a word become a space: 选B“CT” names B, and no BCT.
    """
    return _BOUNDARY.sub(" ", _compatible(text)).translate(_MARKS)


def _compatible(text: str) -> str:
    # NFKC would make a C of the sign for degrees Celsius.
    return unicodedata.normalize("NFKC", re.sub("[℃℉]", "°", text))


def is_final(text: str, lead: str, options: Collection[str], multiple: bool) -> bool:
    """Return True if both readings of ``lead + text`` are final, whatever the model writes next.

    CMB's first statement must have ended, or hold the letter that counts where only one does. The
    corrected reading is settled by letters of ``options`` right after the lead, or by the beginning
    of a next question. Where several may be right, a single letter may begin a list ("A. 甲药\\nB.
    乙药", "A\\nB"), unless 。 ends it. Free text, which has no options, is never settled.
    """
    statement = _STATEMENT.search(lead + text)
    if not options or not statement:
        return False
    said, ended = statement.groups()
    if not ended and (multiple or not re.search("[A-G]", said)):
        return False
    # Without the spaces of ``normal``: a mark may yet combine with the letter after one.
    plain = _compatible(lead + text).translate(_MARKS)
    letters = _LETTERS.match(plain, len(normal(lead))) if lead and not multiple else None
    if letters and set(letters[1]) <= set(options):
        return True
    if another := ANOTHER.search(plain):
        # A question that thinking asks ends no answer.
        return "<think>" not in plain and _is_first(another, plain)
    return bool(lead) and multiple and _list_ended(text, options)


def _is_first(another: re.Match, plain: str) -> bool:
    """Return True if no later text can hide the beginning of a next question, or precede it."""
    after, pending = plain[another.end() :], _PENDING.search(plain)
    # A mark that combines with its last sign would change that.
    whole = after[:1] not in ("", "\ufffd") and not unicodedata.combining(after[0])
    return whole and not (pending and pending.start() < another.start())


def _list_ended(text: str, options: Collection[str]) -> bool:
    """Return True if a text begins with letters of options after which no list continues."""
    match = _LIST.match(text)
    if match is None or not set(re.findall("[A-G]", match[1])) <= set(options):
        return False
    if len(match[1]) == 1 and text[match.end()] != "。":
        return False
    after = text[match.end() :].translate(_MARKS)
    # A mark that combines with a letter could still move up to the letters before it.
    return len(after) >= _BEYOND_LIST and not any(map(unicodedata.combining, after))
