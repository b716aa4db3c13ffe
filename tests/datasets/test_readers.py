"""Every reader on small files in upstream's format: golden output, bad rows, bad files."""

import copy
import io
import json
import os
import tempfile
import zipfile
from dataclasses import asdict
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collectivesft import datasets
from collectivesft.common.errors import InputError, UserError
from collectivesft.curated.clean import fault
from collectivesft.schema.example import Drop, Example
from collectivesft.sources.folder import RawFolder
from tests.helpers.damage import damaged
from tests.helpers.promises import check, read, real, reasons
from tests.helpers.upstream import PACK, ROWS, array, csv_text, jsonl, parquet, raw_folder, zipped

GOLDEN = Path(__file__).parent / "golden"
NAMES = sorted(ROWS)


def as_json(result: Example | Drop) -> dict:
    if isinstance(result, Drop):
        return {"drop": asdict(result)}
    return {**result.to_row(), "meta": result.meta}


def test_each_dataset_has_a_fixture_and_a_source():
    # A dataset of `collectivesft new` has its rows in a test file of its name.
    own = {path.stem.removeprefix("test_") for path in Path(__file__).parent.glob("test_*.py")}
    assert set(NAMES) <= set(datasets.names()) <= set(NAMES) | own
    for name in datasets.names():
        source = datasets.get(name).SOURCE
        assert source.name == name and source.files and source.licence and source.citation
        assert (
            source.rows or name == "meds_ins" or name not in NAMES
        )  # nobody states those of its published part


def test_unknown_dataset_lists_the_known():
    with pytest.raises(UserError, match=r"unknown dataset 'cbm'.*cmb, cmeddialogue"):
        datasets.get("cbm")


@pytest.mark.parametrize("name", NAMES)
def test_examples_are_those_of_the_golden_file(name: str, tmp_path: Path):
    results = read(name, raw_folder(tmp_path, PACK[name](ROWS[name])))
    lines = [json.dumps(as_json(r), ensure_ascii=False, sort_keys=True) for r in results]
    golden = GOLDEN / f"{name}.jsonl"
    if os.environ.get("UPDATE_GOLDEN"):
        golden.write_text("\n".join(lines) + "\n", encoding="utf-8")
    assert lines == golden.read_text(encoding="utf-8").splitlines()
    for result in results:
        check(result, name)
    assert len({result.id for result in results}) == len(results)


def test_each_golden_file_is_compared():
    assert sorted(path.stem for path in GOLDEN.glob("*.jsonl")) == NAMES


EXPECTED = {
    "pubmedqa": ["kept", "kept", "empty_context", "empty_answer"],
    "medmcqa": ["kept", "kept", "empty_answer"],
    "headqa": ["kept", "needs_image", "bad_answer"],
    "cmedqa2": ["kept", "missing_answer", "empty_question"],
    "cmeddialogue": ["kept", "kept", "empty_answer", "malformed_row"],
    "webmedqa": ["kept", "not_labelled", "bad_label", "empty_answer", "malformed_row"],
    "medicaldialogue": [
        "kept",
        "kept",
        "not_alternating",
        "not_alternating",
        "bad_speaker",
        "empty_turn",
        "empty_dialogue",
    ],
    "cmid": ["kept", "nothing_labelled", "bad_entity"],
    "nlpec": ["kept", "kept", "bad_answer"],
    "mlecqa": ["kept", "empty_answer", "needs_image"],
    "discmed": ["kept", "kept", "empty_answer", "bad_role"],
    "medqa": ["kept", "answer_mismatch"],
    "cmb": ["kept", "kept", "bad_answer"],
    "cmmlu_medical": ["kept", "empty_answer"],
    "meds_ins": ["kept", "kept", "kept", "empty_question", "empty_answer"],
}


@pytest.mark.parametrize("name", NAMES)
def test_rows_in_are_kept_plus_dropped(name: str, tmp_path: Path):
    results = read(name, raw_folder(tmp_path, PACK[name](ROWS[name])))
    assert reasons(results) == EXPECTED[name]


