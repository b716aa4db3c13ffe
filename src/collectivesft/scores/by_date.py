"""Measure contamination by date: scores on questions from before a date against those since."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from collectivesft.common.errors import InputError, UserError
from collectivesft.common.files import write_json
from collectivesft.schema.item import load_items
from collectivesft.scores.measure.pairs import READINGS, same_questions_by_id
from collectivesft.scores.measure.shares import apart, tuned_and_base

# The months in which the questions became public, by the papers' first versions on arXiv
# (2308.08833, 2306.03030, 2306.09212). Items of other benchmarks have their own date.
PUBLISHED = {"cmb": "2023-08", "cmexam": "2023-06", "cmmlu_medical": "2023-06"}
_DATE = re.compile(r"\d{4}(-(0[1-9]|1[0-2])(-(0[1-9]|[12]\d|3[01]))?)?")
_NO_DATE = "Write a year, year-month or year-month-day, such as 2024-05"


def measure_dates(
    items: Sequence[Path],
    answers: Sequence[Path],
    base: Sequence[Path],
    since: str,
    model: str,
    protocol: str,
    out: Path,
) -> dict[str, Any]:
    """Write accuracy and gain on old questions and on fresh ones, and the differences.

    A question's date is ``meta["date"]`` of its item, else the month in which its benchmark was
    published (``PUBLISHED``); ``undated`` counts questions with neither. Old and fresh questions
    are different questions: a gap is of memory only where both exams are equally hard, so the base
    model's gap is given too.

    Args:
        items, answers, base: files of benchmarks, in the same order: items, judged answers of the
            trained model and of its base model.
        since: the first date that is fresh; a date with fewer parts covers all of its days, and is
            fresh only if its first day is.
        model, protocol: names for tables.

    Returns:
        For each reading ``old`` and ``fresh`` (see ``tuned_and_base``; null without questions),
        ``gap`` (old minus fresh of the tuned model), ``base_gap`` and ``effect`` (gain on old minus
        gain on fresh; see ``apart``), null where one group is empty.

    Raises:
        UserError: a different number of files, or a date that is none.
        InputError: answers to questions that are not among the items, an item with a wrong date.
    """
    if not len(items) == len(answers) == len(base):
        raise UserError("items, answers and base: name as many files of each, in one order.")
    if not _DATE.fullmatch(since):
        raise UserError(f"since: {since!r} is no date. {_NO_DATE}.")
    rights: dict[str, list[tuple[bool, bool]]] = {name: [] for name in READINGS}
    fresh: list[bool | None] = []
    names: list[str] = []
    for files in zip(items, answers, base, strict=True):
        ids, right = same_questions_by_id(files[1:])
        name, dates = _dates(files[0])
        if missing := [id for id in ids if id not in dates]:
            remedy = "Name the items that were answered"
            raise InputError(files[1], f"question {missing[0]} is not in {files[0]}", remedy)
        names.append(name)
        fresh += [None if not dates[id] else _first_day(dates[id]) >= since for id in ids]
        for reading in READINGS:
            rights[reading] += zip(*right[reading], strict=True)
    result: dict[str, Any] = {"kind": "dates", "model": model, "benchmarks": names}
    result |= {"protocol": protocol, "since": since, "undated": fresh.count(None)}
    result |= {name: _reading(fresh, rights[name]) for name in READINGS}
    write_json(out, result)
    return result


def _dates(items: Path) -> tuple[str, dict[str, str]]:
    """Return the benchmark of a file of items, and the date of each; "" for none."""
    name, found = "", {}
    for number, item in enumerate(load_items(items), 1):
        name = item.benchmark
        date = item.meta.get("date", PUBLISHED.get(name, ""))
        if date and not (isinstance(date, str) and _DATE.fullmatch(date)):
            raise InputError(items, f"date {date!r} of {item.id} is none", _NO_DATE, row=number)
        found[item.id] = date
    return name, found


def _first_day(date: str) -> str:
    """Return the first day of a year or month: as text, dates are in their order."""
    return (date + "-01-01")[: len("2024-01-01")]


def _reading(fresh: Sequence[bool | None], rights: Sequence[tuple[bool, bool]]) -> dict[str, Any]:
    groups = {
        name: tuned_and_base([pair for is_fresh, pair in zip(fresh, rights, strict=True)
                              if is_fresh is wanted])
        for name, wanted in {"old": False, "fresh": True}.items()
    }  # fmt: skip
    old, new = groups["old"], groups["fresh"]
    keys = {"gap": "tuned", "base_gap": "base", "effect": "gain"}
    both = {name: apart(old[key], new[key]) if old and new else None for name, key in keys.items()}
    return groups | both
