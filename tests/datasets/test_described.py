"""Read datasets and exams that a YAML file describes."""

import csv
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from collectivesft import benchmarks, datasets
from collectivesft.common.errors import InputError, UserError
from collectivesft.curated.read import read_benchmark
from collectivesft.raw.fetching import registry
from collectivesft.readers import described
from collectivesft.schema.item import load_items
from collectivesft.sources.spec import Hub
from tests.helpers.promises import check, reasons
from tests.helpers.upstream import jsonl, raw_folder

ABOUT = """
title: Ward
homepage: https://example.org/ward
licence: CC BY 4.0
citation: wang2024cmb
"""
QA = f"{ABOUT}files: [a.jsonl]\nlanguage: zh\n"
MCQA = f"{QA}options: option\nexam: 病房考试\n"
EXAM = f"{ABOUT}files: [a.jsonl]\noptions: option\nexam: 病房考试\ncategories: {{病房: Ward}}\n"
ROW = {"question": "发热几天？", "option": {"A": "一天", "B": "两天", "C": "三天"}, "answer": "B"}


def described_file(folder: Path, text: str) -> Path:
    path = folder / "ward.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def read(folder: Path, text: str, content: bytes, name: str = "a.jsonl") -> list:
    module = described.dataset(described_file(folder, text))
    results = list(module.read(raw_folder(folder / "raw", {name: content})))
    for result in results:
        check(result, "ward")
    return results


def read_rows(folder: Path, text: str, *rows: dict) -> list:
    return read(folder, text, jsonl(list(rows)))


def test_questions_and_answers_are_read_with_a_prompt(tmp_path):
    text = f'{QA}prompt: "{{ward}}患者问：{{question}}"\nid: n\n'
    rows = [
        {"n": 7, "ward": "儿科", "question": "咳嗽怎么办？", "answer": "多喝水。"},
        {"n": 7, "question": "头痛？", "answer": "休息。"},
        {"n": 8, "ward": "儿科", "question": "", "answer": "休息。"},
    ]
    results = read_rows(tmp_path, text, *rows)
    assert reasons(results) == ["kept", "kept", "empty_question"]
    assert [result.id for result in results] == ["ward:7", "ward:7-r2", "ward:8"]
    assert results[0].messages == [("user", "儿科患者问：咳嗽怎么办？"), ("assistant", "多喝水。")]
    assert results[1].messages[0] == ("user", "头痛？")


@pytest.mark.parametrize(
    ("keys", "change"),
    [
        ("", {}),
        ("answer_is: from_0", {"answer": 1}),
        ("answer_is: from_1", {"answer": "2"}),
        ("answer_is: from_1", {"answer": 2.0}),
        ("answer_is: text", {"answer": "两天"}),
        ("", {"option": ["一天", "两天", "三天"]}),
    ],
)
def test_an_exam_question_is_the_same_in_every_form(tmp_path, keys, change):
    (result,) = read_rows(tmp_path, f"{MCQA}{keys}\n", {**ROW, **change})
    assert result.messages == [
        ("user", "发热几天？\nA: 一天\nB: 两天\nC: 三天"),
        ("assistant", "答案是B。"),
    ]
    assert result.meta["exam"] == "病房考试"


def test_options_in_a_column_each_are_read_from_csv_and_parquet(tmp_path):
    rows = [{"id": "1", "q": "发热几天？", "a": "一天", "b": "两天", "key": "B", "why": "常识。"}]
    text = f"{ABOUT}language: zh\nquestion: q\noptions: [a, b]\nanswer: key\nexplanation: why\n"
    text += "exam: 病房考试\nid: id\n"
    with open(tmp_path / "a.csv", "w", encoding="utf-8", newline="") as handle:
        table = csv.DictWriter(handle, rows[0])
        table.writeheader()
        table.writerows(rows)
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "a.parquet")
    for name in ("a.csv", "a.parquet"):
        content = (tmp_path / name).read_bytes()
        (result,) = read(tmp_path, f"{text}files: [{name}]\n", content, name)
        assert result.id == "ward:1" and result.messages[1][1] == "常识。\n答案是B。"


@pytest.mark.parametrize(("keys", "wrong"), [("from_0", 3), ("from_1", 0)])
def test_a_number_that_only_the_other_counting_has_is_an_error(tmp_path, keys, wrong):
    other = "from_1" if keys == "from_0" else "from_0"
    with pytest.raises(InputError, match=rf"row 2: answer is {wrong}: .*Write answer_is: {other}"):
        rows = ({**ROW, "answer": 1}, {**ROW, "answer": wrong})
        read_rows(tmp_path, f"{MCQA}answer_is: {keys}\n", *rows)