def one(name: str, tmp_path: Path, **changes) -> Example | Drop:
    """The first fixture row with changes, read."""
    row = {**copy.deepcopy(ROWS[name][0]), **changes}
    return read(name, raw_folder(tmp_path, PACK[name]([row])))[0]


def test_answers_count_from_zero_in_medmcqa_and_from_one_in_nlpec(tmp_path: Path):
    medmcqa, nlpec = one("medmcqa", tmp_path / "a"), one("nlpec", tmp_path / "b")
    assert medmcqa.messages[1][1].splitlines()[-1] == "The answer is C."
    assert medmcqa.meta["options"]["C"] == "Vitamin C"
    assert nlpec.messages[1][1].endswith("\n答案是B。") and nlpec.meta["options"]["B"] == "青霉素"


def test_medmcqa_unpublished_and_impossible_answers(tmp_path: Path):
    assert one("medmcqa", tmp_path / "a", cop=-1).reason == "empty_answer"
    assert one("medmcqa", tmp_path / "b", cop=5).reason == "bad_answer"


def medmcqa_file(folder: Path, cops: list[int], lines: bool) -> RawFolder:
    """MedMCQA in the Hub's form or, as lines, in the authors'; ``cops`` of its rows."""
    rows = [ROWS["medmcqa"][0] | {"id": f"a{i}", "cop": cop} for i, cop in enumerate(cops)]
    data = {"train.json": jsonl(rows)} if lines else {"a.parquet": parquet(rows)}
    return raw_folder(folder, data)


def test_medmcqas_two_forms_number_the_options_from_zero_and_from_one(tmp_path: Path):
    hub = medmcqa_file(tmp_path / "hub", [0, 1, 3], lines=False)
    authors = medmcqa_file(tmp_path / "authors", [1, 2, 4], lines=True)
    answers = [[e.meta["answer"] for e in read("medmcqa", raw)] for raw in (hub, authors)]
    assert answers == [["A", "B", "D"]] * 2
    forms = [datasets.get("medmcqa").form(raw) for raw in (hub, authors)]
    assert forms == ["a.parquet: cop counts from 0", "train.json: cop counts from 1"]


@pytest.mark.parametrize(
    ("name", "form"),
    [
        ("cmeddialogue", "Data_数据/Andriatria_男科/男科5-13000.csv: gb18030"),
        ("cmedqa2", "right answers by pos_ans_id"),
        ("cmid", "start_pos counts from 0, end_pos is the place after the last character"),
        ("headqa", "head-qa-es-en-pdfs.zip: the archive's member"),
        ("medqa", "data_clean.zip: US, Mainland, Taiwan"),
        ("nlpec", "answer counts from 1"),
        ("pubmedqa", "pqa_labeled/train-00000-of-00001.parquet: Parquet of the Hub"),
        ("webmedqa", "no header; columns department, label, question_id, question, answer"),
    ],
)
def test_a_reader_says_which_form_of_the_file_it_met(name, form, tmp_path: Path):
    raw = raw_folder(tmp_path, PACK[name](ROWS[name]))
    assert datasets.get(name).form(raw) == form


def test_a_reader_says_the_other_forms_too(tmp_path: Path):
    candidates = "question_id,ans_id,cnt,label\n1,2,0,1\n"
    others = {
        "cmedqa2": (
            PACK["cmedqa2"](ROWS["cmedqa2"])
            | {"train_candidates.zip": zipped({"train_candidates.txt": candidates.encode()})}
        ),
        "cmeddialogue": {"a.csv": "department,title,ask,answer\n甲,乙,丙,丁\n".encode()},
        "headqa": {"train_HEAD_EN.json": b"{}"},
        "medqa": {"US_train.jsonl": b""},
        "pubmedqa": {"pubmedqa-labelled.json": b"{}"},
    }
    said = {
        name: datasets.get(name).form(raw_folder(tmp_path / name, files))
        for name, files in others.items()
    }
    assert said == {
        "cmedqa2": "right answers by ans_id with label 1",
        "cmeddialogue": "a.csv: utf-8",
        "headqa": "train_HEAD_EN.json: the member by itself",
        "medqa": "US_train.jsonl: US",
        "pubmedqa": "pubmedqa-labelled.json: the authors' JSON",
    }


