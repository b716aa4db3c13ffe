"""Read the letters at an end of an answer: those that begin it, or that are its last line."""

import re
from collections.abc import Iterable, Sequence

from collectivesft.scores.extract import patterns
from collectivesft.scores.extract.option_list import verdict
from collectivesft.scores.extract.terms import is_term, run_letters

# "Graves disease (B)." as a first sentence.
_NAMED_FIRST = re.compile(
    r"\A\s*(?![^。;\n(]*(?:不|非|排除|(?i:\bnot\b|\bno\b)))[^。;\n()!?:]{1,60}\(\s?(?i:option\s|选项)?([A-G])\s?\)\s?"
    r"(?:[.。](?=\s|\Z)|\n|\Z)"
)
_CLAUSE = re.compile(r"\s[a-z]{2}")


def at_an_end(text: str, letters: frozenset[str], multiple: bool, negative: bool = False) -> str:
    """Return letters at the beginning of the text, or those that are all of its last line."""
    text = text.strip()
    first = patterns.LINE.match(text)
    if not multiple and not negative and (right := _only_right(text, letters)):
        return right
    own = [m for m in patterns.LINE.finditer(text) if not _is_no_answer(text, m)]
    if multiple:
        own = _not_called_wrong(text, own)
        if lines := _below_a_head(text, own, letters):
            return "".join(run_letters(match.group(1), letters) for match in lines)
    echoed = not multiple and (restated(own) or patterns.RESTATED.match(text))
    begins = first and own and own[0].start() == 0
    if multiple and first and own and not begins:  # "A：错；B：对"
        begins = not is_term(text, first.start(1), first.end(1))
    if begins and not echoed:
        runs = [run_letters(match.group(1), letters) for match in (own if multiple else own[:1])]
        if runs[0]:
            return "".join(runs)
    return last_line(text, letters)


def named_first(text: str, letters: frozenset[str]) -> str:
    """Return the letter that the first sentence names in brackets: "Graves disease (B)."."""
    first = _NAMED_FIRST.match(text)
    return run_letters(first[1], letters) if first else ""


def first_line(text: str, letters: frozenset[str], multiple: bool) -> str:
    """Return the letters that begin an answer which was cut later, if its first line is whole and
    no list of options begins there; a small model that repeats one option lists none."""
    head, newline, rest = text.strip().partition("\n")
    if not multiple and (first := patterns.FIRST_SENTENCE.match(head)):
        return run_letters(first[1], letters)
    if not newline and not multiple and (repeated := patterns.REPEATED.fullmatch(head)):
        return run_letters(repeated[2], letters)
    found = at_an_end(head, letters, multiple) if newline else ""
    if not found:
        return ""
    following = patterns.LINE.match(rest.lstrip())
    if following and (multiple or following.group(1) != found):
        return ""
    bare = not head.strip(" .、:()")[1:]
    return "" if bare and restated(_different(patterns.LINE.finditer(text.strip()))) else found


def last_line(text: str, letters: frozenset[str]) -> str:
    """Return the letters that are all of the last of several lines."""
    last = patterns.LAST_LINE.search(text.strip())
    return run_letters(last.group(1), letters) if last else ""


def restated(lines: Sequence[re.Match]) -> bool:
    """Return True if lines begin with A, B, ... as the question's own options do."""
    return [match.group(1) for match in lines[:2]] == ["A", "B"]


def _below_a_head(
    text: str, lines: Sequence[re.Match], letters: frozenset[str]
) -> Sequence[re.Match]:
    """Return lines of some options below a first line that ends with a colon and names none."""
    head = text[: lines[0].start()].rstrip(" \t\n>#-•·+0123456789.、") if lines else ""
    named = {match.group(1) for match in lines}
    listed_some = len(lines) > 1 and len(named) == len(lines) and named < letters
    plain = head.endswith(":") and "\n" not in head and not patterns.ANALYSIS.search(head)
    return lines if listed_some and plain and not re.search("[A-G]", head) else ()


def _not_called_wrong(text: str, lines: Sequence[re.Match]) -> list[re.Match]:
    """Drop lines that are called wrong ("B. 乙药（错误）"), if any line is called right."""
    said = [verdict(text, match.end(1)) for match in lines]
    if 1 not in said:
        return list(lines)
    if patterns.TICK.search(text):  # "A. 甲药 ✓\nB. 乙药": an option without a tick is not chosen
        return [match for match, one in zip(lines, said, strict=True) if one == 1]
    return [match for match, one in zip(lines, said, strict=True) if one >= 0]


def _only_right(text: str, letters: frozenset[str]) -> str:
    """Return the option that is called right, if every other one has a line that calls it wrong.

    Two lines are too few: they may be the options of a question, 正确 and 错误, written again.
    """
    lines = list(patterns.LINE.finditer(text))
    said = {match.group(1): verdict(text, match.end(1)) for match in lines}
    right = [letter for letter, one in said.items() if one == 1]
    whole = len(lines) > 2 and len(lines) == len(said) and said.keys() == letters
    return right[0] if whole and len(right) == 1 and 0 not in said.values() else ""


def _is_no_answer(text: str, line: re.Match) -> bool:
    """Return True if the beginning of a line is a term, or denied ("A is wrong")."""
    denied = patterns.DENIED_AFTER.match(text, line.end(1)) is not None
    # "A and B are tonics;C is for blood": a clause after a semicolon is no line of its own.
    denied = denied or (
        text[line.start() - 1 : line.start()] == ";" and _CLAUSE.match(text, line.end(1))
    )
    return bool(denied) or is_term(text, line.start(1), line.end(1))


def _different(lines: Iterable[re.Match]) -> list[re.Match]:
    """Return the first line of each letter."""
    found: dict[str, re.Match] = {}
    for line in lines:
        found.setdefault(line.group(1), line)
    return list(found.values())
