"""Writes made-up examples as raw files, each dataset in the container and encoding of its upstream.

The readers give them the ids that ``id_of`` foretells, so that planted rows are found again.
"""

import csv
import io
import itertools
import json
import random
import zipfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO

import pyarrow as pa
import pyarrow.parquet as pq

from collectivesft import datasets
from collectivesft.common.files import sha256, write_json
from collectivesft.schema.example import Example

_EXAM = "Cuaderno_2013_1_M"
_STEM = "男科5-13000"
# Lines of train_candidates.txt for each question, as its 110 MB have.
CANDIDATES = 50
_IDS = {
    "pubmedqa": lambda n: f"{n}",
    "medmcqa": lambda n: f"{n}",
    "headqa": lambda n: f"{_EXAM}:{n}",
    "cmedqa2": lambda n: f"{n}-{n}",
    "cmeddialogue": lambda n: f"{_STEM}:{n + 2}",
    "mlecqa": lambda n: f"Clinic:{n}",
    "medqa": lambda n: f"Mainland:{n + 1}",
}


def id_of(name: str, n: int) -> str:
    """The id that the reader of a dataset gives its ``n``-th row, from 0."""
    return f"{name}:{_IDS.get(name, lambda n: f'{n + 1}')(n)}"


def write(name: str, rows: Iterable[Example], folder: Path) -> None:
    """Write one dataset's rows as ``files/...`` and their manifest."""
    _WRITE[name](rows, folder / "files")
    files = []
    for path in sorted(path for path in (folder / "files").rglob("*") if path.is_file()):
        entry = {"path": str(path.relative_to(folder / "files")), "size": path.stat().st_size}
        files.append({**entry, "sha256": sha256(path), "origin": "made up"})
    write_json(folder / "manifest.json", {"source": f"datasets/{name}", "files": files})


def _array(rows: Iterable[Any], path: Path) -> None:
    """A JSON array."""
    with _text(path) as handle:
        before = "[\n"
        for row in rows:
            handle.write(before + json.dumps(row, ensure_ascii=False))
            before = ",\n"
        handle.write("\n]\n")


def _lines(rows: Iterable[Any], handle: TextIO) -> None:
    """JSON Lines."""
    for row in rows:
        handle.write(json.dumps(row, ensure_ascii=False) + "\n")


def _parquet(rows: Iterator[dict], path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    writer = None
    while batch := list(itertools.islice(rows, 10_000)):
        table = pa.Table.from_pylist(batch)
        writer = writer or pq.ParquetWriter(path, table.schema)
        writer.write_table(table)
    writer.close()


@contextmanager
def _text(path: Path, encoding: str = "utf-8") -> Iterator[TextIO]:
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "w", encoding=encoding, newline="") as handle:
        yield handle


@contextmanager
def _member(archive: zipfile.ZipFile, name: str) -> Iterator[TextIO]:
    with (
        archive.open(name, "w", force_zip64=True) as raw,
        io.TextIOWrapper(raw, encoding="utf-8", newline="") as handle,
    ):
        yield handle


@contextmanager
def _zip(path: Path) -> Iterator[zipfile.ZipFile]:
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        yield archive


def _pubmedqa(rows: Iterable[Example], files: Path) -> None:
    def values() -> Iterator[dict]:
        for n, example in enumerate(rows):
            text, answer = (text for _, text in example.messages)
            question = " ".join(text.split(" ")[:12])
            contexts = {"contexts": [text], "labels": ["A"], "meshes": ["B"]}
            facts = {"long_answer": answer, "final_decision": "yes"}
            yield {"pubid": n, "question": question, "context": contexts, **facts}

    _parquet(values(), files / datasets.get("pubmedqa").SOURCE.files[0].path)


def _medmcqa(rows: Iterable[Example], files: Path) -> None:
    def values() -> Iterator[dict]:
        for n, example in enumerate(rows):
            meta = example.meta
            shown = {f"op{letter.lower()}": text for letter, text in meta["options"].items()}
            facts = {"cop": "ABCD".index(meta["answer"]), "exp": None, "subject_name": "Medicine"}
            yield {"id": f"{n}", "question": meta["question"], **shown, **facts}

    _parquet(values(), files / datasets.get("medmcqa").SOURCE.files[0].path)


def _headqa(rows: Iterable[Example], files: Path) -> None:
    data = []
    for n, example in enumerate(rows):
        meta = example.meta
        texts = meta["options"].values()
        answers = [{"aid": i, "atext": text} for i, text in enumerate(texts, start=1)]
        right = str("ABCDE".index(meta["answer"]) + 1)
        question = {"qid": f"{n}", "qtext": meta["question"], "ra": right, "image": ""}
        data.append({**question, "answers": answers})
    name = datasets.get("headqa").SOURCE.files[0].path
    with _zip(files / name) as archive, _member(archive, datasets.get("headqa").MEMBER) as handle:
        json.dump({"exams": {_EXAM: {"data": data}}}, handle)


