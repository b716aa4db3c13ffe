"""Examples on disk come back as they were; a bad file or a full disk is one clear message."""

import errno
import os
import random
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from unittest import mock

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collectivesft import datasets
from collectivesft.common import files
from collectivesft.common.errors import InputError, explain_os_error
from collectivesft.common.files import read_json, write_json
from collectivesft.curated.read import read_dataset
from collectivesft.curated.storage import parquet as storage
from collectivesft.curated.storage.parquet import count_rows, read_examples, write_results
from collectivesft.schema.example import Drop, Example, arrow_schema
from collectivesft.schema.item import dump_item
from tests.helpers.curated_examples import drops, exam, ids, item, qa, same_bytes, save

TEXT = st.text(max_size=20)
FACTS = st.dictionaries(TEXT, st.none() | st.booleans() | st.integers() | TEXT | st.lists(TEXT))
EXAMPLES = st.builds(
    Example,
    id=TEXT,
    dataset=TEXT,
    style=st.sampled_from(["qa", "mcqa", "dialogue", "ner"]),
    language=st.sampled_from(["zh", "en"]),
    messages=st.lists(st.tuples(st.sampled_from(["user", "assistant"]), TEXT), max_size=4),
    meta=FACTS,
)


def written(examples: list) -> list[Example]:
    """Examples after a write and a read."""
    with tempfile.TemporaryDirectory() as folder:
        return list(read_examples(save(Path(folder) / "a.parquet", examples)))


class TestFile:
    @settings(max_examples=60, deadline=None, derandomize=True)
    @given(st.lists(EXAMPLES, max_size=6))
    def test_examples_come_back_as_they_were(self, examples):
        assert written(examples) == examples

    @pytest.mark.parametrize("batch", [1, 2, 5, 100])
    def test_in_order_whatever_the_batch(self, tmp_path, monkeypatch, batch):
        monkeypatch.setattr(storage, "BATCH", batch)
        examples = [qa(f"a:{n}") for n in range(11)]
        path = save(tmp_path / "a.parquet", examples)
        assert list(read_examples(path)) == examples and count_rows(path) == 11

    def test_dropped_rows_go_to_their_own_file(self, tmp_path):
        results = [qa("a:1"), Drop("b:x:2", "too_long", "文", "见 f，行 2"), qa("a:3")]
        write_results(results, tmp_path / "kept", tmp_path / "dropped")
        assert ids(read_examples(tmp_path / "kept")) == ["a:1", "a:3"]
        assert drops(tmp_path / "dropped") == [
            {
                "id": "b:x:2",
                "dataset": "b",
                "reason": "too_long",
                "text": "文",
                "detail": "见 f，行 2",
            }
        ]

    def test_files_without_rows_have_the_columns(self, tmp_path):
        path = save(tmp_path / "a.parquet", [])
        assert list(read_examples(path)) == [] and count_rows(path) == 0
        assert pq.read_schema(path).equals(arrow_schema())

    def test_an_error_on_the_way_leaves_neither_file(self, tmp_path):
        def results() -> Iterator[Example]:
            yield qa("a:1")
            raise InputError("raw.csv", "bad row", "Correct it", row=2)

        with pytest.raises(InputError, match=r"raw\.csv, row 2"):
            write_results(results(), tmp_path / "kept", tmp_path / "dropped")
        assert list(tmp_path.iterdir()) == []

    def test_same_input_same_bytes(self, tmp_path):
        results = [qa(f"a:{n}") for n in range(9)] + [Drop("a:9", "too_long")]
        assert (
            same_bytes(
                lambda folder: write_results(results, folder / "k", folder / "d"),
                tmp_path / "one",
                tmp_path / "two",
            )
            == 2
        )


def parquet(**columns: list) -> bytes:
    sink = pa.BufferOutputStream()
    pq.write_table(pa.table(columns), sink)
    return sink.getvalue().to_pybytes()


MESSAGES = pa.array([[{"role": "user", "content": "问"}]])
ROW = {"id": ["a:1"], "dataset": ["a"], "style": ["qa"], "language": ["zh"]}
ROW |= {"messages": MESSAGES, "meta": ["{}"]}


