"""CMB-train: the training part of the Comprehensive Medical Benchmark in Chinese."""

from collections.abc import Iterator

from collectivesft.datasets._json import array_rows
from collectivesft.datasets._mcqa import chinese_prompt, mcqa
from collectivesft.datasets._rows import Row
from collectivesft.example import Drop, Example
from collectivesft.raw.archive import Part
from collectivesft.raw.folder import RawFolder
from collectivesft.sources import Hub, RawFile, Source

_FILE = "CMB-Exam/CMB-train/CMB-train-merge.json"
_REVISION = "d74a6543e955a6ee2c8d1ccf413ac1332857f7f6"

SOURCE = Source(
    name="cmb",
    title="CMB-train",
    homepage="https://huggingface.co/datasets/FreedomIntelligence/CMB",
    licence="Apache-2.0",
    citation="wang2024cmb",
    files=(RawFile(_FILE, (Hub("FreedomIntelligence/CMB", _REVISION, _FILE),)),),
    rows=269_359,
    notes=(
        "`option` is an object (A to F; absent options are empty texts).",
        "A user's audit found 12 % duplicates in it, and 14.6 % of CMB-val.",
    ),
)


def read(raw: RawFolder) -> Iterator[Example | Drop]:
    """Yield an example per question, in CMB's answer-only form."""
    for name in raw.names:
        for row in array_rows(Part.of(raw, name)):
            yield _example(row, f"cmb:{row.number}")


def _example(row: Row, id: str) -> Example | Drop:
    exam_type, exam_class = row.text("exam_type"), row.text("exam_class")
    kind = row.text("question_type")
    prompt = chinese_prompt(f"中国{exam_type}中{exam_class}考试", kind)
    question, options = row.text("question"), row.options("option")
    facts = {"category": exam_type, "subcategory": exam_class, "question_type": kind}
    return mcqa(row, id, "cmb", "zh", prompt, question, options, row.text("answer"), **facts)
