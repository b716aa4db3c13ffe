"""Read verdicts on letters: "B正确", "D is correct", marks ("A√ B×")."""

import re

from collectivesft.scores.extract import patterns
from collectivesft.scores.extract.terms import after_term, run_letters

# "A√", "B (✗".
_MARK = re.compile(r"(?<![A-Za-z])([A-G])\s?\(?([√✓✔×✗✘❌])")
# "A√ B√ D× E√" as a whole answer.
_MARKED = re.compile(r"\A\s{0,9}(?:[A-G]\s?[√✓✔✗✘×❌][\s,、;]{0,3}){2,7}\Z")
# "B. 呕血:不属于": a line about its option in a question's own words.
_BELONGS = re.compile(
    r"^[ \t>#\-•·*\d.]{0,6}[(【]?([A-G])[)】]?[.、:\s][^\n]{1,80}?[:,(—\-]\s?"
    r"(不|并?非)?(?:属于?|包括|包含|符合|是(?=[\s。,;.)]|\Z))[^\n]*$",
    re.M,
)


def called_right(text: str, letters: frozenset[str]) -> set[str]:
    """Return the letters that the text calls right."""
    found = (m for m in patterns.VERDICT.finditer(text) if not after_term(text, m.start()))
    return set("".join(run_letters(match.group(1), letters) for match in found))


def marks(text: str, letters: frozenset[str]) -> dict[str, bool]:
    """Return each option's mark, true for a tick; empty unless all options have one."""
    found = dict(_MARK.findall(text))
    return {c: sign in "√✓✔" for c, sign in found.items()} if found.keys() == letters else {}


def ticked(text: str) -> str:
    """Return the ticked letters of an answer of nothing but marked letters ("A√ B× C√"), or ""."""
    return "".join(re.findall(r"([A-G])\s?[√✓✔]", text)) if _MARKED.match(text) else ""


def belonging(text: str, letters: frozenset[str]) -> dict[str, bool]:
    """Return by option if its line says that it belongs: false for "B. 乙药:不属于".

    Empty unless all options have one line each.
    """
    found = _BELONGS.findall(text)
    whole = len(found) == len(letters) and {letter for letter, _ in found} == letters
    return {letter: not no for letter, no in found} if whole else {}