class TestBadFile:
    def assert_refused(self, path: Path, problem: str) -> None:
        with pytest.raises(InputError) as caught:
            list(read_examples(path))
        assert str(caught.value).startswith(f"{path}: {problem}")
        assert "run the step before again" in str(caught.value)

    @pytest.mark.parametrize(
        "content",
        [
            parquet(a=[1], b=["x"]),
            parquet(**{key: value for key, value in ROW.items() if key != "meta"}),
            parquet(**ROW, more=["x"]),
            parquet(**{**ROW, "messages": ["user: 问"]}),
            parquet(**{**ROW, "id": [1]}),
        ],
        ids=["others", "one missing", "one more", "messages as text", "a number as id"],
    )
    def test_a_table_with_other_columns_is_refused(self, tmp_path, content):
        (tmp_path / "a.parquet").write_bytes(content)
        self.assert_refused(tmp_path / "a.parquet", "not a table of examples (other columns)")

    @pytest.mark.parametrize(
        "content", [b"", b"id,dataset\n", b"PAR1", b"PAR1" + b"\0" * 40 + b"PAR1"]
    )
    def test_a_file_that_is_no_parquet_is_refused(self, tmp_path, content):
        (tmp_path / "a.parquet").write_bytes(content)
        self.assert_refused(tmp_path / "a.parquet", "not readable as Parquet")
        with pytest.raises(InputError, match="not readable as Parquet"):
            count_rows(tmp_path / "a.parquet")

    @pytest.mark.parametrize("damage", ["cut", "flip"])
    def test_a_damaged_file_is_refused(self, tmp_path, damage):
        path = save(tmp_path / "a.parquet", [qa(f"a:{n}", f"问{n}" * 50) for n in range(500)])
        data = bytearray(path.read_bytes())
        if damage == "cut":
            data = data[: len(data) // 2]
        else:
            data[4 : len(data) // 2] = b"\xff" * (len(data) // 2 - 4)
        path.write_bytes(bytes(data))
        self.assert_refused(path, "not readable as Parquet")

    def test_a_missing_file_is_an_error(self, tmp_path):
        for function in (count_rows, lambda path: list(read_examples(path))):
            with pytest.raises(FileNotFoundError) as caught:
                function(tmp_path / "a.parquet")
            assert explain_os_error(caught.value).startswith(f"{tmp_path}/a.parquet: no such file")

    def test_command_line_says_it_in_one_line(self, tmp_path, command):
        (tmp_path / "in.parquet").write_bytes(b"<html>")
        options = [f"--{name}={tmp_path / name}" for name in ("out", "dropped", "ledger")]
        code, errors = command(
            "curated", "clean", f"--examples={tmp_path / 'in.parquet'}", *options
        )
        assert code == 1 and errors.count("\n") == 1
        assert errors.startswith(f"error: {tmp_path}/in.parquet: not readable as Parquet")
        assert sorted(path.name for path in tmp_path.iterdir() if path.is_file()) == ["in.parquet"]


@pytest.mark.parametrize(
    ("rows", "why"),
    [("[]", "no rows"), ('["a", []]', "no usable row .*: malformed_row, .*row 1: not a list")],
    ids=["empty", "another form"],
)
def test_a_dataset_without_examples_leaves_no_file(rows, why, tmp_path):
    (tmp_path / "files").mkdir()
    (tmp_path / "files/train.json").write_text(rows)
    entry = {"path": "train.json", "size": len(rows), "sha256": "", "origin": "local"}
    files.write_json(tmp_path / "manifest.json", {"source": "medicaldialogue", "files": [entry]})
    paths = [tmp_path / "out" / name for name in ("read.parquet", "dropped.parquet", "ledger.json")]
    with pytest.raises(InputError, match=rf"manifest\.json: medicaldialogue has {why}"):
        read_dataset("medicaldialogue", tmp_path / "manifest.json", *paths)
    assert list((tmp_path / "out").iterdir()) == []


@pytest.fixture
def full_disk(tmp_path) -> Iterator[Path]:
    """A file system of 64 KiB."""
    if os.geteuid() != 0 or shutil.which("mount") is None:
        pytest.skip("only root can mount a small file system")
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(disk)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("mounting is not allowed here")
    yield disk
    # Lazily: the traceback of the error that a test caught may still hold a file open.
    subprocess.run(["umount", "-l", str(disk)], check=True)


def large(count: int = 400) -> list[Example]:
    """Examples that do not compress to less than the small disk holds."""
    return [qa(f"a:{n}", os.urandom(150).hex(), os.urandom(150).hex()) for n in range(count)]


class TestFullDisk:
    @pytest.mark.parametrize(
        "write",
        [
            lambda path: files.write_text(path, "x" * 100_000),
            lambda path: files.write_json(path, ["x" * 100_000]),
            lambda path: files.write_jsonl(path, [{"x": "x" * 1000}] * 100),
            lambda path: save(path, large()),
        ],
        ids=["text", "json", "jsonl", "parquet"],
    )
    def test_every_writer_names_the_file_and_leaves_nothing(self, full_disk, write):
        with pytest.raises(OSError) as caught:
            write(full_disk / "out")
        assert caught.value.errno == errno.ENOSPC
        message = explain_os_error(caught.value)
        assert message.startswith(f"{full_disk}/out") and "no space left on the disk" in message
        assert list(full_disk.iterdir()) == []

    def test_what_was_there_before_stays(self, full_disk):
        files.write_text(full_disk / "out", "old")
        with pytest.raises(OSError):
            files.write_text(full_disk / "out", "x" * 100_000)
        assert (full_disk / "out").read_text() == "old"

    @pytest.mark.parametrize("verb", ["clean", "dedup", "decontaminate", "mix", "items"])
    def test_each_verb_ends_with_one_message(self, full_disk, tmp_path, command, verb):
        source = save(tmp_path / "in.parquet", large())
        outputs = {"out": "out.parquet", "dropped": "dropped.parquet", "ledger": "ledger.json"}
        extra = []
        if verb == "decontaminate":
            line = dump_item(item("1", "甲乙丙丁戊己庚辛壬癸")) + "\n"
            (tmp_path / "items.jsonl").write_text(line, encoding="utf-8")
            outputs["report"] = "report.json"
            extra = [f"--items={tmp_path / 'items.jsonl'}"]
        if verb == "mix":
            (tmp_path / "some.yaml").write_text("mixture: {}\n")
            outputs = {"out": "out.parquet", "validation": "v.parquet", "ledger": "l.json"}
            outputs["stats"] = "stats.json"
            extra = [f"--recipe={tmp_path / 'some.yaml'}"]
        if verb == "items":
            outputs, extra = {"out": "items.jsonl"}, ["--benchmark=cmb_clin"]
            extra.append(f"--manifest={self.cases(tmp_path)}")
        else:
            extra.append(f"--examples={source}")
        places = [f"--{name}={full_disk / file}" for name, file in outputs.items()]
        code, errors = command("curated", verb, *extra, *places)
        lines = [line for line in errors.splitlines() if line.startswith("error: ")]
        assert code == 1 and "Traceback" not in errors and len(lines) == 1
        assert lines[0].startswith(f"error: {full_disk}/") and "no space left" in lines[0]
        assert list(full_disk.iterdir()) == []

    def cases(self, folder: Path) -> Path:
        """A manifest of clinical cases that need more than the small disk."""
        pair = {"question": "如何治疗？", "solution": "x" * 2000}
        cases = [{"id": n, "description": "病例", "QA_pairs": [pair]} for n in range(100)]
        files.write_json(folder / "files" / "cases.json", cases)
        size = (folder / "files" / "cases.json").stat().st_size
        entry = {"path": "cases.json", "size": size, "sha256": "", "origin": "local"}
        files.write_json(folder / "manifest.json", {"source": "cmb_clin", "files": [entry]})
        return folder / "manifest.json"


def test_exam_facts_survive(tmp_path):
    example = exam("a:1", "题", {"A": "甲", "B": "乙"}, "A")
    assert list(read_examples(save(tmp_path / "a.parquet", [example]))) == [example]


def test_memory_does_not_grow_with_the_row_groups(tmp_path, monkeypatch):
    """Arrow keeps what it read of all row groups that one call asks for."""
    monkeypatch.setattr(storage, "GROUP", 64)
    generator = random.Random(7)
    rows = [qa(f"a:{n}", generator.randbytes(8000).hex()) for n in range(64 * 30)]
    path = save(tmp_path / "in.parquet", rows)
    del rows
    before, most = pa.total_allocated_bytes(), 0
    for batch in storage.read_batches(path):
        del batch
        most = max(most, pa.total_allocated_bytes() - before)
    assert most < 6 * 64 * 16_000, "of 30 row groups a few at most"


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.lists(st.integers(0, 300), max_size=12), st.integers(1, 2000))
def test_pieces_are_the_rows_in_order_and_no_larger_than_they_may_be(lengths, most):
    rows = [qa(f"a:{n}", "a" * length) for n, length in enumerate(lengths)]
    batch = storage.example_table(rows).combine_chunks().to_batches()
    batch = batch[0] if batch else pa.RecordBatch.from_pylist([], arrow_schema())
    with mock.patch.object(storage, "PIECE", most):
        cut = list(storage.pieces(batch))
    assert [row for piece in cut for row in storage.examples_of(piece)] == rows
    # Rows of one length: each piece is within the limit, or a single row.
    even = len(set(lengths)) < 2
    assert cut and all(len(piece) <= 1 or not even or piece.nbytes <= 1.2 * most for piece in cut)


def test_bytes_follow_from_the_rows_and_not_from_the_pieces_that_they_came_in(tmp_path):
    texts = random.Random(5)
    rows = [
        qa(f"a:{n}", "问" * 60, "答" * texts.randrange(80, 160)) for n in range(storage.GROUP + 900)
    ]
    table, written = storage.example_table(rows), set()
    for size in (1000, 2048, len(rows)):
        with storage.Writer(tmp_path / "pieces.parquet", arrow_schema()) as writer:
            for start in range(0, len(rows), size):
                writer.add_table(table.slice(start, size))
        written.add((tmp_path / "pieces.parquet").read_bytes())
    assert len(written) == 1


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"language": "cn"}, "its language 'cn' is none of zh, en"),
        ({"style": "chat"}, "its style 'chat' is none of"),
        ({"id": "other:1"}, "its id 'other:1' does not begin with cmid:"),
        ({"id": "cmid:"}, "its id 'cmid:'"),
        ({"dataset": "cmb"}, "its dataset is 'cmb'"),
        ({"messages": [("user", "甲")]}, "its turns are user, not user, assistant"),
        ({"messages": [("user", "甲"), ("assistant", "")]}, "a turn is empty"),
        ({"messages": []}, "its turns are none"),
        ({"style": "mcqa"}, "its meta has no question, options, answer"),
    ],
)
def test_an_example_that_no_step_expects_is_an_error(tmp_path, monkeypatch, changes, problem):
    """A new reader's slip is named at once, with file and row."""
    fields = {"id": "cmid:1", "dataset": "cmid", "style": "qa", "language": "zh"}
    fields |= {"messages": [("user", "甲"), ("assistant", "乙")], "meta": {"file": "a", "row": 7}}
    monkeypatch.setattr(
        datasets.get("cmid"), "read", lambda raw, **_: [Example(**fields | changes)]
    )
    write_json(tmp_path / "manifest.json", {"source": "datasets/cmid", "files": []})
    paths = [tmp_path / name for name in ("kept", "dropped", "ledger")]
    with pytest.raises(InputError) as caught:
        read_dataset("cmid", tmp_path / "manifest.json", *paths)
    assert problem in str(caught.value) and "files/a, row 7" in str(caught.value)
    assert not any(path.exists() for path in paths)