def _cmedqa2(rows: Iterable[Example], files: Path) -> None:
    asked = 0
    with (
        _zip(files / "answer.zip") as answers,
        _zip(files / "question.zip") as questions,
        _member(answers, "answer.csv") as said,
        _member(questions, "question.csv") as wanted,
    ):
        said.write("ans_id,question_id,content\n")
        wanted.write("question_id,content\n")
        for asked, example in enumerate(rows, start=1):
            (_, question), (_, answer) = example.messages
            csv.writer(said).writerow([asked - 1, asked - 1, answer])
            csv.writer(wanted).writerow([asked - 1, question])
    _candidates(asked, files / "train_candidates.zip")


def _candidates(questions: int, path: Path) -> None:
    """The right answer of each question and wrong ones at random, as upstream lists them."""
    chance = random.Random(3)
    with _zip(path) as archive, _member(archive, "train_candidates.txt") as handle:
        handle.write("question_id,ans_id,cnt,label\n")
        for n in range(questions):
            others = (chance.randrange(questions) for _ in range(CANDIDATES - 1))
            handle.write(f"{n},{n},0,1\n")
            handle.writelines(f"{n},{other},0,0\n" for other in others if other != n)


def _cmeddialogue(rows: Iterable[Example], files: Path) -> None:
    with _text(files / f"Data_数据/Andriatria_男科/{_STEM}.csv", "gb18030") as handle:
        table = csv.writer(handle, lineterminator="\n")
        table.writerow(datasets.get("cmeddialogue").COLUMNS)
        for example in rows:
            (_, question), (_, answer) = example.messages
            table.writerow(["男科", "", question, answer])


def _webmedqa(rows: Iterable[Example], files: Path) -> None:
    with _zip(files / "train.zip") as archive, _member(archive, "medQA.train.txt") as handle:
        for n, example in enumerate(rows):
            (_, question), (_, answer) = example.messages
            handle.write(f"内科\t1\t{n}\t{question}\t{answer}\n")


def _medicaldialogue(rows: Iterable[Example], files: Path) -> None:
    marks = {"user": "病人：", "assistant": "医生："}
    talks = ([marks[role] + text for role, text in example.messages] for example in rows)
    _array(talks, files / datasets.get("medicaldialogue").SOURCE.files[0].path)


def _cmid(rows: Iterable[Example], files: Path) -> None:
    def values() -> Iterator[dict]:
        for example in rows:
            (_, question), (_, answer) = example.messages
            entity = {"label_type": "疾病和诊断", "start_pos": 0, "end_pos": 2}
            labels = {"label_4class": ["'病症'"], "label_36class": [f"'{answer}'"]}
            yield {"originalText": question, "entities": [entity], "seg_result": [], **labels}

    _array(values(), files / "CMID.json")


def _nlpec(rows: Iterable[Example], files: Path) -> None:
    def values() -> Iterator[dict]:
        for example in rows:
            meta = example.meta
            answer = [str("ABCDE".index(meta["answer"]) + 1)]
            facts = {"option": list(meta["options"].values()), "answer": answer, "context": []}
            yield {"questionText": meta["question"], **facts}

    with _text(files / "NLPEC_public_data/train.json") as handle:
        _lines(values(), handle)


def _mlecqa(rows: Iterable[Example], files: Path) -> None:
    questions = (
        {"qid": f"{n}", "qtype": "A1", "qtext": example.meta["question"], "qimage": ""}
        | {name: example.meta[name] for name in ("options", "answer")}
        for n, example in enumerate(rows)
    )
    _array(questions, files / "Clinic_train.json")


def _discmed(rows: Iterable[Example], files: Path) -> None:
    talks = (
        {"source": "x", "conversation": [{"role": r, "content": t} for r, t in example.messages]}
        for example in rows
    )
    with _text(files / datasets.get("discmed").SOURCE.files[0].path) as handle:
        _lines(talks, handle)


def _medqa(rows: Iterable[Example], files: Path) -> None:
    def values() -> Iterator[dict]:
        for example in rows:
            meta = example.meta
            right = {"answer": meta["options"][meta["answer"]], "answer_idx": meta["answer"]}
            yield {"question": meta["question"], "options": meta["options"], **right}

    members = {"US": (), "Mainland": values(), "Taiwan": ()}
    with _zip(files / datasets.get("medqa").SOURCE.files[0].path) as archive:
        for region, lines in members.items():
            with _member(archive, f"data_clean/questions/{region}/train.jsonl") as handle:
                _lines(lines, handle)


def _cmb(rows: Iterable[Example], files: Path) -> None:
    facts = {"exam_type": "医师考试", "exam_class": "规培结业", "exam_subject": "内科"}
    facts["question_type"] = "单项选择题"
    questions = (
        {**facts, "question": example.meta["question"], "answer": example.meta["answer"]}
        | {"option": example.meta["options"]}
        for example in rows
    )
    _array(questions, files / datasets.get("cmb").SOURCE.files[0].path)


_WRITE: dict[str, Callable[[Iterable[Example], Path], None]] = {
    "pubmedqa": _pubmedqa,
    "medmcqa": _medmcqa,
    "headqa": _headqa,
    "cmedqa2": _cmedqa2,
    "cmeddialogue": _cmeddialogue,
    "webmedqa": _webmedqa,
    "medicaldialogue": _medicaldialogue,
    "cmid": _cmid,
    "nlpec": _nlpec,
    "mlecqa": _mlecqa,
    "discmed": _discmed,
    "medqa": _medqa,
    "cmb": _cmb,
}
