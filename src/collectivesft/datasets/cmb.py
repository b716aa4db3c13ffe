"""CMB-train: the training part of the Comprehensive Medical Benchmark in Chinese."""

from collections.abc import Iterator

from collectivesft.readers.json_rows import array_rows
from collectivesft.readers.mcqa import letters, mcqa, without_marks
from collectivesft.readers.reader_options import PAPER_FORM
from collectivesft.readers.row import Row, beginnings
from collectivesft.schema.example import Drop, Example
from collectivesft.sources.archive import Part
from collectivesft.sources.folder import RawFolder
from collectivesft.sources.spec import Hub, RawFile, Source

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
        "An option beyond A to E that is one digit is taken for a scraped mark of the right one "
        "and left out (`meta.left_out`). Unverified: a public audit found such in CMB's test file.",
        "A user's audit found 12 % duplicates in it, and 14.6 % of CMB-val.",
    ),
    origin="Questions of Chinese medical exams from public mock exams, exercises and collections.",
    annotation="The answer keys of the exams.",
)

# As the paper's code asks (preprocess/cmb_to_sft.py).
PROMPT = "该问题源自{exam_type}，面向{exam_class}中的{exam_subject}。\n\n{question}\n{options}"
OPTIONS = (PAPER_FORM,)


def read(raw: RawFolder, form: str = "corrected") -> Iterator[Example | Drop]:
    """Yield an example per question."""
    for name, key in beginnings("cmb", raw.names):
        for row in array_rows(Part.of(raw, name)):
            yield _example(row, f"{key}:{row.number}", form == "paper")


def _example(row: Row, id: str, paper: bool) -> Example | Drop:
    exam_type, exam_class = row.text("exam_type"), row.text("exam_class")
    words = {"exam_type": exam_type, "exam_class": exam_class}
    words["exam_subject"] = subject = row.optional("exam_subject")
    prompt = PROMPT if subject else PROMPT.replace("中的{exam_subject}", "")
    question, answer = row.text("question"), row.text("answer")
    options, marks = without_marks(row.options("option"), letters(answer))
    facts = {"category": exam_type, "subcategory": exam_class}
    facts |= {"question_type": row.text("question_type")}
    facts |= {"left_out": marks} if marks else {}
    return mcqa(
        row, id, "cmb", "zh", prompt, question, options, answer,
        exam=f"中国{exam_type}中{exam_class}考试", words=words,
        paper=row.options("option", empty=True) if paper else None, **facts,
    )  # fmt: skip
