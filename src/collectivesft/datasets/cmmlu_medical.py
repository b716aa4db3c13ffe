"""CMMLU, nine medical subjects: the dev questions, for training on real input."""

from collections.abc import Iterator
from pathlib import PurePosixPath

from collectivesft.readers.mcqa import mcqa
from collectivesft.readers.row import Row, beginnings
from collectivesft.readers.table_rows import csv_rows
from collectivesft.schema.example import Drop, Example
from collectivesft.sources.archive import Part
from collectivesft.sources.folder import RawFolder
from collectivesft.sources.spec import Https, RawFile, Source

_BASE = (
    "https://raw.githubusercontent.com/haonan-li/CMMLU/"
    "d6e7b716d8ac694f38969a6c0407437d1fded799/data/"
)
SUBJECTS = {
    "anatomy": "解剖学",
    "clinical_knowledge": "临床知识",
    "college_medical_statistics": "医学统计学",
    "college_medicine": "大学医学",
    "genetics": "遗传学",
    "nutrition": "营养学",
    "professional_medicine": "专业医学",
    "traditional_chinese_medicine": "中医中药",
    "virology": "病毒学",
}

SOURCE = Source(
    name="cmmlu_medical",
    title="CMMLU, medical subjects (dev)",
    homepage="https://github.com/haonan-li/CMMLU",
    licence="CC BY-NC-SA 4.0",
    citation="li2024cmmlu",
    files=tuple(
        RawFile(f"dev/{name}.csv", (Https(f"{_BASE}dev/{name}.csv"),)) for name in SUBJECTS
    ),
    rows=45,
    notes=("Five questions a subject. None of the paper's datasets: a substitute on real input.",),
    origin="Questions of Chinese exams and exercises in nine medical subjects.",
    annotation="The answer keys of the exams.",
)

# This project's own, after the paper's for other Chinese exams.
PROMPT = "这是{subject}考试的题目。\n\n{question}\n{options}"
_OPTIONS = ("A", "B", "C", "D")


def read(raw: RawFolder) -> Iterator[Example | Drop]:
    """Yield an example per question of every CSV file that the manifest lists."""
    for name, key in beginnings("cmmlu_medical", raw.names, named=True):
        subject = PurePosixPath(name).stem
        for row in csv_rows(Part.of(raw, name), ("Question", *_OPTIONS, "Answer")):
            yield _example(row, f"{key}:{row.number}", subject)


def _example(row: Row, id: str, subject: str) -> Example | Drop:
    if row.value is None:
        return row.drop(id, "malformed_row", detail="another number of fields than the header")
    title = SUBJECTS.get(subject, subject)
    texts = {name: row.text(name) for name in _OPTIONS}
    options = {name: text for name, text in texts.items() if text}
    gold, question = row.text("Answer"), row.text("Question")
    facts = {"exam": f"中国{title}考试", "words": {"subject": title}, "category": subject}
    return mcqa(row, id, "cmmlu_medical", "zh", PROMPT, question, options, gold, **facts)
