"""Rewrite an answer so that its letters are plain capitals.

Each step takes plain text (see ``early_stop.normal``) and returns plain text: unusual glyphs and
small letters become capitals, boxes and tables become verdicts, rarer lists become "A、B".
Repetitions are bounded, so the time grows with the length of the text.
"""

import re

from collectivesft.scores.extract import patterns

_GLYPHS = str.maketrans("選項確對錯為應擇說標", "选项确对错为应择说标")
_FOREIGN = {"Α": "A", "Β": "B", "Ε": "E", "А": "A", "В": "B", "С": "C", "Е": "E"}
_FOREIGN_LETTER = re.compile(
    r"(?<![A-Za-z\u0370-\u03ff\u0400-\u04ff])[ΑΒΕАВСЕ](?![A-Za-z0-9\-\u0370-\u03ff\u0400-\u04ff])"
)
_LOWER_STATED = re.compile(
    r"(?:答案|选项?|选择|\b(?i:answers?|options?|choices?)\b|boxed)"
    r"(?:应该|应|正确|是|为|选|择|项|:|\s|\bis\b|\bshould be\b|[(【\[{]){0,6}"
    r"(?P<run>[a-g](?:\s?[、,]\s?[a-g]){0,6})(?=\s{0,3}(?:[.,;:)\]】}。、]|选?项|\n|$))"
)
_LOWER_FIRST = re.compile(
    r"\A\s{0,9}[(【\[]?(?P<run>[a-g])(?:[)】\]]|\s{0,9}\Z|[.。、:](?!\s?[a-z]\.))"
)
_LOWER_LIST = re.compile(
    r"(?P<lead>\A\s{0,9}|答案\s?[是为:]\s?)(?P<run>[a-g](?:\s?[、,/]?\s?[a-g]){1,6})(?=\s{0,9}[。.]?\s{0,9}\Z)"
)
_UNDERLINED = re.compile(
    r"(?<![A-Za-z0-9_])_{1,3}([A-G](?:[、,]?[A-G]){0,6})_{1,3}(?![A-Za-z0-9_])"
)
_STRUCK = re.compile(r"~~[^~\n]{1,80}~~")
_ORDINAL = re.compile(
    r"(?:\A|(?<=答案[是为:])|(?<=选))\s?第([一二三四五六七1-7])个?(?:选项|项)(?=[。,.!\s]|\Z)"
)
_ORDER = dict(zip("一二三四五六七1234567", "ABCDEFG" * 2, strict=True))
_UNCHECKED = re.compile(r"^[ \t]*[-+]?[ \t]*\[ \][^\n]*$", re.M)
_CHECKED = re.compile(r"^[ \t]*[-+]?[ \t]*\[[xX✓√]\][ \t]*", re.M)
# A mark before a letter and its text; not before a list of letters.
_MARK_FIRST = re.compile(
    r"^[ \t>\-•]{0,6}([✓✔√✗✘×❌])[ \t]?([(【]?[A-G])"
    r"(?![A-Za-z]|[ \t]{0,3}[、,和与及][ \t]{0,3}[A-G])([^\n]{0,80})$",
    re.M,
)
_TRUE = re.compile(r"(?<![A-Za-z])([A-G])\s?:\s?(?:(?i:true|yes)\b|[是对](?=[\s,。;.!]|\Z))")
_FALSE = re.compile(r"(?<![A-Za-z])([A-G])\s?:\s?(?:(?i:false|no)\b|[否错](?=[\s,。;.!]|\Z))")
_CALLED = re.compile(
    r"(?<![A-Za-z])([A-G])\s?\((?:(?P<right>正确|对|[√✓✔])|错误?|不正确|不对|有误|[×✗✘❌])\)"
)
_TABLE_ROW = re.compile(
    r"^[ \t]*\|?[ \t]*(?:选项)?\(?([A-G])\)?[.、:]?[ \t]*([^|\n]{0,80})\|([^\n]*)$", re.M
)
_TABLE_FACT = re.compile(
    r"^[ \t]*\|[ \t]*((?:正确)?答案|(?i:answer))[ \t]*\|[ \t]*([A-G、, ]{1,12})\|", re.M
)
_TABLE_RULE = re.compile(r"^[ \t]*\|?[ \t:|\-]{3,}\|?[ \t]*$", re.M)
# A column of yes and no below its head: "是否首选", "Correct?".
_TABLE_HEAD = re.compile(
    r"^[ \t]*\|?(?P<head>(?=[^\n]*\|)[^\n]*+)\n[ \t]*\|?[ \t:|\-]{3,}\|?[ \t]*\n"
    r"(?P<rows>(?:[^\n|]*\|[^\n]*(?:\n|\Z)){2,9})",
    re.M,
)
_YES = re.compile(r"(?:是|对|正确|(?i:yes|true|y))\s?[√✓✔]?")
_NO = re.compile(r"(?:否|不是|错误?|不正确|(?i:no|false|n))\s?[×✗✘❌]?")
_ASKS_WRONG = re.compile(r"错|不|有误|(?i:wrong|incorrect|false)")
_ASKS_TO_CHOOSE = re.compile(r"题意|题干|应选|选择|答案|(?i:answer|chosen|choose)")
_BARS = re.compile(r"(?<=[A-G])\s?\|\s?(?=[A-G](?![A-Za-z]))")
_BOXES = re.compile(r"}\s{0,3}(?:[、,;和]|and)?\s{0,3}\\boxed\s?{(?=\s?[A-G])")
# "A、B和E;D是禁忌": the list ends where a clause about another letter begins.
_CLAUSE_AFTER_LIST = re.compile(
    r"([A-G]{2,7}|(?:[A-G][、和与及]){1,5}[A-G])\s?[,;]\s?"
    r"(?=[A-G](?:[、和与及][A-G]){0,4}(?:选?项)?(?:\(|:\s?[\u3400-\u9fff]|是|为|属|则|会|虽|不|均|都))"
)
# "ABC(早发现、早诊断)", "A,B,C三项。D为…": the letters are the answer, the rest explains it.
_RUN_THEN_NOTE = re.compile(r"\A\s{0,9}([A-G]{2,7})\s?(?=\()")
_COUNTED_RUN = re.compile(
    r"\A\s{0,9}([A-G](?:\s?[,、和与及]?\s?[A-G]){1,6})\s?[两三四五六]个?选?项[。,;]"
)
_BEGINS_WITH_RUN = re.compile(r"\A\s{0,9}([A-G]{2,7})(?=(?:[两三四五六]个?)?(?:选?项|均|都|皆|全))")
_DOTS = re.compile(r"(?<=[A-G])\s?[·•]\s?(?=[A-G](?![A-Za-z]))")
_LEFT_OUT = re.compile(rf"[,(]?但?(?:不包括|不包含|不含|没有){patterns.NAMED_OPTIONS}")
_NO_WORDS = re.compile(r"\(\s{0,3}\)")
# "1A 2B 3C": each letter with its number in a list.
_NUMBERED = re.compile(
    r"(?<=[:\s、,;])\d[.、)]?\s?([A-G])(?=[\s,、;]{1,3}\d[.、)]?\s?[A-G](?![A-Za-z]))"
)
_LAST_NUMBERED = re.compile(r"(?<=[A-G]、)[\s,、;]{0,3}\d[.、)]?\s?([A-G])(?![A-Za-z])")
_RANGE = re.compile(
    rf"(?<![{patterns.LATIN}])([A-G])[ \t]?(?:[-–—~]|至|到)[ \t]?([A-G]){patterns.NO_TERM}"
)


