"""Clinical cases: what grades and criteria share about an answer and the reply to it."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from collectivesft.common.errors import InputError
from collectivesft.schema.item import Item
from collectivesft.scores.engines.chat_judge import CUT, EMPTY
from collectivesft.scores.engines.failures import UNANSWERED


def case_of(row: dict, cases: Mapping[str, Item], answers: Path) -> Item:
    """Return the case that an answer belongs to.

    Raises:
        InputError: none of these cases has such a question.
    """
    case, turn = cases.get(row["id"]), row["turn"]
    if case is None or not 1 <= turn <= len(case.turns):
        remedy = "Name the items that were answered"
        raise InputError(answers, f"turn {turn} of {row['id']} is no question of these", remedy)
    return case


def earlier_answers(row: dict, rows: Sequence[dict]) -> list[str]:
    """Return the model's answers to the case's earlier questions, "" where it gave none."""
    said = {other["turn"]: other["answer"] for other in rows if other["id"] == row["id"]}
    return [said.get(number, "") for number in range(1, row["turn"])]


def label(rows: Sequence[dict], answers: Path, what: str) -> str:
    """Return the words of a progress line: whose answers, to which benchmark."""
    return f"{rows[0]['model']}, {answers.name.partition('.')[0]}: {what}"


def not_sent(row: dict) -> tuple[str, bool]:
    """Return the error of an answer without a character, and if the model was heard at all."""
    never = (row.get("error") or "").startswith(UNANSWERED)
    return (row["error"], False) if never else (EMPTY, True)


def without_reply(judged: Sequence[dict]) -> dict[str, int]:
    """Count the rows whose reply was cut short or never came."""
    short = sum(row["error"] == CUT for row in judged)
    lost = sum((row["error"] or "").startswith(UNANSWERED) for row in judged)
    return {"cut": short, "unanswered": lost}
