"""The file that a benchmark's leaderboard takes."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from collectivesft import benchmarks
from collectivesft.common.errors import InputError, UserError
from collectivesft.common.files import atomic_path, read_json, read_jsonl
from collectivesft.schema.item import load_items

_AGAIN = "Score predictions of all items, with limit: null"
_JUDGE = "Name the answers that `collectivesft scores score` wrote"


def submit(answers: Path, items: Path, reading: str, out: Path) -> int:
    """Write the leaderboard's file from judged answers, and check the file.

    A JSON array, one object a line, in the items' order; the fields of an object are the
    benchmark's to say (``submission``). A question that was not answered has an empty text.

    Args:
        answers: JSON Lines of `scores score`, of all test items.
        reading: corrected or official.

    Returns:
        The number of questions without a letter.

    Raises:
        UserError: a benchmark without a leaderboard that takes files.
        InputError: an id that is missing, unknown or twice, not as many questions as the
            benchmark has, or letters in a different format (see ``check``).
    """
    tests = [item for item in load_items(items) if item.split == "test"]
    name = tests[0].benchmark if tests else ""
    module = benchmarks.get(name)
    if not hasattr(module, "submission") or hasattr(module, "UPLOAD"):
        raise UserError(f"{name}: no leaderboard that takes files. Leave it out.")
    given = _given(answers, reading)
    if len(tests) != module.SOURCE.rows:
        problem = f"{len(tests)} test questions, but the leaderboard has {module.SOURCE.rows}"
        raise InputError(items, problem, "Submit answers to the whole benchmark")
    records = [module.submission(item, given.get(item.id)) for item in tests]
    with atomic_path(out) as partial:
        lines = ",\n".join(json.dumps(record, ensure_ascii=False) for record in records)
        partial.write_text(f"[\n{lines}\n]\n", encoding="utf-8")
        check(partial, answers, [item.id for item in tests], set(given), reading)
    return sum(not record["model_answer"] for record in records)


def _given(answers: Path, reading: str) -> dict[str, str]:
    """Letters by the id of the question.

    Raises:
        InputError: a question twice, or a row that is no judged answer.
    """
    given: dict[str, str] = {}
    for number, row in read_jsonl(answers):
        if not isinstance(row, dict) or not isinstance(row.get(reading), str) or "id" not in row:
            raise InputError(answers, "not a judged answer", _JUDGE, row=number)
        if row["id"] in given:
            raise InputError(answers, f"question {row['id']} twice", _AGAIN, row=number)
        given[row["id"]] = row[reading]
    return given


def check(path: Path, answers: Path, wanted: list[str], given: Iterable[str], reading: str) -> None:
    """Refuse a submission that the leaderboard would score wrongly.

    Ids must be those of the test questions, each once, and whole numbers from 1 on, as the
    leaderboard's own check wants them. CMB compares letters as text: the corrected reading must be
    sorted letters A to G, each once; the official one is handed in as CMB's own code reads it.

    Raises:
        InputError: ids that are missing, twice or unknown, or letters in a different format.
    """
    if missing := [id for id in wanted if id not in given]:
        problem = f"{len(missing)} of {len(wanted)} questions have no answer, {missing[0]} first"
        raise InputError(answers, problem, _AGAIN)
    if unknown := sorted(set(given) - set(wanted)):
        raise InputError(answers, f"unknown question {unknown[0]}", _AGAIN)
    records: list[dict[str, Any]] = read_json(path)
    if [str(record["id"]) for record in records] != wanted:
        raise InputError(path, "ids are not those of the test questions", _AGAIN)
    if sorted(record["id"] for record in records) != list(range(1, len(wanted) + 1)):
        problem = f"ids of the test questions are not 1 to {len(wanted)}"
        raise InputError(answers, problem, "Fetch the benchmark again")
    for record in records:
        said = record["model_answer"]
        if set(said) - set("ABCDEFG"):
            problem = f"letters {said!r} are not of A to G"
            raise InputError(answers, problem, _JUDGE, row=record["id"])
        if reading == "corrected" and said != "".join(sorted(set(said))):
            problem = f"letters {said!r} are not sorted, each once"
            raise InputError(answers, problem, _JUDGE, row=record["id"])