def clean(text: str, multiple: bool) -> str:
    """Return the text with its letters in plain capitals and its tables as lines.

    Args:
        text: plain text of one answer, without thinking.
        multiple: true where several letters may be right, so that A-D is a range.
    """
    text = text.translate(_GLYPHS)
    if ":" in text:
        text = _FALSE.sub(r"\1×", _TRUE.sub(r"\1√", text))
    if "(" in text:
        text = _CALLED.sub(lambda match: match[1] + ("√" if match["right"] else "×"), text)
    if "第" in text:
        text = _ORDINAL.sub(lambda match: _ORDER[match[1]], text)
    if "~~" in text:
        text = _STRUCK.sub("", text)
    if "[" in text:
        text = _CHECKED.sub("", _UNCHECKED.sub("", text))
    if not text.isascii():
        text = _FOREIGN_LETTER.sub(lambda match: _FOREIGN[match.group()], text)
        text = text.replace("\ufe0f", "").replace("✅", "✓").replace("☑", "✓").replace("✖", "✗")
        text = _MARK_FIRST.sub(r"\2\3 \1", text)
    if "_" in text:
        text = _UNDERLINED.sub(r" \1 ", text)
    if multiple:
        text = _LOWER_LIST.sub(_upper_if_sorted, text)
    for lower in (_LOWER_FIRST, _LOWER_STATED):
        text = lower.sub(_upper, text)
    if "|" in text:
        text = _TABLE_HEAD.sub(_marked_table, text)
        text = _TABLE_FACT.sub(r"\1: \2", _TABLE_RULE.sub("", text))
        text = _BARS.sub("、", text)
        text = _TABLE_ROW.sub(_row, text)
    return _clean_lists(text) if multiple else text


