"""From what a model wrote to the letters it means: the benchmark's own way, and a corrected one."""

import itertools
import re
import unicodedata
from collections.abc import Iterable

# The statement that CMB looks for, as SOURCES.md describes it (CMB @ 6c8ece46, src/utils.py).
_OFFICIAL = re.compile(r"(答案|正确选项)(?:是|：|为|应该是|应该为)(.*?)(。|\.|$)", re.S)


def official(text: str, multiple: bool) -> str:
    """Letters as CMB's own code reads them, faults included.

    The first "答案是...。" counts and gives its characters A to G; without one, every A to G
    of the text does ("CT和DNA，选择B" gives CDAB). A question with one answer keeps the first
    letter. Nothing is sorted or made unique. "" where there is no letter.

    Source: FreedomIntelligence/CMB @ 6c8ece46, src/utils.py, as described; written anew.
    """
    statement = _OFFICIAL.search(text)
    source = statement.group(2) if statement else text
    found = "".join(character for character in source if character in "ABCDEFG")
    return found if multiple else found[:1]


# Letters, digits and signs that make a Latin letter beside them part of a name: CT, B12, A-V, 37°C.
_LATIN = r"A-Za-z0-9_\u00c0-\u024f\u0370-\u03ff°'’\-"
# Characters that turn the letter before them into a term: B超, A型, C肽, B族, T波, A链.
_TERM = "超型族肽级类期股区链球细抗波段杆"
_AFTER = rf"(?![{_LATIN}{_TERM}])"
# Repetitions are bounded: a text of nothing but spaces must not take quadratic time.
_SEPARATOR = r"[ \t]{0,3}[,、，;；和与及或&/+]?[ \t]{0,3}"
_LETTERS = rf"[A-Z](?:{_SEPARATOR}[A-Z])*"
_RUN = rf"{_LETTERS}{_AFTER}"
_FILLER = r"[\s:*\"'“”‘’「【\[(<《$`]{0,9}"

_STATEMENT = re.compile(
    rf"""(?:
        (?:答案|正确选项|正确的选项|正确的是)\s*(?:应该|应当|应)?\s*(?:选择|选|是|为|:){_FILLER}
            (?:选择|选项|选|是|为)?
      | (?<![不未勿非排])(?<!不[能应可会该宜])(?:选择|选(?!项)){_FILLER}(?:选项|是|为)?
      | (?i:\b(?:answers?|options?|choices?)\s*(?:is|are|would\s+be|should\s+be|:)){_FILLER}
            (?i:options?\s|choices?\s)?
    ){_FILLER}({_RUN})""",
    re.X,
)
# A line that begins with letters, as an answer does: "B", "B. 阿司匹林", "A、C", "**AC**".
_LINE = re.compile(
    rf"^[ \t>*#\"'“”【\[(]*((?>{_LETTERS})){_AFTER}(?=[\s.。、,，:;；!)\]】*\"'”]|$)", re.M
)
# Letters that stand alone, one or a list of them: "A", "A、B", "A和C".
_ALONE = rf"(?<![{_LATIN}/])[A-Z](?![{_LATIN}/])"
_LIST = re.compile(rf"{_ALONE}(?:[ \t]{{0,3}}[、和与及或&+][ \t]{{0,3}}{_ALONE})*")
# What stands before a letter that is part of a term (维生素C, hepatitis B, type A) or denied.
_TERM_BEFORE = re.compile(
    r"(?:维生素|维他命|肝炎|病毒|因子|蛋白|辅酶|球菌|免疫球蛋白|抗原|受体"
    r"|不(?:应该|应|能|该)?(?:是|为|选择|选)"
    r"|(?i:vitamins?|hepatitis|types?|groups?|influenza|class|grade|stage|factor|protein))\s*$"
)
_ARTICLE = re.compile(r"\s+(?!is\b|and\b|or\b)[a-z]")
# Han characters that may stand right before or after a letter that means an option.
_HAN = r"\u3400-\u9fff"
_HAN_BEFORE = set("选项择是为案和与及或即故")
_HAN_AFTER = re.compile("[选项和与及或是为正对错均都]|[两三四五]个?选?项")


def corrected(text: str, multiple: bool, options: Iterable[str] = "ABCDE") -> str:
    """Letters that the text states as its answer, sorted and unique; "" where there are none.

    Tried in this order:
        1. An explicit statement (答案是, 答案为, 正确选项..., 选, the answer is); the last wins.
        2. A text that begins with option letters ("B", "B. xx", "A、C"); for a question with
           several answers each line that begins so adds its letters.
        3. Letters that stand alone: not in or beside a Latin word or number (CT, HIV, B12), not
           in a term (B超, A型, 维生素C). Listed letters share a term: A、B型血 and 维生素A和D give
           none. After a statement they do not: 答案是A和B超 gives A.

    A question with one answer takes a single stated letter; where several are stated, the first
    in the text, as the benchmark does. Only capital letters count, full-width ones included
    (NFKC). Letters in a row with one that is no option are a word, not an answer.

    Args:
        text: what the model wrote.
        multiple: whether several letters may be right.
        options: the letters of the question's options.
    """
    letters = frozenset(options)
    # NFKC would make a C of the sign for degrees Celsius.
    plain = unicodedata.normalize("NFKC", re.sub("[℃℉]", "°", text))
    found = _stated(plain, letters) or _beginning(plain, letters, multiple)
    found = found or _standing_alone(plain, letters)
    return "".join(sorted(set(found))) if multiple else found[:1]


def _run_letters(run: str, letters: frozenset[str]) -> str:
    """The letters of a run up to its first word: "A、C" gives AC, "A CT" gives A, "AG" nothing."""
    groups = re.findall("[A-Z]+", run)
    return "".join(itertools.takewhile(lambda group: set(group) <= letters, groups))


def _stated(text: str, letters: frozenset[str]) -> str:
    found = (_run_letters(match.group(1), letters) for match in _STATEMENT.finditer(text))
    return next(reversed([run for run in found if run]), "")


def _beginning(text: str, letters: frozenset[str], multiple: bool) -> str:
    """Letters at the beginning of the text; "" unless its first line begins so."""
    text = text.strip()
    first = _LINE.match(text)
    if first is None or _is_article(text, first.start(1), first.end(1)):
        return ""
    lines = _LINE.finditer(text) if multiple else [first]
    runs = [_run_letters(match.group(1), letters) for match in lines]
    return "".join(runs) if runs[0] else ""


def _standing_alone(text: str, letters: frozenset[str]) -> str:
    lists = (m for m in _LIST.finditer(text) if not _in_term(text, m.start(), m.end()))
    return "".join(letter for match in lists for letter in match.group() if letter in letters)


def _is_article(text: str, start: int, end: int) -> bool:
    return text[start:end] == "A" and _ARTICLE.match(text, end) is not None


def _in_term(text: str, start: int, end: int) -> bool:
    """Whether a list of letters is part of a term, or denied, by what stands around it."""
    before = text[max(start - 1, 0) : start]
    return (
        _is_article(text, end - 1, end)
        or _TERM_BEFORE.search(text[max(start - 20, 0) : start]) is not None
        or (_is_han(before) and before not in _HAN_BEFORE)
        or (_is_han(text[end : end + 1]) and _HAN_AFTER.match(text, end) is None)
    )


def _is_han(character: str) -> bool:
    return re.match(f"[{_HAN}]", character) is not None
