"""cMedQA2 by whole columns: what its rows give one by one, to the byte."""

import csv
import io
import tempfile
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

from collectivesft.common.errors import InputError
from collectivesft.curated.read import read_dataset
from collectivesft.curated.storage.parquet import example_table
from collectivesft.datasets import cmedqa2
from collectivesft.readers import arrow_columns, table_rows
from collectivesft.schema.example import Drop, Example
from tests.helpers.upstream import PACK, ROWS, csv_text, raw_folder, zipped

CELL = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12
) | st.sampled_from(
    ["", " a ", 'a"b', '"', "a,b", "行\n行", "a\r\nb", "\u3000头痛\u3000", "\x1fa\x85"]
)


NUMBERS = st.sampled_from(["1", "2", "3", " 1", "07", "\u30002"])
CANDIDATES = {
    ("question_id", "ans_id", "cnt", "label"): st.tuples(
        NUMBERS, NUMBERS, st.just("0"), st.sampled_from(["0", "1", " 1", "1 ", "2", ""])
    ),
    ("question_id", "pos_ans_id", "neg_ans_id"): st.tuples(NUMBERS, NUMBERS, NUMBERS),
}
NUMBERED = st.lists(st.tuples(NUMBERS, CELL), max_size=6)


@pytest.mark.parametrize("header", CANDIDATES, ids=["labelled", "paired"])
@settings(max_examples=200, deadline=None, derandomize=True)
@given(
    data=st.data(),
    questions=NUMBERED,
    answers=NUMBERED,
    option=st.sampled_from(["first", "all"]),
    quoting=st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
    end=st.sampled_from(["\n", "\r\n"]),
    tail=st.sampled_from([b""] * 20 + [b"\n", b'"', b"1,2,3,4,5\n", b"\r", b"\xff"]),
    prompt=st.sampled_from([cmedqa2.PROMPT, "问：{question}\n{{{question}}}\n"]),
)
def test_cmedqa2_is_the_same_by_table_and_by_row(
    header, data, questions, answers, option, quoting, end, tail, prompt
):
    def table(columns: tuple[str, ...], rows: list) -> bytes:
        stream = io.StringIO(newline="")
        csv.writer(stream, quoting=quoting, lineterminator=end).writerows([columns, *rows])
        return stream.getvalue().encode()

    texts = {
        "question": table(("question_id", "content"), questions) + tail,
        "answer": table(("ans_id", "question_id", "content"), [(n, "1", t) for n, t in answers]),
    }
    contents = {f"{name}.zip": zipped({f"{name}.csv": text}) for name, text in texts.items()}
    right = data.draw(st.lists(CANDIDATES[header], max_size=8))
    candidates = table(header, right)
    contents["train_candidates.zip"] = zipped({"train_candidates.txt": candidates})
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(cmedqa2, "PROMPT", prompt)
        patch.setattr(arrow_columns, "ROWS", 2)
        raw = raw_folder(Path(folder), contents)
        found = cmedqa2.read_tables(raw, option)
        if found is None:  # the rows decide what to make of it, or say what is wrong
            event("left to the rows")
            return
        found = list(found)
        results = list(cmedqa2.read(raw, option))
    kept = [result for result in found if isinstance(result, pa.Table)]
    dropped = found[len(kept) :]
    event("drops" if dropped else "no drops")
    examples = example_table([r for r in results if isinstance(r, Example)])
    assert pa.concat_tables([examples[:0], *kept]).equals(examples)
    assert dropped == [r for r in results if isinstance(r, Drop)]