def test_a_key_that_no_row_has_is_an_error(tmp_path):
    text = f'{QA}prompt: "{{wrad}}：{{question}}"\n'
    with pytest.raises(InputError, match=r"a\.jsonl: no row has wrad\. Correct the key's name"):
        read_rows(tmp_path, text, {"ward": "儿科", "question": "头痛？", "answer": "休息。"})
    with pytest.raises(InputError, match=r"row 1: no answer; there is question"):
        read_rows(tmp_path, QA, {"question": "头痛？"})


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (f"{QA}quesiton: q\n", "quesiton: unknown key; did you mean 'question'?"),
        (QA.replace("language: zh", "language: cn"), "language: 'cn'; allowed: zh or en"),
        (f"{ABOUT}files: [a.xlsx]\nlanguage: zh\n", "a.xlsx: its name must end in .jsonl, .json"),
        (f"{QA}options: option\n", "options need exam"),
        (f"{QA}answer_is: text\n", "answer_is is for questions with options"),
        (f'{QA}prompt: "{{ward}}"\n', "prompt has no {question}"),
        (f'{QA}prompt: "{{question}}{{answer}}"\n', "prompt shows {answer}, the answer"),
        (f'{MCQA}prompt: "{{question}}"\n', "prompt has no {options}"),
        ("- a\n", "the file: "),
    ],
)
def test_a_fault_of_the_description_names_its_key(tmp_path, text, problem):
    with pytest.raises(InputError) as raised:
        described.dataset(described_file(tmp_path, text))
    assert problem in str(raised.value) and "ward.yaml" in str(raised.value)


@pytest.fixture
def added(tmp_path, monkeypatch) -> Path:
    """A folder whose YAML files are datasets and benchmarks of the package."""
    for package in (datasets, benchmarks):
        monkeypatch.setattr(package, "__path__", [*package.__path__, str(tmp_path)])
    return tmp_path


def test_a_description_is_found_by_its_name(added):
    text = QA.replace(
        "[a.jsonl]", "[{path: a.jsonl, hub: {repo: o/n, revision: abc, path: x/a.jsonl}}]"
    )
    described_file(added, text)
    assert "ward" in datasets.names()
    source = registry.load("datasets/ward")
    assert source.name == "ward" and source.files[0].locations == (Hub("o/n", "abc", "x/a.jsonl"),)
    (added / "ward.py").touch()
    with pytest.raises(UserError, match=r"ward\.yaml: ward\.py is there too\. Keep one of both\."):
        datasets.get("ward")


def test_an_exam_becomes_items_that_are_asked_as_cmb_asks(added):
    described_file(added, f"{EXAM}split: split\nid: n\n")
    rows = [{**ROW, "n": 1, "split": "val"}, {**ROW, "n": 2, "split": "test", "answer": "C,A"}]
    raw = raw_folder(added / "raw", {"a.jsonl": jsonl(rows)})
    read_benchmark("ward", raw.manifest, added / "items")
    first, second = load_items(added / "items")
    assert (first.id, first.split, first.answer, first.category) == ("1", "val", "B", "病房")
    assert (second.split, second.answer, second.multiple) == ("test", "AC", True)
    prompt = benchmarks.get("ward").prompt(second, "answer_only", "corrected")
    assert prompt.startswith("以下是病房考试的一道多项选择题，") and "\nC. 三天" in prompt


@pytest.mark.parametrize(
    ("keys", "row", "problem"),
    [
        (
            "",
            {**ROW, "answer": "D"},
            r"row 1: ward: item 1 .*its answer 'D'.* Correct benchmarks/ward\.yaml, or the row",
        ),
        ("split: part\n", {**ROW, "part": "train"}, "row 1: .*its split 'train' is none of"),
        ("category: ward\n", {**ROW, "ward": "儿科"}, "row 1: ward is '儿科', not in categories"),
    ],
)
def test_an_item_that_cannot_be_scored_names_file_and_row(added, keys, row, problem):
    described_file(added, EXAM + keys)
    raw = raw_folder(added / "raw", {"a.jsonl": json.dumps(row).encode()})
    with pytest.raises(InputError, match=problem):
        read_benchmark("ward", raw.manifest, added / "items")