@pytest.mark.parametrize(("cops", "lines", "counted"), [([1, 2, 4], False, 1), ([2, 0], True, 0)])
def test_a_number_of_the_other_numbering_ends_the_reading(tmp_path, cops, lines, counted):
    raw = medmcqa_file(tmp_path, cops, lines)
    with pytest.raises(InputError, match=f"row {len(cops)}: cop is .: it counts from {counted}"):
        read("medmcqa", raw)


def test_nlpecs_answers_that_count_from_zero(tmp_path: Path):
    rows = [ROWS["nlpec"][0] | {"answer": ["0"]}]
    with pytest.raises(InputError, match="row 1: answer is 0: it counts from 0, and in NLPEC from"):
        read("nlpec", raw_folder(tmp_path, PACK["nlpec"](rows)))


@pytest.mark.parametrize(
    ("texts", "gold", "kept"),
    [
        (("口服铁剂", "输血", "口服铁剂", "休息"), "A", False),
        (("口服铁剂", "输血", "口服　铁剂", "休息"), "C", False),
        (("口服铁剂", "输血", "口服铁剂", "休息"), "B", True),  # the right text stands once
        (("口服铁剂", "输血", "口服铁剂", "休息"), "AC", True),  # both are right
        (("Aa", "AA", "aa", "a"), "A", True),
    ],
)
def test_a_question_whose_right_option_has_the_text_of_a_wrong_one(tmp_path, texts, gold, kept):
    option = dict(zip("ABCD", texts, strict=True))
    row = ROWS["cmb"][0] | {"option": option, "answer": gold, "explanation": ""}
    (found,) = read("cmb", raw_folder(tmp_path, PACK["cmb"]([row])))
    assert reasons([found]) == ["kept" if kept else "same_options"]


def test_cmb_leaves_out_a_scraped_mark_of_the_right_option(tmp_path: Path):
    options = dict(zip("ABCDEF", ["甲", "乙", "丙", "丁", "戊", "1"], strict=True))
    example = one("cmb", tmp_path, option=options, answer="A")
    assert example.meta["left_out"] == {"F": "1"} and "F" not in example.meta["options"]
    assert "F: 1" not in example.messages[0][1]
    assert "left_out" not in one("cmb", tmp_path / "named", option=options, answer="AF").meta


def test_cmb_keeps_options_of_one_character_and_sorts_the_key(tmp_path: Path):
    example = read("cmb", raw_folder(tmp_path, PACK["cmb"](ROWS["cmb"])))[1]
    assert example.messages[0][1].splitlines()[3:] == ["A: C", "B: 钠", "C: D"]
    assert example.messages[1][1] == "答案是AC。"
    assert example.meta["exam"] == "中国药师考试中执业西药师考试"
    assert example.meta["question_type"] == "多项选择题"


def test_full_width_answer_letters(tmp_path: Path):
    assert one("cmb", tmp_path, answer="Ａ").meta["answer"] == "A"


def test_cmedqa2_reads_labelled_candidates_too(tmp_path: Path):
    packed = PACK["cmedqa2"](ROWS["cmedqa2"])
    header = ["question_id", "ans_id", "cnt", "label"]
    rows = [["11", "1102", "0", "0"], ["11", "1101", "0", "1"], ["12", "1101", "0", "0"]]
    text = csv_text(header, rows).encode()
    packed["train_candidates.zip"] = zipped({"train_candidates.txt": text})
    results = read("cmedqa2", raw_folder(tmp_path, packed))
    assert reasons(results) == ["kept", "not_labelled"]
    assert results[0].id == "cmedqa2:11-1101"


def test_cmedqa2_question_that_is_nowhere(tmp_path: Path):
    packed = PACK["cmedqa2"](ROWS["cmedqa2"])
    text = csv_text(["question_id", "pos_ans_id", "neg_ans_id"], [["99", "1101", "1"]]).encode()
    packed["train_candidates.zip"] = zipped({"train_candidates.txt": text})
    assert reasons(read("cmedqa2", raw_folder(tmp_path, packed))) == ["missing_question"]


