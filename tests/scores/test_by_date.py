"""Scores on old questions against fresh ones, by the dates of items."""

import json
from pathlib import Path

import pytest

from collectivesft.common.errors import InputError, UserError
from collectivesft.scores.by_date import measure_dates
from collectivesft.scores.measure.shares import apart, wilson
from collectivesft.scores.report import dates_table
from tests.helpers.scores_inputs import question, write_items


def items(path: Path, dates: list[str | None], benchmark: str = "exam") -> Path:
    found = [question(n) for n in range(len(dates))]
    for n, (item, date) in enumerate(zip(found, dates, strict=True)):
        item.id, item.benchmark = str(n), benchmark
        item.meta = {} if date is None else {"date": date}
    return write_items(path, found)


def answers(path: Path, right: list[bool]) -> Path:
    rows = [
        {"id": str(n), "model": "m", "category": "c", "subcategory": "s", "answer": "A",
         "official": "A", "corrected": "A", "official_right": one, "corrected_right": one}
        for n, one in enumerate(right)
    ]  # fmt: skip
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def measure(folder: Path, since: str, *exams: tuple) -> dict:
    """Measure exams, each with its name, dates, and right answers of the model and its base."""
    files = [[], [], []]
    for name, dates, tuned, base in exams:
        files[0].append(items(folder / f"{name}.items.jsonl", dates, name))
        files[1].append(answers(folder / f"{name}.tuned.jsonl", tuned))
        files[2].append(answers(folder / f"{name}.base.jsonl", base))
    return measure_dates(*files, since, "tuned", "answer", folder / "dates.json")


def test_cmb_is_old_and_a_dated_exam_is_fresh(tmp_path):
    cmb = ("cmb", [None] * 20, [True] * 18 + [False] * 2, [True] * 10 + [False] * 10)
    exam = ("exam", ["2025-09"] * 10, [True] * 6 + [False] * 4, [True] * 5 + [False] * 5)
    found = measure(tmp_path, "2024-07", cmb, exam)
    assert json.loads((tmp_path / "dates.json").read_bytes()) == found
    read = found["corrected"]
    assert (read["old"]["items"], read["fresh"]["items"], found["undated"]) == (20, 10, 0)
    assert read["gap"] == apart(wilson(18, 20), wilson(6, 10))
    assert read["base_gap"]["value"] == 0
    assert read["effect"]["value"] == pytest.approx(0.4 - 0.1)
    (row,) = dates_table.rows([found])
    assert row[:8] == ["tuned", "cmb, exam", "answer", "2024-07", "20", "10", "90.00", "60.00"]
    assert row[8].startswith("+30.00 (") and row[9].startswith("+0.00 (")


def test_dates_within_one_exam_are_told_apart(tmp_path):
    dates = ["2023", "2024", "2024-06-30", "2024-07", "2024-07-15", "2025", None]
    found = measure(tmp_path, "2024-07", ("exam", dates, [True] * 7, [False] * 7))
    read = found["corrected"]
    # A year is fresh only if its first day is.
    assert (read["old"]["items"], read["fresh"]["items"], found["undated"]) == (3, 3, 1)


def test_without_fresh_questions_there_is_no_gap(tmp_path):
    found = measure(tmp_path, "2024-07", ("cmb", [None] * 2, [True] * 2, [True] * 2))
    assert found["corrected"]["fresh"] is None and found["corrected"]["gap"] is None
    assert dates_table.rows([found])[0][5:] == ["0", "100.00", "-", "-", "-", "-"]


def test_wrong_dates_and_files_are_told(tmp_path):
    exam = ("exam", ["2025-13"], [True], [True])
    with pytest.raises(InputError, match="row 1: date '2025-13' of 0 is none"):
        measure(tmp_path, "2024-07", exam)
    with pytest.raises(UserError, match="since: 'July' is no date"):
        measure(tmp_path, "July", exam)
    few, many = items(tmp_path / "few.jsonl", ["2025"]), answers(tmp_path / "a.jsonl", [True] * 2)
    with pytest.raises(InputError, match="question 1 is not in "):
        measure_dates([few], [many], [many], "2024", "m", "answer", tmp_path / "out.json")
    with pytest.raises(UserError, match="name as many files"):
        measure_dates([few], [many], [], "2024", "m", "answer", tmp_path / "out.json")
