"""cMedDialogue: one-turn consultations from six departments of a Chinese web clinic."""

from collections.abc import Iterator

from collectivesft.readers.row import Row, beginnings, pair
from collectivesft.readers.table_rows import csv_rows, guess_chinese
from collectivesft.schema.example import Drop, Example
from collectivesft.schema.prompts import fill
from collectivesft.sources.archive import Part
from collectivesft.sources.folder import RawFolder
from collectivesft.sources.spec import Https, RawFile, Source

_BASE = (
    "https://raw.githubusercontent.com/Toyhom/Chinese-medical-dialogue-data/"
    "26724a4357fcd142f0cab81188cacf1a2dd8a827/"
)
_BLOBS = {
    "Data_数据/Andriatria_男科/男科5-13000.csv": "ab9752e9748e9670ef4486fe4a0d6406e3481715",
    "Data_数据/IM_内科/内科5000-33000.csv": "308341e3c4fd997877857bb566a2b786abca0f39",
    "Data_数据/OAGD_妇产科/妇产科6-28000.csv": "32b0897cb041c4f72f23dfddc4d8957b6fd37812",
    "Data_数据/Oncology_肿瘤科/肿瘤科5-10000.csv": "64537063130d42e891e1160394248eafdee2279b",
    "Data_数据/Pediatric_儿科/儿科5-14000.csv": "ea47a9b26d1fe6a986736183acfcb1eb218ceacf",
    "Data_数据/Surgical_外科/外科5-14000.csv": "3804d05327a717d9b421d37f55d7734fea73b11d",
}

SOURCE = Source(
    name="cmeddialogue",
    title="cMedDialogue (Chinese medical dialogue data)",
    homepage="https://github.com/Toyhom/Chinese-medical-dialogue-data",
    licence="MIT",
    citation="toyhom2019cmeddialogue",
    files=tuple(
        RawFile(path, (Https(_BASE + path),), git_blob=blob) for path, blob in _BLOBS.items()
    ),
    rows=792_099,
    notes=(
        "The files are GB18030; UTF-8 copies (with or without a byte-order mark) are read too.",
        "The README calls the column `question`; in the files it is `ask`.",
        "Elsewhere, reshaped and not fetched: ticoAg/Chinese-medical-dialogue on the Hub.",
    ),
    origin=(
        "Questions of patients and answers of physicians on a Chinese web clinic, one turn each."
    ),
)

# As the paper's code asks (preprocess/cmeddialogue_to_sft.py): title, then question.
PROMPT = "{title}\n{ask}"
COLUMNS = ("department", "title", "ask", "answer")


def read(raw: RawFolder) -> Iterator[Example | Drop]:
    """Yield an example per row of every CSV file that the manifest lists."""
    for name, key in beginnings("cmeddialogue", raw.names, named=True):
        part = Part.of(raw, name)
        for row in csv_rows(part, COLUMNS, guess_chinese(part)):
            yield _example(row, f"{key}:{row.number}")


def form(raw: RawFolder) -> str:
    """Name the encoding of each file."""
    return "; ".join(f"{name}: {guess_chinese(Part.of(raw, name))}" for name in raw.names)


def _example(row: Row, id: str) -> Example | Drop:
    if row.value is None:
        return row.drop(id, "malformed_row", detail="another number of fields than the header")
    title, ask, answer = map(row.text, ("title", "ask", "answer"))
    user = fill(PROMPT, title=title, ask=ask)
    return pair(row, id, "cmeddialogue", "zh", user, answer, category=row.text("department"))
