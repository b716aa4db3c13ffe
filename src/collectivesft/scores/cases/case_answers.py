"""A model's answers to clinical cases, as `scores answer-cases` wrote them."""

from collections.abc import Collection
from pathlib import Path
from typing import Any

from collectivesft.common.errors import InputError
from collectivesft.common.files import read_jsonl

_NEEDED = {"id", "benchmark", "model", "turn", "reference", "answer"}
_AGAIN = "Delete the answers and run `collectivesft scores answer-cases` again"


def read_answers(
    answers: Path, model: str | None = None, more: Collection[str] = ()
) -> list[dict[str, Any]]:
    """The rows, in the order of the file.

    Args:
        more: keys that are needed besides those of every use.

    Raises:
        InputError: no answers, answers of a model that is not ``model``, or one there twice.
    """
    rows: list[dict[str, Any]] = []
    seen: set[tuple[str, int]] = set()
    for number, row in read_jsonl(answers):
        if not isinstance(row, dict) or _NEEDED.union(more) - set(row):
            raise InputError(answers, "not an answer to a case", _AGAIN, row=number)
        if model and row["model"] != model:
            problem = f"an answer of {row['model']}, not of {model}"
            raise InputError(answers, problem, "Name the model that made them", row=number)
        if (row["id"], row["turn"]) in seen:
            raise InputError(answers, f"turn {row['turn']} of {row['id']} twice", _AGAIN, number)
        seen.add((row["id"], row["turn"]))
        rows.append(row)
    if not rows:
        raise InputError(answers, "no answers", _AGAIN)
    return rows