def test_pubmedqa_original_json(tmp_path: Path):
    items = {
        "7": {
            "QUESTION": "Is it?",
            "CONTEXTS": ["A.", "B."],
            "LABELS": ["X", "Y"],
            "LONG_ANSWER": "It is.",
            "final_decision": "yes",
        }
    }
    data = json.dumps(items).encode()
    (example,) = read("pubmedqa", raw_folder(tmp_path, {"pubmedqa-labelled.json": data}))
    assert example.id == "pubmedqa:7" and example.meta["category"] == "pqa_labeled"
    assert example.messages[1][1] == "It is.\nFinal answer: yes."


@pytest.mark.parametrize("encoding", ["gb18030", "utf-8", "utf-8-sig"])
def test_cmeddialogue_encodings_and_column_order(encoding: str, tmp_path: Path):
    text = csv_text(["answer", "ask", "title", "department"], [["回答", "提问", "标题", "内科"]])
    (example,) = read("cmeddialogue", raw_folder(tmp_path, {"a.csv": text.encode(encoding)}))
    assert example.messages == [("user", "标题\n提问"), ("assistant", "回答")]
    assert example.meta["category"] == "内科"


def test_row_in_another_encoding_is_named(tmp_path: Path):
    good = csv_text(["department", "title", "ask", "answer"], [["内科", "一", "二", "三"]] * 3)
    data = good.encode("gb18030") + b"\xff\xff,bad,bad,bad\n"
    with pytest.raises(InputError, match=r"a\.csv, row 5: not gb18030.*Convert") as caught:
        read("cmeddialogue", raw_folder(tmp_path, {"a.csv": data}))
    assert caught.value.row == 5


def test_json_item_in_another_encoding_is_named(tmp_path: Path):
    data = array(ROWS["cmb"]).replace("不在选项".encode(), "不在选项".encode("gb18030"))
    with pytest.raises(InputError, match=r"merge\.json, row 3: not UTF-8"):
        read("cmb", raw_folder(tmp_path, {"CMB-train-merge.json": data}))


@pytest.mark.parametrize(
    ("name", "data", "row"),
    [
        ("cmid", '[{"originalText": "头'.encode()[:-1], 1),
        ("nlpec", jsonl(ROWS["nlpec"]) + '{"questionText": "头'.encode()[:-1], 4),
        ("cmeddialogue", "department,title,ask,answer\na,b,c,头痛".encode("gb18030")[:-1], 2),
    ],
)
def test_a_file_cut_within_a_character_is_not_called_another_encoding(
    name: str, data: bytes, row: int, tmp_path: Path
):
    file = next(iter(PACK[name](ROWS[name])))
    with pytest.raises(InputError, match=f"row {row}: cut short.*Fetch the file again"):
        read(name, raw_folder(tmp_path, {file: data}))


@pytest.mark.parametrize("name", ["cmb", "cmid", "discmed", "nlpec", "mlecqa", "medicaldialogue"])
def test_html_in_place_of_json(name: str, tmp_path: Path):
    file = next(iter(PACK[name](ROWS[name])))
    data = b"<!DOCTYPE html>\n<html><body>Sign in</body></html>\n"
    with pytest.raises(InputError, match=r"row 1: an HTML page in place of"):
        read(name, raw_folder(tmp_path, {file: data}))


@pytest.mark.parametrize(
    ("name", "key", "value"),
    [
        ("cmb", "option", "A. 口服铁剂 B. 输血"),
        ("nlpec", "option", "红霉素"),
        ("mlecqa", "options", "A"),
        ("medqa", "options", "A"),
    ],
)
def test_options_given_as_a_string(name: str, key: str, value: str, tmp_path: Path):
    with pytest.raises(InputError, match=f"row 1: {key} is text, expected a"):
        one(name, tmp_path, **{key: value})


@pytest.mark.parametrize(
    ("name", "key"),
    [("cmb", "question"), ("cmid", "entities"), ("nlpec", "answer"), ("discmed", "conversation")],
)
def test_missing_key_is_named(name: str, key: str, tmp_path: Path):
    row = {k: v for k, v in ROWS[name][0].items() if k != key}
    with pytest.raises(InputError, match=f"row 2: no {key}; there is"):
        read(name, raw_folder(tmp_path, PACK[name]([ROWS[name][0], row])))


