"""Raw files that can be read in two ways are refused, or their row is dropped: never guessed."""

import io
import json
import re
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from collectivesft import benchmarks, datasets
from collectivesft.benchmarks.cmb import KEY, TEST, VAL
from collectivesft.common.errors import InputError
from collectivesft.curated.read import read_benchmark
from collectivesft.readers import described
from collectivesft.readers.json_rows import array_rows, jsonl_rows
from collectivesft.readers.table_rows import csv_columns, csv_rows, parquet_rows, tsv_rows
from collectivesft.sources.archive import Part
from tests.helpers.promises import read, reasons
from tests.helpers.upstream import PACK, ROWS, array, jsonl, raw_folder

OPTION = {"A": "一天", "B": "两天", "C": "三天"}


def part(folder: Path, name: str, content: bytes) -> Part:
    return Part.of(raw_folder(folder, {name: content}), name)


TWICE = b'{"question": "x", "answer": "A", "answer": "B"}'


@pytest.mark.parametrize("inner", [TWICE, b'{"option": ' + TWICE + b"}"])
def test_a_json_object_with_a_key_twice_is_refused(tmp_path, inner):
    for number, (name, content, rows) in enumerate(
        [
            ("a.jsonl", b'{"n": 1}\n' + inner + b"\n", jsonl_rows),
            ("a.json", b'[{"n": 1},\n' + inner + b"]", array_rows),
        ]
    ):
        with pytest.raises(InputError, match=r"row 2: .*the key answer twice"):
            list(rows(part(tmp_path / str(number), name, content)))


def test_a_whole_json_document_with_a_key_twice_is_refused(tmp_path):
    document = {"exams": {"e": {"data": ROWS["headqa"]}}}
    text = json.dumps(document).replace('"ra": "2"', '"ra": "2", "ra": "1"')
    with pytest.raises(InputError, match="the key ra twice"):
        read("headqa", raw_folder(tmp_path / "a", {"train_v2.json": text.encode()}))
    question = {"QUESTION": "x?", "CONTEXTS": ["y"], "LABELS": [], "LONG_ANSWER": "z"}
    one = json.dumps({"7": {**question, "final_decision": "yes"}})[1:-1]
    raw = raw_folder(tmp_path / "b", {"ori_pqal.json": f"{{{one}, {one}}}".encode()})
    with pytest.raises(InputError, match="the key 7 twice"):
        read("pubmedqa", raw)


@pytest.mark.parametrize("keys", [("A", "a"), ("Ａ", "A"), ("A", "A ")])
def test_two_options_of_one_letter_are_no_question(tmp_path, keys):
    option = {keys[0]: "一天", keys[1]: "两天", "C": "三天"}
    row = {**ROWS["cmb"][0], "option": option, "answer": "A"}
    assert reasons(read("cmb", raw_folder(tmp_path, PACK["cmb"]([row])))) == ["bad_options"]


def test_two_answers_of_one_number_are_no_question(tmp_path):
    row = {**ROWS["headqa"][0], "ra": "1"}
    row["answers"] = [{"aid": 1, "atext": "a"}, {"aid": 1, "atext": "b"}, {"aid": 2, "atext": "c"}]
    assert reasons(read("headqa", raw_folder(tmp_path, PACK["headqa"]([row])))) == ["bad_options"]


def test_a_csv_column_twice_is_refused(tmp_path):
    found = part(tmp_path, "a.csv", b"question,answer,answer,note,note\nx,A,B,1,2\n")
    with pytest.raises(InputError, match=r"row 1: the column answer twice"):
        list(csv_rows(found, ("question", "answer")))
    (row,) = csv_rows(found, ("question",))
    assert row.value["question"] == "x"


def test_columns_of_a_csv_column_twice_are_refused():
    """Then the rows are read one by one, and the message names the column."""
    handle = io.BytesIO(b"id,content,content\n1,x,y\n")
    with pytest.raises(pa.ArrowInvalid, match="twice"):
        list(csv_columns(handle, ("id", "content")))
    assert len(list(csv_columns(io.BytesIO(b"\xef\xbb\xbfid,x,x\n1,2,3\n"), ("id",)))) == 2


def test_a_parquet_column_twice_is_refused(tmp_path):
    columns = [pa.array(["x"]), pa.array(["A"]), pa.array(["B"])]
    table = pa.Table.from_arrays(columns, names=["question", "answer", "answer"])
    pq.write_table(table, tmp_path / "a.parquet")
    content = (tmp_path / "a.parquet").read_bytes()
    with pytest.raises(InputError, match="the column answer twice"):
        list(parquet_rows(part(tmp_path / "raw", "a.parquet", content), ("question", "answer")))


