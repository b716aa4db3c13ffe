"""Options under labels, of which the question names one: "胃溃疡：A；十二指肠溃疡：B、D"."""

import re
from collections.abc import Mapping

from collectivesft.scores.extract import patterns

_RUN = r"[A-Z](?:\s?[、,和与及]\s?[A-Z]){0,6}"
_PART = re.compile(
    r"(?:\A|(?<=[。;,\n]))[ \t\-•·*>\d.]{0,6}(?P<label>[^:。;,、\nA-G]{2,24}?)"
    r"(?:\([^()\n]{1,12}\))?:\s?"
    rf"(?:(?P<run>{_RUN})(?![{patterns.LATIN}{patterns.TERM}])|(?P<text>[^:。;,\n]{{1,60}}?))\s?"
    r"(?=[。;,\n]|\Z)"
)
_AND = re.compile(r"[、和与及]")


def labelled(text: str, question: str, letters: frozenset[str]) -> str:
    """Return the letters under the only label that the question has; "" for none.

    Args:
        text: plain text of an answer.
        question: the stem.
        letters: those of the options.
    """
    parts = [(match["label"], match["run"]) for match in _PART.finditer(text) if match["run"]]
    return "".join(c for c in _asked(parts, question) if c in letters)


def labelled_text(text: str, question: str, letters: Mapping[str, str]) -> str:
    """Return the letters of the options' texts under the only label that the question has.

    Args:
        letters: of the options, by their texts.
    """
    parts = []
    for match in _PART.finditer(text):
        said = [one.strip() for one in _AND.split(match["text"] or "")]
        if set(said) <= letters.keys():
            parts.append((match["label"], "".join(letters[one] for one in said)))
    return _asked(parts, question)


def _asked(parts: list[tuple[str, str]], question: str) -> str:
    """Return the text under the label of the question, where another label is not of it."""
    own = {said for label, said in parts if label.strip() in question}
    return own.pop() if len(own) == 1 and len({label for label, _ in parts}) > 1 else ""
