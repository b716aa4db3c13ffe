"""Read the letters of a statement ("答案是A、C", "the answer is B") or right after a lead."""

import re

from collectivesft.scores.extract import answer_bounds, patterns
from collectivesft.scores.extract.early_stop import normal
from collectivesft.scores.extract.option_list import listed
from collectivesft.scores.extract.terms import run_letters

# "E（手抖）也正确" after a statement of several letters.
_ALSO = re.compile(
    r"(?<![A-Za-z])([A-G])(?:\([^()\n]{0,40}\))?(?:选?项)?(?:也|同样|亦)(?:是|都)?(?:正确|对(?!于)|符合题意|应选|要选)"
)


def led(text: str, letters: frozenset[str], lead: str, multiple: bool) -> str:
    """Return letters right after the lead, up to a next question."""
    text = answer_bounds.before_another(text)
    match = patterns.LED.match(text, len(normal(lead)))
    return _whole(text, match, letters, multiple) if match else ""


def stated(text: str, letters: frozenset[str], multiple: bool) -> str:
    """Return the letters of the last statement; "" for none.

    "选项：" before all the options only repeats the question.
    """
    for match in reversed(list(patterns.STATEMENT.finditer(text))):
        found = _whole(text, match, letters, multiple)
        repeats = (match["options"] or match["choices"]) and (
            set(found) == letters if multiple else _begins_list(text, match)
        )
        if found and not repeats:
            return found
    return ""


def _begins_list(text: str, match: re.Match) -> bool:
    """Tell if a line with the first option begins after "选项:": the options are written again."""
    below = "\n" in text[match.start() : match.start("run")]
    return below and text[match.end("run") : match.end("run") + 1] in tuple(".、:)")


def _whole(text: str, match: re.Match, letters: frozenset[str], multiple: bool) -> str:
    """Return the letters of a statement, for several answers with the rest of their list."""
    run = run_letters(match["run"], letters)
    if not run or not multiple or len(run) != len(re.findall("[A-Z]", match["run"])):
        return run
    below = "\n" in text[match.start() : match.start("run")]
    also = "".join(_ALSO.findall(text, match.end("run")))
    return run + listed(text, match.end("run"), run, letters, below) + run_letters(also, letters)