@pytest.mark.parametrize("step", [1, 37], ids=["answers in order", "answers anywhere"])
def test_cmedqa2_files_are_the_same_by_table_and_by_row(step: int, tmp_path: Path, monkeypatch):
    rows, written = 5000, {}
    questions = [(str(n), f"第{n}个问题\n" if n % 7 else "") for n in range(rows)]
    answers = [(str(n), str(n), "" if n % 11 == 0 else f"第{n}个回答") for n in range(rows - 3)]
    contents = {
        "question.zip": {"question.csv": csv_text(["question_id", "content"], questions)},
        "answer.zip": {"answer.csv": csv_text(["ans_id", "question_id", "content"], answers)},
        "train_candidates.zip": {
            "train_candidates.txt": csv_text(
                ["question_id", "pos_ans_id", "neg_ans_id"],
                [(n, n * step % rows, m) for n in range(rows + 2) for m in range(3)],
            )
        },
    }
    packed = {n: zipped({m: t.encode() for m, t in c.items()}) for n, c in contents.items()}
    raw = raw_folder(tmp_path, packed)
    monkeypatch.setattr(table_rows, "BLOCK", 1 << 12)
    assert cmedqa2.read_tables(raw) is not None
    for way in ("tables", "rows"):
        paths = [tmp_path / f"{way}.{name}" for name in ("parquet", "dropped.parquet", "json")]
        read_dataset("cmedqa2", tmp_path / "manifest.json", *paths)
        written[way] = [path.read_bytes() for path in paths]
        monkeypatch.setattr(cmedqa2, "read_tables", lambda raw, **options: None)
    assert written["tables"] == written["rows"]


@settings(max_examples=300, deadline=None, derandomize=True)
@given(
    content=st.lists(st.sampled_from([b"a", b"\r", b"\n", b"\r\n"]), min_size=1).map(b"".join),
    size=st.integers(1, 5),
)
def test_lines_are_counted_wherever_blocks_end(content: bytes, size: int):
    counted = arrow_columns.Lines(io.BytesIO(content))
    while counted.readinto(pa.allocate_buffer(size)):
        pass
    assert counted.count == content.count(b"\n") + (not content.endswith(b"\n"))
    assert counted.alone == (content.count(b"\r") != content.count(b"\r\n"))


def test_a_text_too_long_for_a_row_is_left_to_the_rows(tmp_path: Path):
    packed = PACK["cmedqa2"](ROWS["cmedqa2"])
    text = csv_text(["question_id", "content"], [["11", "长" * (1 + csv.field_size_limit())]])
    packed["question.zip"] = zipped({"question.csv": text.encode()})
    raw = raw_folder(tmp_path, packed)
    assert cmedqa2.read_tables(raw) is None
    with pytest.raises(InputError, match=r"row 2.*an unclosed quote"):
        list(cmedqa2.read(raw))


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("answer.zip", 'ans_id,question_id,content\n1101,11,"甲\n1201,12,乙\n'),
        ("question.zip", 'question_id,content\n11,甲\n12,"乙'),
        ("train_candidates.zip", 'question_id,pos_ans_id,neg_ans_id\n11,"1101,2\n'),
    ],
)
def test_an_unclosed_quote_is_left_to_the_rows_which_name_it(file: str, text: str, tmp_path: Path):
    packed = PACK["cmedqa2"](ROWS["cmedqa2"])
    member = Path(file).with_suffix(".txt" if file.startswith("train") else ".csv").name
    raw = raw_folder(tmp_path, packed | {file: zipped({member: text.encode()})})
    assert cmedqa2.read_tables(raw) is None
    with pytest.raises(InputError, match=r"row [23]: not CSV \(an unclosed quote\?\)"):
        list(cmedqa2.read(raw))


def test_pairs_are_told_apart_however_many_there_are(tmp_path: Path):
    """Question and answer make one number: in 32 bits, these would be a quarter of the pairs."""
    rows = 1 << 17
    texts = {
        "question": csv_text(["question_id", "content"], [(n, "问") for n in range(rows)]),
        "answer": csv_text(
            ["ans_id", "question_id", "content"], [(n, 0, "答") for n in range(rows)]
        ),
    }
    packed = {f"{name}.zip": zipped({f"{name}.csv": text.encode()}) for name, text in texts.items()}
    right = [(n, n % (1 << 15), 0) for n in range(rows)]
    candidates = csv_text(["question_id", "pos_ans_id", "neg_ans_id"], right)
    packed["train_candidates.zip"] = zipped({"train_candidates.txt": candidates.encode()})
    found = cmedqa2.read_tables(raw_folder(tmp_path, packed), "all")
    assert sum(map(len, found)) == rows
