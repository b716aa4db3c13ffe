"""Tell a letter that names an option from one that is part of a word or a term."""

import itertools
import re

from collectivesft.scores.extract import patterns


def run_letters(run: str, letters: frozenset[str]) -> str:
    """Return the letters of a run up to its first word.

    "A、C" gives AC, "A CT" gives A, "AG" nothing where there is no option G.
    """
    groups = re.findall("[A-Z]+", run)
    return "".join(itertools.takewhile(lambda group: set(group) <= letters, groups))


def is_term(text: str, start: int, end: int) -> bool:
    """Return True if the first letter of a line is an article or the genus of a species."""
    return _is_article(text, start, end) or patterns.SPECIES.match(text, end) is not None


def in_term(text: str, start: int, end: int) -> bool:
    """Return True if a list of letters is part of a term, or denied, by the text around it."""
    before = text[max(start - 1, 0) : start]
    return (
        is_term(text, end - 1, end)
        or after_term(text, start)
        or patterns.DENIED_AFTER.match(text, end) is not None
        or (_is_han(before) and before not in patterns.HAN_BEFORE)
        or (_is_han(text[end : end + 1]) and patterns.HAN_AFTER.match(text, end) is None)
    )


def after_term(text: str, start: int) -> bool:
    """Return True if the text before a letter makes it part of a term (维生素C) or denies it."""
    return patterns.TERM_BEFORE.search(text[max(start - 20, 0) : start]) is not None


def _is_article(text: str, start: int, end: int) -> bool:
    return text[start:end] == "A" and patterns.ARTICLE.match(text, end) is not None


def _is_han(character: str) -> bool:
    return re.match(f"[{patterns.HAN}]", character) is not None
