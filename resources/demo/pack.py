"""Pack resources/demo/authored/*.jsonl into raw/, in each upstream's own container and encoding.

    python resources/demo/pack.py [FOLDER]     (default: resources/demo/raw)

The authored rows have upstream's field names; ``_file`` says which raw file or exam a row goes to
and ``_note`` why a broken row is there. The same rows give the same bytes; a test compares.
"""

import csv
import io
import json
import sys
import zipfile
from collections.abc import Callable, Iterable
from hashlib import sha256
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

HERE = Path(__file__).parent
Rows = list[dict[str, Any]]
DEPARTMENTS = {
    "男科": "Andriatria_男科/男科5-13000.csv",
    "内科": "IM_内科/内科5000-33000.csv",
    "妇产科": "OAGD_妇产科/妇产科6-28000.csv",
    "肿瘤科": "Oncology_肿瘤科/肿瘤科5-10000.csv",
    "儿科": "Pediatric_儿科/儿科5-14000.csv",
    "外科": "Surgical_外科/外科5-14000.csv",
}


def authored(name: str) -> Rows:
    """Rows of authored/NAME.jsonl."""
    lines = (HERE / "authored" / f"{name}.jsonl").read_text(encoding="utf-8").split("\n")
    return [json.loads(line) for line in lines if line]


def plain(rows: Iterable[dict]) -> Rows:
    """Rows without the authors' own keys."""
    return [{key: value for key, value in row.items() if key[0] != "_"} for row in rows]


def of_file(rows: Rows, file: str) -> Rows:
    """Plain rows of one file."""
    return plain(row for row in rows if row["_file"] == file)


