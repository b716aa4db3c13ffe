"""The file that a benchmark's leaderboard takes."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from collectivesft import benchmarks
from collectivesft.benchmarks.item import load_items
from collectivesft.errors import InputError, UserError
from collectivesft.files import atomic_path, read_json, read_jsonl

_AGAIN = "Score predictions of all items, with limit: null"


def submit(answers: Path, items: Path, reading: str, out: Path) -> int:
    """Write the leaderboard's file from judged answers, and check what was written.

    A JSON array, one object a line, in the items' order; what an object holds is the
    benchmark's to say (``submission``). A question that was not answered has an empty text.

    Args:
        answers: JSON Lines of `scores score`, of all test items.
        reading: corrected or official.

    Returns:
        How many questions have no letter.

    Raises:
        UserError: a benchmark without a leaderboard that takes files.
        InputError: an id that is missing, unknown or twice, or another number of questions than
            the benchmark has.
    """
    tests = [item for item in load_items(items) if item.split == "test"]
    name = tests[0].benchmark if tests else ""
    module = benchmarks.get(name)
    if not hasattr(module, "submission"):
        raise UserError(f"{name}: no leaderboard that takes files. Leave it out.")
    given: dict[str, str] = {}
    for number, row in read_jsonl(answers):
        if row["id"] in given:
            raise InputError(answers, f"question {row['id']} twice", _AGAIN, row=number)
        given[row["id"]] = row[reading]
    if len(tests) != module.SOURCE.rows:
        problem = f"{len(tests)} test questions, but the leaderboard has {module.SOURCE.rows}"
        raise InputError(items, problem, "Submit answers to the whole benchmark")
    records = [module.submission(item, given.get(item.id)) for item in tests]
    with atomic_path(out) as partial:
        lines = ",\n".join(json.dumps(record, ensure_ascii=False) for record in records)
        partial.write_text(f"[\n{lines}\n]\n", encoding="utf-8")
        check(partial, answers, [item.id for item in tests], set(given))
    return sum(not record["model_answer"] for record in records)


def check(path: Path, answers: Path, wanted: list[str], given: Iterable[str]) -> None:
    """Refuse a submission that the leaderboard would score wrongly.

    Raises:
        InputError: ids that are missing, twice or unknown, or letters that are unsorted, twice or
            none of A to G.
    """
    if missing := [id for id in wanted if id not in given]:
        problem = f"{len(missing)} of {len(wanted)} questions have no answer, {missing[0]} first"
        raise InputError(answers, problem, _AGAIN)
    if unknown := sorted(set(given) - set(wanted)):
        raise InputError(answers, f"unknown question {unknown[0]}", _AGAIN)
    records: list[dict[str, Any]] = read_json(path)
    if [str(record["id"]) for record in records] != wanted:
        raise InputError(path, "ids are not those of the test questions", _AGAIN)
    for record in records:
        said = record["model_answer"]
        if said != "".join(sorted(set(said) & set("ABCDEFG"))):
            problem = f"letters {said!r} are not sorted letters A to G, each once"
            raise InputError(answers, problem, "Submit the corrected reading", row=record["id"])