def test_nan_is_no_text_and_an_infinite_number_an_error(tmp_path: Path):
    nan, infinite = float("nan"), float("inf")
    assert reasons(read("cmb", raw_folder(tmp_path, PACK["cmb"]([
        {**ROWS["cmb"][0], "question": nan}, {**ROWS["cmb"][0], "answer": nan},
    ])))) == ["empty_question", "empty_answer"]  # fmt: skip
    with pytest.raises(InputError, match="row 1: answer is not a finite number"):
        one("cmb", tmp_path / "b", answer=-infinite)


def test_missing_column_of_csv_and_parquet(tmp_path: Path):
    text = csv_text(["department", "title", "question", "answer"], []).encode()
    with pytest.raises(InputError, match="row 1: no column ask; there is department, title"):
        read("cmeddialogue", raw_folder(tmp_path / "a", {"a.csv": text}))
    rows = [{k: v for k, v in row.items() if k != "cop"} for row in ROWS["medmcqa"]]
    with pytest.raises(InputError, match="no column cop"):
        read("medmcqa", raw_folder(tmp_path / "b", {"x.parquet": parquet(rows)}))


HEADER = "department,title,ask,answer\n"


def test_one_bad_byte_does_not_make_another_encoding(tmp_path: Path):
    data = (
        f"{HEADER}{'内科,发热,发热怎么办,多喝水' * 3}\n".encode() + b"\x85,a,b,c\n" + b"a,b,c,d\n"
    )
    with pytest.raises(
        InputError, match=r"row 3: not utf-8 \(byte 0x85.*Convert the file to utf-8"
    ):
        read("cmeddialogue", raw_folder(tmp_path, {"a.csv": data}))


@pytest.mark.parametrize("rows", [1, 100], ids=["short", "long"])
def test_an_unclosed_quote_takes_no_rows_with_it(rows: int, tmp_path: Path):
    """It would make one text of all that follows, and one dropped row in the ledger."""
    text = HEADER + '内科,头痛,"头痛怎么办,多休息\n' + "内科,发热,发热怎么办,多喝水\n" * rows
    with pytest.raises(InputError, match=r"row 2: not CSV \(an unclosed quote\?\)"):
        read("cmeddialogue", raw_folder(tmp_path, {"a.csv": text.encode()}))


GOOD_LINE = "内科,发热,发热怎么办,多喝水\n"


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        # The number of fields agrees, and the text of one would hold the others.
        ('内科,头痛,"头痛怎么办,多休息\n内科,咳嗽,"咳嗽怎么办,喝水\n', ["malformed_row"] * 2),
        ('内科,头痛,"头痛怎么办,多休息\n' + GOOD_LINE * 3 + '内科,咳嗽,咳嗽呢",喝水\n',
         ["malformed_row"] * 5),
        # Texts of several lines, with commas and quotes.
        ('内科,头痛,"第一行,甲\n第二行,乙,丙,丁\n第三行",多休息\n', ["kept"]),
        ('内科,头痛,"他说""疼""\n三天",多休息\n', ["kept"]),
        ('内科,头痛,头痛怎么办,"多休息,\n\n少熬夜"\n', ["kept"]),
    ],
)  # fmt: skip
def test_rows_that_a_stray_quote_joins_are_told(tmp_path: Path, lines: str, expected: list[str]):
    text = HEADER + GOOD_LINE + lines + GOOD_LINE
    found = read("cmeddialogue", raw_folder(tmp_path, {"a.csv": text.encode()}))
    assert reasons(found) == ["kept", *expected, "kept"]
    assert len({result.id for result in found}) == len(found)


