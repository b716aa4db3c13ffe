"""When nothing more that a model writes can change how its answer is read.

This decides when a model may stop, so it stands apart from the reading itself: an edit of how
answers are read asks no model again. It claims less than it could, and tests hold the readings
to it.
"""

import re
import unicodedata
from collections.abc import Collection

# Signs of quotation and emphasis: nothing that a reading could need.
_MARKS = str.maketrans("", "", "*\"'“”‘’「」『』`$")
# CMB's reading takes the first statement, up to its full stop.
_STATEMENT = re.compile(r"(?:答案|正确选项)(?:是|：|为|应该是|应该为).*?[。.]", re.S)
# After a lead: letters that end at a full stop or a line's end.
_LETTERS = re.compile(r"\s{0,3}([A-G](?:[、,，]?[A-G]){0,6})(?=[。.\n])")
# Where the model goes on with a question of its own: all before it is the answer.
ANOTHER = re.compile(
    r"(?<=\S)\s*(?:以下是[^\n。]{0,40}的一道|\n\s{0,9}问:|\n\s{0,9}(?:Human|User|Question):"
    r"|<\|(?:im_start|user|im_end|endoftext|eot_id)\|?>|<start_of_turn>|<end_of_turn>|\[INST\])"
)
# More characters than a run of letters could still take in, or than ANOTHER may begin before.
_BEYOND_LETTERS, _BEYOND_ANOTHER = 16, 48


def normal(text: str) -> str:
    """The text in plain signs: NFKC, without quote marks and emphasis."""
    # NFKC would make a C of the sign for degrees Celsius.
    return unicodedata.normalize("NFKC", re.sub("[℃℉]", "°", text)).translate(_MARKS)


def settled(text: str, lead: str, options: Collection[str], multiple: bool) -> bool:
    """Whether both readings of ``lead + text`` stay the same whatever the model writes next.

    CMB's first statement must have ended. The corrected reading is settled by letters of
    ``options`` right after the lead, or by the beginning of another question. Where several may be
    right, a letter alone may begin a list ("A. 甲药\\nB. 乙药", "A\\nB"), unless 。 ends it. Free
    text, which has no options, is never settled.
    """
    if not options or not _STATEMENT.search(lead + text):
        return False
    plain = normal(lead + text)
    another = ANOTHER.search(plain)
    if another:
        # A question that thinking asks ends no answer.
        return "<think>" not in plain and len(plain) - another.end() >= _BEYOND_ANOTHER
    match = _LETTERS.match(text) if lead else None
    if match is None or not set(re.findall("[A-G]", match.group(1))) <= set(options):
        return False
    if multiple and len(match.group(1)) == 1 and text[match.end()] != "。":
        return False
    after = text[match.end() :].translate(_MARKS)
    # A mark that combines with a letter could still move up to the letters before it.
    return len(after) >= _BEYOND_LETTERS and not any(map(unicodedata.combining, after))
