"""The options that a text names after the first: "答案是A（甲药）、B（乙药）和D（丁药）。"

An answer to a question with several answers may give each letter with its text. Letters are taken
while the text continues as it began: the same sign after each letter, a list's separator or a line
break before it. What explains an answer and mentions other letters ends the list: the sentence's
end, a word such as 解析 or because, a line that begins otherwise, letters that begin again at A, a
clause about a letter. Of a list that denies letters the denied ones do not count; if its items are
lines, it analyses all options, and only lines that are called right count.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from collectivesft.scores.extract import patterns

# Text after an item's letter: "A选项", "A（甲药）", nothing on its line, or a sign and text
# ("A. 甲药", "A、", "A：", "A)", "A - ", "A 甲药").
_BRACKETS = r"[ \t]?\((?P<said>(?:[^()\n]|\([^()\n]{0,30}\)){1,60})\)"
_WHOLE = {
    "word": re.compile(rf"[ \t]?(?:选项|项)(?:{_BRACKETS})?"),
    "brackets": re.compile(_BRACKETS),
    "bare": re.compile(r"[)\]】]?(?P<said>)[ \t]{0,3}(?:[、,;]?[ \t]{0,3}(?=\n|$)|[。.](?=\s*\Z))"),
}
_SIGN = re.compile(
    rf"(?P<sign>[)\]】]?[.、:]|[)\]】]|[ \t][-–—]{{1,2}}(?=[ \t])|[ \t](?=[A-Z0-9{patterns.HAN}]))"
    r"[ \t]{0,3}(?=[^\s。.,;、])"
)
# Text before the next item's letter.
_LETTER = r"[(\[【]?(?P<letter>[A-Z])"
_AND = r"(?:以及|[和与及或]|\band\b)"
_GAP = r"[ \t]{0,3}"
_SOFT = re.compile(rf"{_GAP}(?:、{_GAP}{_AND}?|,?{_GAP}{_AND}|[&+]){_GAP}{_LETTER}")
_HARD = re.compile(rf"{_GAP}[,;]{_GAP}{_LETTER}")
_SPACED = re.compile(rf"(?<=[){patterns.HAN}])[ \t]{{1,3}}{_LETTER}")
_LINE = re.compile(rf"{_GAP}[、,;]?{_GAP}{_AND}?{_GAP}\n\s{{0,6}}[ \t>#\-•·+]{{0,6}}{_LETTER}")
_STOP = re.compile(r"[。!?;\n]|(?<![A-Z])\.(?=\s|$)")
_LONGEST = 200
# Words that no longer name an option: an explanation, or options set against the answer.
_ASIDE = re.compile(
    r"解析|分析|理由|原因是|因为|由于|所以|因此|说明:|解释|依据|排除|其余|其他选|其它选|而(?=[A-Z不非])"
    r"|不包括|不选|(?i:\b(?:explanation|analysis|reason|rationale|because|since|except|not|while"
    r"|whereas|but|others?|therefore|so)\b)"
)
# After a letter and a space: the sentence continues and names no option ("A 是", "A is").
_SENTENCE = re.compile(rf"[ \t]{{1,3}}[{patterns.TERM}是为的和与及或都均不可会能应因由错对有]")
_SIDE = r"(?:^|[\s:,(\-—是为均都])"
_LAST = r"的?(?:选项|说法|答案)?(?=[\s,。.;:、!)因由故]|$)"
_WRONG = re.compile(
    rf"(?:错误|不正确|不符合?(?:题意)?|有误|不应?选|不成立|{_SIDE}(?:错|不对)){_LAST}"
    rf"|(?<=[{patterns.HAN}])(?:不属于|并非)"
    r"|[应可故予]以?排除|[×✗✘❌]|\b(?i:wrong|incorrect|false|not)\b"
)
_RIGHT = re.compile(
    rf"(?<!不)(?:正确|符合题意|{_SIDE}对){_LAST}|[√✓✔]|\b(?<!not )(?i:correct|right|true)\b"
)
_RIGHT_AFTER = re.compile(rf"[均都是]{{0,2}}(?:正确|符合题意|对){_LAST}")
_WRONG_AFTER = re.compile(rf"[均都是]{{0,2}}(?:错误?|不正确|不对|不符合题意|有误|不选){_LAST}")
# The end of a list, where no clause begins as in "A（甲），B（乙）可致低血压".
_END = re.compile(
    rf"{_GAP}(?:$|[。.;,、!)\n]|等|共|[两三四五]|这|以上|[均都]?(?:正确|符合题意|对(?![于照应])))"
)
_END_OF_BARE = re.compile(rf"{_GAP}(?:$|[。.,;、!)\n和与及两三四五等])")
_NEXT_ITEM = re.compile(r"[。.!?]\s*\n\s*[ \t>#\-•·+]{0,6}[(\[【]?[A-Z][)\]】.、:]")


@dataclass(slots=True)
class _Item:
    """A letter of the list.

    Attributes:
        joined: the sign before it: soft (、 or 和), hard (a comma), line; "" for the first.
        said: its option's text.
        verdict: 1 called right, -1 wrong, 0 neither.
        end: index of the text after it.
    """

    letter: str
    joined: str
    said: str
    verdict: int
    end: int


def listed(text: str, end: int, run: str, letters: frozenset[str], below: bool) -> str:
    """The letters that ``text`` names after ``run``, which ends at ``end``.

    Args:
        text: in plain signs.
        run: the letters of a statement.
        letters: those of the question's options.
        below: true if ``run`` is in a line below the statement, so that a list begins there.
    """
    # 1) The form of the first item, which all others must have.
    kind = _kind(text, end, len(run) == 1)
    if kind is None:
        return ""
    # 2) Items while the text continues in this form.
    found = [_item(text, end, kind, run, "")]
    if _ASIDE.search(found[0].said) and not (below and kind not in _WHOLE):
        return ""
    while following := _next(text, found, kind, letters, below):
        found.append(following)
    # 3) Without a last clause or lines that explain.
    found = found[: _clause(text, found) if kind in _WHOLE else _prose(text, found)]
    # 4) Those that are called as the first is.
    return "".join(item.letter for item in _counted(found))


def verdict(text: str, end: int) -> int:
    """Return the verdict on the option whose letter ends at ``end`` and whose text follows a sign:
    1 right, -1 wrong, 0 neither."""
    sign = _SIGN.match(text, end)
    return _verdict(text[sign.end() : _end_of(text, sign.end(), sign["sign"])]) if sign else 0


def _kind(text: str, at: int, single: bool) -> str | None:
    """Return the form of a list's items after their letter: a key of _WHOLE, or a sign."""
    for kind, pattern in _WHOLE.items():
        if pattern.match(text, at):
            return kind if single or kind != "bare" else None
    sign = _SIGN.match(text, at) if single else None
    return sign["sign"].strip() if sign and _begins(text, at, sign["sign"].strip()) else None