def test_one_odd_row_does_not_end_the_set(tmp_path: Path):
    """Half a character, a line end of another kind, a dialogue that is none: counted drops."""
    text = f"{HEADER}内科,头痛,头痛怎么办,多\r休息\n内科,发热,发热怎么办,多喝水\n"
    found = read("cmeddialogue", raw_folder(tmp_path / "a", {"a.csv": text.encode()}))
    assert reasons(found) == ["malformed_row", "kept"]
    rows = [ROWS["medicaldialogue"][0], "病人：头痛"]
    found = read("medicaldialogue", raw_folder(tmp_path / "b", PACK["medicaldialogue"](rows)))
    assert reasons(found) == ["kept", "malformed_row"]
    packed = PACK["medicaldialogue"]([["病人：头痛XX怎么办", "医生：多休息"]])
    packed = {file: data.replace(b"XX", b"\\ud83d") for file, data in packed.items()}
    (example,) = read("medicaldialogue", raw_folder(tmp_path / "c", packed))
    assert "头痛\ufffd怎么办" in example.messages[0][1]
    assert fault(example, 1, 1000) == "damaged_text"


def test_headqas_and_medqas_files_are_read_out_of_the_archive_too(tmp_path: Path):
    packed = PACK["headqa"](ROWS["headqa"])
    with zipfile.ZipFile(io.BytesIO(next(iter(packed.values())))) as archive:
        data = archive.read(archive.namelist()[0])
    whole = read("headqa", raw_folder(tmp_path / "a", packed))
    found = read("headqa", raw_folder(tmp_path / "b", {"train_HEAD_EN.json": data}))
    assert [result.id for result in found] == [result.id for result in whole]
    line = jsonl([{"question": "Pain?", "options": {"A": "x", "B": "y"}, "answer_idx": "A"}])
    (example,) = read("medqa", raw_folder(tmp_path / "c", {"US_test.jsonl": line}))
    assert example.id == "medqa:US:1" and example.language == "en"
    with pytest.raises(InputError, match="does not say which region"):
        read("medqa", raw_folder(tmp_path / "d", {"test.jsonl": line}))


def test_pubmedqas_unlabelled_files_are_not_taken_for_labelled(tmp_path: Path):
    row = {"QUESTION": "Is it?", "CONTEXTS": ["It is."], "LONG_ANSWER": "Yes, it is."}
    data = json.dumps({"7": {**row, "LABELS": []}}).encode()
    with pytest.raises(InputError, match="row 1: 7 is none of the labelled questions"):
        read("pubmedqa", raw_folder(tmp_path, {"ori_pqau.json": data}))


@pytest.mark.parametrize("name", ["headqa", "cmedqa2", "webmedqa", "medqa"])
def test_zip_cut_in_half(name: str, tmp_path: Path):
    packed = PACK[name](ROWS[name])
    packed = {file: data[: len(data) // 2] for file, data in packed.items()}
    with pytest.raises(InputError, match="the zip archive is cut short or damaged"):
        read(name, raw_folder(tmp_path, packed))


def test_zip_with_a_damaged_member(tmp_path: Path):
    data = bytearray(PACK["webmedqa"](ROWS["webmedqa"])["train.zip"])
    data[60] ^= 0xFF
    with pytest.raises(InputError, match="cut short or damaged"):
        read("webmedqa", raw_folder(tmp_path, {"train.zip": bytes(data)}))


def test_zip_without_the_member_names_what_is_there(tmp_path: Path):
    data = zipped({"../../evil.txt": b"x", "other.txt": b"y"})
    with pytest.raises(InputError, match=r"no member named medQA\.train\.txt"):
        read("webmedqa", raw_folder(tmp_path, {"train.zip": data}))
    assert not (tmp_path.parent / "evil.txt").exists()


def test_member_in_a_folder_is_found(tmp_path: Path):
    text = "内科\t1\t1\t问？\t答。\n".encode()
    data = zipped({"__MACOSX/medQA.train.txt": b"", "webMedQA/medQA.train.txt": text})
    assert reasons(read("webmedqa", raw_folder(tmp_path, {"train.zip": data}))) == ["kept"]


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b'{"a": 1}', "where a JSON array is expected"),
        (b"[[]", "the end of the file"),
        (b"[[] []]", "where a comma or the array's end"),
        (b"[[], ]", "not valid JSON"),
        (b"[] []", "text after the array's end"),
        (b'[["' + "病人：".encode() + b'a", ', "not valid JSON"),
        (b"", "an empty file"),
        (b"[" * 100_000, "nested too deeply"),
    ],
)
def test_arrays_that_are_none(data: bytes, problem: str, tmp_path: Path):
    with pytest.raises(InputError, match=problem):
        read("medicaldialogue", raw_folder(tmp_path, {"train_data.json": data}))