def test_a_table_with_line_ends_of_old_macs_is_refused(tmp_path):
    """It was one row, whose answer was the rest of the file."""
    content = "内科\t1\t71\t胃痛？\t清淡饮食。\r外科\t1\t72\t骨折？\t固定。\r".encode()
    with pytest.raises(InputError, match=r"row 1: .*carriage returns"):
        list(tsv_rows(part(tmp_path, "a.txt", content), ("a", "b", "c", "d", "e")))
    content = b"question,answer\rx,A\ry,B\r"
    with pytest.raises(InputError, match=r"carriage returns"):
        list(csv_rows(part(tmp_path / "csv", "a.csv", content), ("question", "answer")))


def cmb_files(key: list[dict]) -> dict[str, bytes]:
    facts = {"exam_type": "医师考试", "exam_class": "执业医师", "exam_subject": "内科"}
    row = {**facts, "question_type": "单项选择题", "question": "发热几天？", "option": OPTION}
    return {
        VAL: array([{**row, "answer": "A", "explanation": ""}]),
        TEST: array([{**row, "id": "1"}]),
        KEY: array(key),
    }


def test_a_key_with_two_answers_to_one_question_is_refused(tmp_path):
    key = [{"id": "1", "answer": "A"}, {"id": "1", "answer": "B"}]
    raw = raw_folder(tmp_path / "a", cmb_files(key))
    with pytest.raises(InputError, match=r"row 2: .*question 1 .*twice"):
        list(benchmarks.get("cmb").items(raw))
    raw = raw_folder(tmp_path / "b", cmb_files([key[0], key[0]]))
    assert [item.answer for item in benchmarks.get("cmb").items(raw)] == ["A", "A"]


def test_files_of_one_name_in_two_folders_give_different_ids(tmp_path):
    text = (
        "title: Ward\nhomepage: https://example.org\nlicence: CC BY 4.0\ncitation: x\n"
        "files: [val/a.jsonl, test/a.jsonl]\noptions: option\nexam: 病房考试\n"
        "split: split\ncategories: {病房: Ward}\n"
    )
    (tmp_path / "ward.yaml").write_text(text, encoding="utf-8")
    row = {"question": "几天？", "option": OPTION, "answer": "B"}
    files = {f"{name}/a.jsonl": jsonl([{**row, "split": name}]) for name in ("val", "test")}
    items = described.exam(tmp_path / "ward.yaml").items(raw_folder(tmp_path / "raw", files))
    assert [(item.id, item.split) for item in items] == [("val/a-1", "val"), ("test/a-1", "test")]


def test_a_pubmedqa_table_says_which_configuration_it_is_where_one_is_left_out(tmp_path):
    """Else `unlabeled: drop` would leave its rows in."""
    content = next(iter(PACK["pubmedqa"](ROWS["pubmedqa"]).values()))
    raw = raw_folder(tmp_path, {"train.parquet": content})
    with pytest.raises(InputError, match="pqa_unlabeled"):
        list(datasets.get("pubmedqa").read(raw, unlabeled="drop"))
    assert reasons(read("pubmedqa", raw))[0] == "kept"


def test_medmcqa_answers_that_pandas_or_others_wrote(tmp_path):
    """One column with a gap is of floats; true is no number."""
    answers = (2.0, float("nan"), True, "2")
    rows = [{**ROWS["medmcqa"][0], "id": f"{n}", "cop": cop} for n, cop in enumerate(answers)]
    results = read("medmcqa", raw_folder(tmp_path, {"train.jsonl": jsonl(rows)}))
    assert reasons(results) == ["kept", "empty_answer", "bad_answer", "bad_answer"]
    assert results[0].meta["answer"] == "B"


@pytest.mark.parametrize(
    ("name", "rows", "said"),
    [
        ("test.csv", "", "no test item (no item at all)"),
        ("val.csv", '"几天？","A 一天\nB 两天","B"\n', "no test item (1 val)"),
        ("test.csv", '"几天？","一天","B"\n', "no test item (1 unscored)"),
    ],
)
def test_a_benchmark_without_an_item_to_score_is_refused_as_it_is_read(tmp_path, name, rows, said):
    """It was found when the trained model was to be asked."""
    raw_folder(tmp_path, {name: f"Question,Options,Answer\n{rows}".encode()})
    with pytest.raises(InputError, match=re.escape(said)):
        read_benchmark("cmexam", tmp_path / "manifest.json", tmp_path / "items.jsonl")
    assert not (tmp_path / "items.jsonl").exists()