def test_a_file_whose_answers_are_often_no_option_is_an_error(tmp_path, monkeypatch):
    """Options numbered or ordered otherwise: a tenth of the rows shows it."""
    rows = [qa(f"cmid:{i}") for i in range(100)]
    wrong = [Drop(f"cmid:{i}", "bad_answer") for i in range(100, 112)]
    monkeypatch.setattr(datasets.get("cmid"), "read", lambda raw, **_: [*rows, *wrong])
    write_json(tmp_path / "manifest.json", {"source": "datasets/cmid", "files": []})
    with pytest.raises(InputError, match="cmid: the answers of 12 of 112 questions are none of"):
        read_dataset("cmid", tmp_path / "manifest.json", *(tmp_path / name for name in "abc"))


def test_the_ledger_says_which_of_two_forms_was_read(tmp_path, monkeypatch):
    monkeypatch.setattr(datasets.get("medmcqa"), "read", lambda raw, **_: [qa("medmcqa:1")])
    write_json(tmp_path / "manifest.json", {"source": "datasets/medmcqa", "files": []})
    paths = [tmp_path / name for name in ("kept", "dropped", "ledger")]
    monkeypatch.setattr(datasets.get("medmcqa"), "form", lambda raw: "a.json: cop counts from 1")
    read_dataset("medmcqa", tmp_path / "manifest.json", *paths)
    assert read_json(paths[2])["forms"] == {"medmcqa": "a.json: cop counts from 1"}