def test_long_arrays_are_read_across_blocks(tmp_path: Path, monkeypatch):
    monkeypatch.setattr("collectivesft.readers.json_rows.BLOCK", 7)
    dialogues = [[f"病人：第{n}次头痛。", "医生：请就诊。"] for n in range(50)]
    results = read("medicaldialogue", raw_folder(tmp_path, {"a.json": array(dialogues)}))
    assert [result.messages[0][1] for result in results] == [f"第{n}次头痛。" for n in range(50)]


# --- any row becomes an Example, a Drop, or an InputError that names file and row ---

JSON_NAMES = ("cmb", "cmid", "discmed", "headqa", "medicaldialogue", "medqa", "mlecqa", "nlpec")


def check_survives(name: str, contents: dict[str, bytes], row: bool = True) -> None:
    """A bad row is a drop, or an error that names the file (and the row)."""
    with tempfile.TemporaryDirectory() as folder:
        raw = raw_folder(Path(folder), contents)
        try:
            results = read(name, raw)
        except InputError as error:
            assert str(raw.manifest.parent) in str(error.path)
            assert error.row is not None or not row
            return
        for result in results:
            check(result, name)
        assert len({result.id for result in results}) == len(results)


@pytest.mark.parametrize("name", JSON_NAMES)
@settings(max_examples=60, deadline=None, derandomize=True)
@given(data=st.data())
def test_any_json_row(name: str, data: st.DataObject):
    rows = [ROWS[name][0], data.draw(damaged(ROWS[name]))]
    check_survives(name, PACK[name](rows))


@settings(max_examples=60, deadline=None, derandomize=True)
@given(data=st.data())
def test_any_item_of_pubmedqas_original_json(data: st.DataObject):
    item = {
        "QUESTION": "Is it?",
        "CONTEXTS": ["A."],
        "LONG_ANSWER": "Yes.",
        "final_decision": "yes",
    }
    items = {"7": item, "8": data.draw(damaged([item]))}
    check_survives("pubmedqa", {"pubmedqa-labelled.json": json.dumps(items).encode()})


@settings(max_examples=60, deadline=None, derandomize=True)
@given(tail=st.binary(max_size=60) | st.text(max_size=40).map(str.encode))
@pytest.mark.parametrize("name", ["cmeddialogue", "cmmlu_medical", "webmedqa", "nlpec"])
def test_any_bytes_give_rows_or_one_error(name: str, tail: bytes):
    if name == "webmedqa":
        text = b"a\t1\t1\tq\ta\n" + tail
        check_survives(name, {"train.zip": zipped({"medQA.train.txt": text})})
        return
    packed = PACK[name](ROWS[name][:1])
    check_survives(name, {file: data + tail for file, data in packed.items()})


@settings(max_examples=60, deadline=None, derandomize=True)
@given(
    texts=st.lists(st.none() | st.text(max_size=6), min_size=6, max_size=6),
    cop=st.none() | st.integers(-9, 9),
)
def test_any_parquet_row(texts: list, cop: int | None):
    keys = ("id", "question", "opa", "opb", "opc", "opd")
    row = {**ROWS["medmcqa"][0], **dict(zip(keys, texts, strict=True)), "cop": cop}
    check_survives("medmcqa", PACK["medmcqa"]([ROWS["medmcqa"][0], row]))


COLUMNS = st.one_of(
    st.just(pa.array([None, None], kind))
    for kind in (pa.null(), pa.string(), pa.int8(), pa.list_(pa.string()))
) | st.sampled_from(
    [
        pa.array([1, 2**63 - 1]),
        pa.array([0.5, float("nan")]),
        pa.array([True, False]),
        pa.array([b"\xff", b"a"]),
        pa.array([["a"], []]),
        pa.array([[["a"]], None]),
        pa.array([{"contexts": None}, {"contexts": ["a", None]}]),
        pa.array([{"contexts": [["a"]]}, {"contexts": []}]),
        pa.array([{"text": "a"}, None]),
        pa.array(["a" * 100_000, "\0"]),
        pa.array(["a", "b"]).dictionary_encode(),
        pa.array([1, 2]).cast(pa.timestamp("s")),
    ]
)