def _clean_lists(text: str) -> str:
    """Return an answer with several letters, its ranges and rarer lists as "A、B"."""
    text = _BOXES.sub("、", _DOTS.sub("、", text))
    text = _BEGINS_WITH_RUN.sub(lambda match: "、".join(match[1]), text)
    text = _COUNTED_RUN.sub(r"答案是\1。", _RUN_THEN_NOTE.sub(r"\1。", text))
    text = _CLAUSE_AFTER_LIST.sub(r"\1。", text)
    text = _LAST_NUMBERED.sub(r"\1", _NUMBERED.sub(r"\1、", text))
    text = _NO_WORDS.sub("", _LEFT_OUT.sub("", text))
    return _RANGE.sub(_spelled, text)


def _upper_if_sorted(match: re.Match) -> str:
    """Small letters in their order are letters ("abd"), in any other order a word ("bad")."""
    run = re.findall("[a-g]", match["run"])
    return _upper(match) if run == sorted(set(run)) else match.group()


def _upper(match: re.Match) -> str:
    begin = match.start("run") - match.start()
    whole = match.group()
    return whole[:begin] + match["run"].upper() + whole[begin + len(match["run"]) :]


def _marked_table(match: re.Match) -> str:
    """Return a table whose column of yes and no holds √ and ×; a column of what to choose that has
    one yes becomes a statement."""
    heads = _cells(match["head"])
    rows = [_cells(row) for row in match["rows"].strip().split("\n")]
    last = len(heads) - 1
    said = [row[last] if len(row) == len(heads) else "" for row in rows]
    yes = [_YES.fullmatch(one) is not None for one in said]
    if not all(one or _NO.fullmatch(text) for one, text in zip(yes, said, strict=True)):
        return match.group()
    letters = [re.match(r"(?:选项)?\(?([A-G])(?![A-Za-z])", row[0]) for row in rows]
    if _ASKS_TO_CHOOSE.search(heads[last]):
        chosen = [letter[1] for letter, one in zip(letters, yes, strict=True) if letter and one]
        return f"答案是{'、'.join(chosen)}。\n" if chosen else match.group()
    inverted = _ASKS_WRONG.search(heads[last]) is not None
    for row, one in zip(rows, yes, strict=True):
        row[last] = "√" if one != inverted else "×"
    return "\n".join(f"| {' | '.join(row)} |" for row in rows) + "\n"


def _cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip().strip("|").split("|")]


def _row(match: re.Match) -> str:
    """A table's row as a line: "| A | 甲药 | 错误 |" becomes "A: 甲药:错误"."""
    cells = [cell.strip() for cell in (match[2], *match[3].split("|")) if cell.strip()]
    return f"{match[1]}: {':'.join(cells)}" if cells else match[1]


def _spelled(match: re.Match) -> str:
    """A range letter by letter; what runs backwards stays."""
    first, last = match.groups()
    if first >= last:
        return match.group()
    return "、".join(map(chr, range(ord(first), ord(last) + 1)))