def test_a_file_that_polars_or_pandas_wrote_again_is_read(tmp_path: Path):
    """They write large texts; pandas gives up the order of a struct's fields for none."""
    import polars

    rows = [qa("a:1"), exam("a:2", "缺铁性贫血首选", {"A": "铁剂", "B": "输血"}, "A")]
    first = save(tmp_path / "a.parquet", rows)
    polars.read_parquet(first).write_parquet(tmp_path / "polars.parquet")
    table = pq.read_table(first)
    text = pa.large_string()
    turn = pa.struct([("role", text), ("content", text)])
    schema = [(name, text) for name in ("id", "dataset", "style", "language")]
    large = pa.schema([*schema, ("messages", pa.large_list(turn)), ("meta", text)])
    pq.write_table(table.cast(large), tmp_path / "large.parquet")
    index = table.schema.get_field_index("dataset")
    coded = table.set_column(index, "dataset", table.column("dataset").dictionary_encode())
    pq.write_table(coded, tmp_path / "coded.parquet")
    for name in ("polars", "large", "coded"):
        path = tmp_path / f"{name}.parquet"
        assert list(read_examples(path)) == rows
        assert all(batch.schema == arrow_schema() for batch in storage.read_batches(path))
        (part,) = storage.read_batches(path, columns=["id", "messages"])
        assert part.schema.names == ["id", "messages"]


def test_another_table_is_still_refused(tmp_path: Path):
    pq.write_table(pa.table({"id": [1]}), tmp_path / "a.parquet")
    with pytest.raises(InputError, match="not a table of examples"):
        list(read_examples(tmp_path / "a.parquet"))