@pytest.mark.parametrize("name", ["medmcqa", "pubmedqa"])
@settings(max_examples=60, deadline=None, derandomize=True)
@given(data=st.data())
def test_any_parquet_column(name: str, data: st.DataObject):
    table = pa.Table.from_pylist(ROWS[name][:2])
    place = data.draw(st.integers(0, table.num_columns - 1))
    table = table.set_column(place, table.column_names[place], data.draw(COLUMNS))
    stream = io.BytesIO()
    pq.write_table(table, stream)
    check_survives(name, {next(iter(PACK[name](ROWS[name][:1]))): stream.getvalue()})


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=20, deadline=None, derandomize=True)
@given(data=st.data())
def test_any_file_cut_anywhere(name: str, data: st.DataObject):
    contents = PACK[name](ROWS[name])
    file = data.draw(st.sampled_from(sorted(contents)))
    contents[file] = contents[file][: data.draw(st.integers(0, len(contents[file]) - 1))]
    check_survives(
        name, contents, row=file.endswith((".json", ".jsonl")) and len(contents[file]) > 0
    )


@settings(max_examples=60, deadline=None, derandomize=True)
@given(
    tail=st.binary(max_size=40) | st.text(max_size=30).map(str.encode),
    member=st.sampled_from(["question.csv", "answer.csv", "train_candidates.txt"]),
)
def test_any_bytes_in_any_table_of_cmedqa2(tail: bytes, member: str):
    archive = f"{member.partition('.')[0]}.zip"
    contents = PACK["cmedqa2"](ROWS["cmedqa2"])
    with zipfile.ZipFile(io.BytesIO(contents[archive])) as whole:
        contents[archive] = zipped({member: whole.read(member) + tail})
    check_survives("cmedqa2", contents)


@pytest.mark.parametrize(
    ("name", "file", "rows"),
    [
        ("cmeddialogue", "cmeddialogue-sample.gb18030.csv", 7644),
        ("pubmedqa", "pubmedqa-labelled.json", 1000),
    ],
)
def test_real_files_are_read_with_the_losses_named(name: str, file: str, rows: int, tmp_path: Path):
    from collectivesft.raw.fetch import fetch_source

    manifest = tmp_path / "manifest.json"
    fetch_source(f"datasets/{name}", manifest, folder=real(), names=[file])
    results = read(name, RawFolder.load(manifest))
    assert len(results) == rows == len({result.id for result in results})
    for result in results:
        check(result, name)
    assert reasons(results).count("kept") > 0.99 * rows


def test_the_real_cmmlu_files_are_read(tmp_path: Path):
    from collectivesft.raw.fetch import fetch_source

    manifest = tmp_path / "manifest.json"
    fetch_source("datasets/cmmlu_medical", manifest, folder=real("cmmlu-medical"))
    assert reasons(read("cmmlu_medical", RawFolder.load(manifest))) == ["kept"] * 45


@pytest.mark.parametrize("mark", ["：", ":", " ： "])
def test_medicaldialogue_keeps_the_colons_of_what_is_said(mark: str, tmp_path: Path):
    rows = [[f"病人{mark}昨天10:30吃药，血压130:80", f"医生{mark}比例1:5，见https://a.b"]]
    (result,) = read("medicaldialogue", raw_folder(tmp_path, PACK["medicaldialogue"](rows)))
    assert [text for _, text in result.messages] == [
        "昨天10:30吃药，血压130:80",
        "比例1:5，见https://a.b",
    ]


@pytest.mark.parametrize("name", NAMES)
def test_ids_of_several_files_differ(name: str, tmp_path: Path):
    """A lab may name more files than the source has, of one stem in several folders."""
    packed = PACK[name](ROWS[name])
    if len(packed) > 1:
        pytest.skip("its reader knows its files by name")
    ((path, content),) = packed.items()
    several = {f"{folder}/{Path(path).name}": content for folder in ("a", "b")}
    results = read(name, raw_folder(tmp_path, several))
    assert len({result.id for result in results}) == len(results) == 2 * len(ROWS[name])