def _begins(text: str, at: int, kind: str) -> int | None:
    """Return the index where the text of an item of this kind begins (a whole one: ends)."""
    match = _WHOLE.get(kind, _SIGN).match(text, at)
    if match is None or (kind not in _WHOLE and match["sign"].strip() != kind):
        return None
    no_name = (not kind and _SENTENCE.match(text, at)) or patterns.SPECIES.match(text, at)
    return None if no_name else match.end()


def _item(text: str, at: int, kind: str, letter: str, joined: str) -> _Item:
    """The item whose letter ends at ``at``."""
    begin = _begins(text, at, kind) or at
    if kind not in _WHOLE:
        end = _end_of(text, begin, kind)
        return _Item(letter, joined, text[begin:end], _verdict(text[begin:end]), end)
    said = _WHOLE[kind].match(text, at)["said"] or ""
    if kind == "bare":
        return _Item(letter, joined, said, 0, begin)
    right, wrong = _RIGHT_AFTER.match(text, begin), _WRONG_AFTER.match(text, begin)
    called = -1 if patterns.DENIED_AFTER.match(text, begin) else int(right is not None)
    end = (right or wrong).end() if right or wrong else begin
    return _Item(letter, joined, said, called or _verdict(said), end)


def _end_of(text: str, begin: int, kind: str) -> int:
    """Return the index where an option's text ends: at the next item or where the sentence ends."""
    stop = _STOP.search(text, begin, begin + _LONGEST)
    end = stop.start() if stop else min(len(text), begin + _LONGEST)
    for at in range(begin, end):
        matches = (pattern.match(text, at) for pattern in (_SOFT, _HARD, _SPACED))
        if any(match and _begins(text, match.end(), kind) is not None for match in matches):
            return at
    return end


