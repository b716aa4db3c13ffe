"""The file for CMB's leaderboard at its full size: 11,200 questions."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from collectivesft.common.errors import InputError
from collectivesft.schema.item import Item, dump_item
from collectivesft.scores.submit import submit

SIZE = 11_200
LETTERS = ("A", "B", "C", "D", "E", "AC", "BDE", "")


@pytest.fixture(scope="module")
def items(tmp_path_factory) -> Path:
    """As many test questions as CMB has, with its ids, after a val question."""
    path = tmp_path_factory.mktemp("whole") / "items.jsonl"
    ids = [("val-1", "val"), *((str(n), "test") for n in range(1, SIZE + 1))]
    lines = (dump_item(Item(i, "cmb", s, "choice", "c", "s", "?", {}, "A")) for i, s in ids)
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


Change = Callable[[list[dict]], object]


def answered(path: Path, change: Change = lambda rows: None) -> Path:
    """Judged answers to all questions, from the last to the first, after a change."""
    said = [(n, LETTERS[n % len(LETTERS)]) for n in range(SIZE, 0, -1)]
    rows = [{"id": str(n), "corrected": letters, "official": letters} for n, letters in said]
    change(rows)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def leaderboard_takes(samples: list[dict]) -> bool:
    """Check a file as CollectiveSFT's eval/validator.py does, in this project's words."""
    keys = all({"id", "model_answer"} <= set(sample) for sample in samples)
    return keys and sorted(sample["id"] for sample in samples) == list(range(1, SIZE + 1))


def test_answers_to_all_questions_make_a_file_that_the_leaderboard_takes(items, tmp_path):
    out = tmp_path / "model_answer.json"
    assert submit(answered(tmp_path / "a.jsonl"), items, "corrected", out) == SIZE // len(LETTERS)
    written = json.loads(out.read_text(encoding="utf-8"))
    assert isinstance(written, list) and len(written) == SIZE
    assert leaderboard_takes(written)
    assert written[4] == {"id": 5, "model_answer": "AC"}
    assert [one["id"] for one in written] == list(range(1, SIZE + 1))


def letters(said: object, reading: str = "corrected") -> Change:
    return lambda rows: rows[41].update({reading: said})


WRONG = {
    "one missing": (lambda rows: rows.pop(100), f"1 of {SIZE} questions have no answer, 11100"),
    "one doubled": (lambda rows: rows.append(dict(rows[7])), "row 11201: question 11193 twice"),
    "one doubled in place of another": (
        lambda rows: rows[8].update(rows[7]),
        "row 9: question 11193 twice",
    ),
    "a wrong id": (lambda rows: rows[0].update(id="11201"), "1 of 11200 questions have no answer"),
    "one too many": (lambda rows: rows.append(rows[0] | {"id": "0"}), "unknown question 0"),
    "an id with a zero": (lambda rows: rows[-1].update(id="01"), "no answer, 1 first"),
    "small letters": (letters("a"), "row 11159: letters 'a' are not of A to G"),
    "a comma": (letters("A,C"), "letters 'A,C' are not of A to G"),
    "a space": (letters("A "), "letters 'A ' are not of A to G"),
    "a word": (letters("答案是A"), "are not of A to G"),
    "another letter": (letters("H"), "letters 'H' are not of A to G"),
    "unsorted": (letters("CA"), "row 11159: letters 'CA' are not sorted, each once"),
    "a letter twice": (letters("AA"), "letters 'AA' are not sorted, each once"),
    "no text": (letters(None), "row 42: not a judged answer"),
    "a list": (letters(["A", "C"]), "row 42: not a judged answer"),
}


@pytest.mark.parametrize("name", WRONG)
def test_one_wrong_row_of_all_is_found_and_nothing_is_written(items, tmp_path, name):
    change, message = WRONG[name]
    answers = answered(tmp_path / "a.jsonl", change)
    with pytest.raises(InputError, match=message):
        submit(answers, items, "corrected", tmp_path / "model_answer.json")
    assert [path.name for path in tmp_path.iterdir()] == ["a.jsonl"]


def test_the_official_reading_is_handed_in_as_cmbs_code_reads_it(items, tmp_path):
    """It neither sorts nor drops doubles; CMB's score.py compares texts."""
    out = tmp_path / "model_answer.json"
    submit(answered(tmp_path / "a.jsonl", letters("CDAB", "official")), items, "official", out)
    assert json.loads(out.read_text("utf-8"))[11158]["model_answer"] == "CDAB"
    with pytest.raises(InputError, match="letters 'CT' are not of A to G"):
        submit(answered(tmp_path / "b.jsonl", letters("CT", "official")), items, "official", out)


def test_items_with_other_ids_are_no_whole_benchmark(items, tmp_path):
    lines = items.read_text("utf-8").replace('"id": "7"', '"id": "11207"')
    (tmp_path / "items.jsonl").write_text(lines, encoding="utf-8")
    answers = answered(tmp_path / "a.jsonl", lambda rows: rows[-7].update(id="11207"))
    with pytest.raises(InputError, match="ids of the test questions are not 1 to 11200"):
        submit(answers, tmp_path / "items.jsonl", "corrected", tmp_path / "out.json")