def zipped(members: dict[str, bytes]) -> bytes:
    """A zip archive with fixed dates."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            info = zipfile.ZipInfo(name, (2024, 1, 1, 0, 0, 0))
            info.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(info, data)
    return stream.getvalue()


def parquet(rows: Rows) -> bytes:
    """A Parquet file."""
    stream = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(rows), stream)
    return stream.getvalue()


def table(rows: Iterable[Iterable[Any]], encoding: str = "utf-8") -> bytes:
    """CSV."""
    stream = io.StringIO()
    csv.writer(stream, lineterminator="\n").writerows(rows)
    return stream.getvalue().encode(encoding)


def jsonl(rows: Iterable[Any]) -> bytes:
    """JSON Lines."""
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode()


def array(rows: Iterable[Any]) -> bytes:
    """An indented JSON array."""
    return (json.dumps(list(rows), ensure_ascii=False, indent=2) + "\n").encode()


def pubmedqa(rows: Rows) -> dict[str, bytes]:
    """Three Parquet files, one a configuration."""
    configs = ("pqa_artificial", "pqa_labeled", "pqa_unlabeled")
    return {f"{c}/train-00000-of-00001.parquet": parquet(of_file(rows, c)) for c in configs}


def headqa(rows: Rows) -> dict[str, bytes]:
    """A JSON object of exams in a zip."""
    names = dict.fromkeys(row["_file"] for row in rows)
    exams = {name: {"data": of_file(rows, name)} for name in names}
    text = json.dumps({"exams": exams, "language": "en", "version": 1.0}, ensure_ascii=False)
    return {"head-qa-es-en-pdfs.zip": zipped({"HEAD_EN/train_HEAD_EN.json": text.encode()})}


def cmedqa2(rows: Rows) -> dict[str, bytes]:
    """Questions, answers and candidate pairs: three CSV files, each in a zip."""
    questions = [["question_id", "content"]]
    answers = [["ans_id", "question_id", "content"]]
    candidates = [["question_id", "pos_ans_id", "neg_ans_id"]]
    for row in rows:
        questions.append([row["question_id"], row["content"]])
        for answer in row["answers"]:
            answers.append([answer["ans_id"], row["question_id"], answer["content"]])
            if row["_split"] == "train":
                pair = [row["question_id"], answer["ans_id"]]
                candidates += [[*pair, wrong] for wrong in row["wrong"]]
    return {
        "question.zip": zipped({"question.csv": table(questions)}),
        "answer.zip": zipped({"answer.csv": table(answers)}),
        "train_candidates.zip": zipped({"train_candidates.txt": table(candidates)}),
    }


def cmeddialogue(rows: Rows) -> dict[str, bytes]:
    """Six CSV files in GB18030."""
    columns = ["department", "title", "ask", "answer"]
    return {
        f"Data_数据/{path}": table(
            [columns, *([row[c] for c in columns] for row in of_file(rows, department))], "gb18030"
        )
        for department, path in DEPARTMENTS.items()
    }


def webmedqa(rows: Rows) -> dict[str, bytes]:
    """Tab-separated, without a header, in a zip."""
    columns = ("department", "label", "question_id", "question", "answer")
    lines = ("\t".join(row[column] for column in columns) + "\n" for row in rows)
    return {"train.zip": zipped({"medQA.train.txt": "".join(lines).encode()})}


def mlecqa(rows: Rows) -> dict[str, bytes]:
    """A JSON array a subject."""
    names = ("Clinic", "Stomatology", "PublicHealth", "TCM", "CWM")
    return {f"{name}_train.json": array(of_file(rows, name)) for name in names}


def medqa(rows: Rows) -> dict[str, bytes]:
    """JSON Lines a region, in a zip."""
    regions = ("US", "Mainland", "Taiwan")
    members = {
        f"data_clean/questions/{region}/train.jsonl": jsonl(of_file(rows, region))
        for region in regions
    }
    return {"data_clean.zip": zipped(members)}


PACK: dict[str, Callable[[Rows], dict[str, bytes]]] = {
    "pubmedqa": pubmedqa,
    "medmcqa": lambda rows: {"data/train-00000-of-00001.parquet": parquet(plain(rows))},
    "headqa": headqa,
    "cmedqa2": cmedqa2,
    "cmeddialogue": cmeddialogue,
    "webmedqa": webmedqa,
    "medicaldialogue": lambda rows: {
        "processed.zh/train_data.json": array(row["dialogue"] for row in rows)
    },
    "cmid": lambda rows: {"CMID.json": array(plain(rows))},
    "nlpec": lambda rows: {"NLPEC_public_data/train.json": jsonl(plain(rows))},
    "mlecqa": mlecqa,
    "discmed": lambda rows: {"DISC-Med-SFT_released.jsonl": jsonl(plain(rows))},
    "medqa": medqa,
}


def leaked(target: str, tests: dict[int, dict]) -> Rows:
    """Test questions that stand in the training data on purpose, some of them reworded."""
    rows = []
    for leak in authored("leaks"):
        if leak["_target"] == target:
            row = tests[leak["test_id"]]
            rows.append(row | {"question": leak.get("paraphrase", row["question"])})
    return rows


def mlecqa_row(row: dict) -> dict[str, Any]:
    """A question of CMB's layout in MLEC-QA's."""
    fields = {"qid": f"leak-{row['id']}", "qtype": "A1型题", "qtext": row["question"], "qimage": ""}
    return {"_file": "Clinic", **fields, "options": row["option"], "answer": row["answer"]}


def benchmarks(tests: Rows) -> dict[str, dict[str, bytes]]:
    """CMB's val, test and key, and CMB-Clin."""
    facts = ("id", "exam_type", "exam_class", "exam_subject", "question_type", "answer")
    questions = [{key: value for key, value in row.items() if key != "answer"} for row in tests]
    return {
        "cmb": {
            "CMB-Exam/CMB-val/CMB-val-merge.json": array(plain(authored("cmb_val"))),
            "CMB-Exam/CMB-test/CMB-test-choice-question-merge.json": array(questions),
            "CMB-test-choice-answer.json": array({key: row[key] for key in facts} for row in tests),
        },
        "cmb_clin": {"CMB-Clin/CMB-Clin-qa.json": array(plain(authored("cmb_clin")))},
    }


def everything() -> dict[str, bytes]:
    """Path below raw/ to content, for all files."""
    tests = plain(authored("cmb_test"))
    by_id = {row["id"]: row for row in tests}
    packed = {}
    for name, pack in PACK.items():
        extra = [mlecqa_row(row) for row in leaked(name, by_id)] if name == "mlecqa" else []
        contents = pack(authored(name) + extra)
        packed |= {f"datasets/{name}/{path}": data for path, data in contents.items()}
    train = plain(authored("cmb_train_1") + authored("cmb_train_2"))
    train += [{k: v for k, v in row.items() if k != "id"} for row in leaked("cmb", by_id)]
    packed["datasets/cmb/CMB-Exam/CMB-train/CMB-train-merge.json"] = array(train)
    for name, contents in benchmarks(tests).items():
        packed |= {f"benchmarks/{name}/{path}": data for path, data in contents.items()}
    return dict(sorted(packed.items()))


def main(folder: Path) -> None:
    """Write all files and SHA256SUMS, the list of their checksums."""
    sums = []
    for name, data in everything().items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        sums.append(f"{sha256(data).hexdigest()}  {name}\n")
    (folder / "SHA256SUMS").write_text("".join(sums), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else HERE / "raw")