def _verdict(said: str) -> int:
    return -1 if _WRONG.search(said) else int(_RIGHT.search(said) is not None)


def _next(
    text: str, found: Sequence[_Item], kind: str, letters: frozenset[str], below: bool
) -> _Item | None:
    """The list's next item."""
    at, known = found[-1].end, "".join(item.letter for item in found)
    # Lines below a statement may each end as a sentence does.
    after = at + (below and kind not in _WHOLE and text[at : at + 1] in ("。", "."))
    for joined, match in (
        ("soft", _SOFT.match(text, at)),
        ("hard", _HARD.match(text, at) or (kind not in _WHOLE and _SPACED.match(text, at))),
        ("line", _LINE.match(text, after)),
    ):
        if not match or match["letter"] not in letters or match["letter"] in known:
            continue
        # Letters that begin again at A are a second list: the question's options.
        if joined != "soft" and match["letter"] < max(known):
            continue
        if _begins(text, match.end(), kind) is not None:
            return _item(text, match.end(), kind, match["letter"], joined)
        if joined == "soft" and kind in _WHOLE and _END_OF_BARE.match(text, match.end()):
            return _Item(match["letter"], joined, "", 0, match.end())
    return None


def _clause(text: str, found: Sequence[_Item]) -> int:
    """Return the index of a last clause about letters that lists none: "A（甲），B（乙）可致…"."""
    last = max(place for place, item in enumerate(found) if item.joined != "soft")
    clause = found[last].joined and found[-1].verdict != -1 and not _END.match(text, found[-1].end)
    return last if clause else len(found)


def _prose(text: str, found: Sequence[_Item]) -> int:
    """Return the index of the line that begins to explain, if the first only names an option."""
    first = found[0]
    explains = ":" in first.said or "—" in first.said or _NEXT_ITEM.match(text, first.end)
    for place, item in enumerate(found):
        if item.joined != "line" or item.verdict or explains:
            continue
        more = text[item.end : item.end + 1] in ("。", ".") and text[item.end + 1 :].split("\n")[0]
        if (
            re.search("[:—]", item.said)
            or _ASIDE.search(item.said)
            or (more and more.strip())
            or _NEXT_ITEM.match(text, item.end)
        ):
            return place
    return len(found)


def _counted(found: Sequence[_Item]) -> list[_Item]:
    """The items after the first that are named as right, as the first is."""
    # 1) A verdict at the end of joined items holds for each of them.
    for item, following in zip(found[-2:0:-1], found[:1:-1], strict=True):
        # "B（乙）和C（丙）错误" denies both.
        if following.joined == "soft" and following.verdict == -1 and not item.verdict:
            item.verdict = -1 if not _WRONG.search(following.said) else 0
    # 2) Items up to the first with the opposite verdict; of lines only those with a verdict.
    same = [(item.verdict == -1) == (found[0].verdict == -1) for item in found]
    until = len(found) if all(same) else same.index(False)
    if until < len(found) and any(item.joined == "line" for item in found):
        until = 0
    return [
        item
        for place, item in enumerate(found)
        if place and same[place] and (place < until or item.verdict)
    ]
