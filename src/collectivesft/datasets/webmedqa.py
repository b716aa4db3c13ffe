"""webMedQA: questions from Chinese health sites with one chosen and four further answers."""

import re
from collections.abc import Iterator

from collectivesft.readers.reader_options import Option
from collectivesft.readers.row import Row, beginnings, pair
from collectivesft.readers.table_rows import tsv_rows
from collectivesft.schema.example import Drop, Example
from collectivesft.schema.prompts import fill
from collectivesft.sources.archive import Part
from collectivesft.sources.folder import RawFolder
from collectivesft.sources.spec import Https, RawFile, Source

_REPO, _REVISION = "hejunqing/webMedQA", "8521bbb5a61eae6021b10806b6f84edafa0bbe18"

SOURCE = Source(
    name="webmedqa",
    title="webMedQA",
    homepage="https://github.com/hejunqing/webMedQA",
    licence="Apache-2.0",
    citation="he2019webmedqa",
    files=(
        RawFile(
            "train.zip",
            (
                Https(f"https://media.githubusercontent.com/media/{_REPO}/{_REVISION}/train.zip"),
                Https(f"https://github.com/{_REPO}/raw/{_REVISION}/train.zip"),
            ),
            sha256="601a21b9769356f04ae43b88eec7e4f77ea9d2fa75204c046171b18426846892",
            size=59_919_275,
        ),
    ),
    rows=252_850,
    notes=(
        "train.zip is kept in Git LFS: the repository's raw address gives a pointer of 133 bytes.",
        "The paper's model card counts nearly all 253,050 rows, yet its script keeps only those "
        "labelled 1, about 50,600. So by default here: the rest is dropped as not_labelled.",
        "Dates that the site appended to answers (2015-05-1012:30) are taken off.",
        "Elsewhere, in a different form and not fetched: zirui3/webMedQA-instructions on the Hub.",
    ),
    origin="Questions of patients and answers of physicians on Chinese health sites.",
    annotation="The answer that the site marks as chosen.",
)

# As the paper's code asks (preprocess/webmedqa_to_sft.py): only the question.
PROMPT = "{question}"
_COLUMNS = ("department", "label", "question_id", "question", "answer")
_DATE = re.compile(r"\d{4}-\d{2}-\d{4}:\d{2}", re.ASCII)


OPTIONS = (
    Option(
        "rows",
        ("labelled", "all"),
        "labelled: rows marked as the chosen answer, as the paper's script takes; all: the four "
        "other answers of each question too, as its model card counts",
    ),
)


def read(raw: RawFolder, rows: str = "labelled") -> Iterator[Example | Drop]:
    """Yield an example per row that is labelled as the answer, or per row; meta has the label."""
    for name, key in beginnings("webmedqa", raw.names):
        for row in tsv_rows(Part.of(raw, name, "medQA.train.txt"), _COLUMNS):
            yield _example(row, f"{key}:{row.number}", rows)


def form(raw: RawFolder) -> str:
    """Name the columns: the file has no header, so their order is taken as known."""
    return f"no header; columns {', '.join(_COLUMNS)}"


def _example(row: Row, id: str, rows: str) -> Example | Drop:
    if row.value is None:
        return row.drop(id, "malformed_row", detail=f"fewer than {len(_COLUMNS)} fields")
    question, label = row.text("question"), row.text("label")
    if label == "0" and rows == "labelled":
        return row.drop(id, "not_labelled", question)
    if label not in ("0", "1"):
        return row.drop(id, "bad_label", question, f"label is {label[:20]!r}")
    answer = _DATE.sub("", row.text("answer")).strip()
    facts = {"category": row.text("department"), "question_id": row.text("question_id")}
    facts |= {"label": label} if rows == "all" else {}
    return pair(row, id, "webmedqa", "zh", fill(PROMPT, question=question), answer, **facts)
