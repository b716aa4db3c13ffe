"""Read option letters that stand by themselves, without a statement or a verdict."""

import re

from collectivesft.scores.extract import patterns
from collectivesft.scores.extract.ends import restated
from collectivesft.scores.extract.terms import in_term

# "A项应见于前壁梗死": an option is discussed. An answer that discusses three chooses none by it.
_DISCUSSED = re.compile(rf"(?<![{patterns.LATIN}])([A-G])选?项")
_MOST_DISCUSSED = 2
_SENTENCE = re.compile(r"[。;\n]")
_UNRELATED = re.compile(r"无关|不属于|并非|不包括|不符合|不应?选")


def lone(text: str, letters: frozenset[str], multiple: bool) -> set[str]:
    """Return letters by themselves; none where the text only goes through the options."""
    if not multiple:
        if discusses(text, letters):
            return set()
        return _standing_alone(_without_options(text), letters)
    kept = "。".join(part for part in _SENTENCE.split(text) if not _UNRELATED.search(part))
    found = _standing_alone(kept, letters) or _standing_alone(text, letters)
    return set() if found == letters else found


def discusses(text: str, letters: frozenset[str]) -> bool:
    """Tell if a text discusses several options by their letters."""
    return len(set(_DISCUSSED.findall(text)) & letters) > _MOST_DISCUSSED


def _without_options(text: str) -> str:
    """Return the text without the letters that begin the question's options, written again."""
    text = text.strip()
    lines = list(patterns.LINE.finditer(text))
    if not restated(lines):
        return text
    for match in reversed(lines):
        text = f"{text[: match.start(1)]}·{text[match.end(1) :]}"
    return text


def _standing_alone(text: str, letters: frozenset[str]) -> set[str]:
    lists = (m for m in patterns.LIST.finditer(text) if not in_term(text, m.start(), m.end()))
    return {letter for match in lists for letter in match.group() if letter in letters}
