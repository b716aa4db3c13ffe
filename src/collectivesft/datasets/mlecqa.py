"""MLEC-QA: questions of the Chinese national medical licensing exams, five subjects."""

from collections.abc import Iterator
from pathlib import PurePosixPath

from collectivesft.readers.json_rows import array_rows
from collectivesft.readers.mcqa import mcqa
from collectivesft.readers.reader_options import PAPER_FORM
from collectivesft.readers.row import Ids, Row
from collectivesft.schema.example import Drop, Example
from collectivesft.sources.archive import Part
from collectivesft.sources.folder import RawFolder
from collectivesft.sources.spec import RawFile, Source

SUBJECTS = {
    "Clinic": "临床",
    "Stomatology": "口腔",
    "PublicHealth": "公共卫生",
    "TCM": "中医",
    "CWM": "中西医结合",
}

SOURCE = Source(
    name="mlecqa",
    title="MLEC-QA",
    homepage="https://github.com/Judenpech/MLEC-QA",
    licence="MIT (repository)",
    citation="li2021mlecqa",
    access="google_drive",
    files=tuple(RawFile(f"{subject}_train.json") for subject in SUBJECTS),
    rows=108_988,
    notes=(
        "On Google Drive only, as one item 1-v4c8bcTspgBINKticTF7A9OMum0CB_y that may ask for a "
        "sign-in: download it in a browser and place the five training files by hand.",
        "Questions about a picture are dropped (needs_image).",
        "The copy on the Hub, shuyuej/MLEC-QA-Benchmark, reportedly holds the test part only.",
    ),
    origin="Questions of the Chinese national medical licensing exams.",
    annotation="The answer keys of the exams.",
)

# As the paper's code asks (preprocess/mlecqa_to_sft.py).
PROMPT = "这是国家医师资格考试的题目。\n\n{question}\n{options}"
OPTIONS = (PAPER_FORM,)


def read(raw: RawFolder, form: str = "corrected") -> Iterator[Example | Drop]:
    """Yield an example per question, subject by subject."""
    ids = Ids("mlecqa")
    for name in raw.names:
        subject = PurePosixPath(name).name.partition("_")[0]
        for row in array_rows(Part.of(raw, name)):
            id = ids(f"{subject}:{row.text('qid')}", row)
            yield _example(row, id, subject, form == "paper")


def _example(row: Row, id: str, subject: str, paper: bool) -> Example | Drop:
    question = row.text("qtext")
    if row.optional("qimage"):
        return row.drop(id, "needs_image", question)
    exam = f"中国医师资格考试中{SUBJECTS.get(subject, subject)}考试"
    options, gold = row.options("options"), row.text("answer")
    facts = {"category": subject, "item_type": row.optional("qtype")}
    facts["paper"] = row.options("options", empty=True) if paper else None
    return mcqa(row, id, "mlecqa", "zh", PROMPT, question, options, gold, exam=exam, **facts)
