"""Apollo's Chinese test questions: some of CMB, MedQA Mainland and CMExam, in one form.

Apollo (FreedomIntelligence) re-shaped questions of three benchmarks to ``question``,
``options`` (one text of ``(A) ...`` lines), ``answer`` (``(D)``) and ``source``. CMB's own files
are the benchmark ``cmb``; these are real questions for a machine that cannot fetch them.
"""

import re
from collections.abc import Iterator

from collectivesft.readers import choice
from collectivesft.readers.json_rows import array_rows
from collectivesft.readers.mcqa import letters
from collectivesft.readers.row import Row
from collectivesft.schema.item import Item
from collectivesft.schema.prompts import MULTIPLE, SINGLE
from collectivesft.sources.archive import Part
from collectivesft.sources.folder import RawFolder
from collectivesft.sources.spec import RawFile, Source

FILE = "test_zh.json"

SOURCE = Source(
    name="apollo_zh",
    title="Apollo's Chinese test questions",
    homepage="https://github.com/FreedomIntelligence/Apollo",
    licence="Apache-2.0",
    citation="wang2024apollo",
    access="hand_placed",
    files=(RawFile(FILE),),
    notes=(
        "Questions of CMB (one right answer), MedQA (Mainland) and CMExam that Apollo re-shaped "
        "(metadata/test/zh.json): place the file by hand.",
        "Its texts differ from the originals in a full stop at the end of each option. CMB's exam "
        "type and class are not in it, so no score of it is one of CMB's.",
    ),
)

KINDS = ("choice",)
CATEGORIES = {"CMB": "CMB", "MedQA": "MedQA Mainland", "CMExam": "CMExam"}
_SOURCES = {"cmb-single": "CMB", "medqa-mcmle": "MedQA", "cmexam": "CMExam"}
_OPTION = re.compile(r"\(([A-H])\)\s*(.*)", re.S)


def items(raw: RawFolder) -> Iterator[Item]:
    """Yield the questions of every file that the manifest lists.

    Raises:
        InputError: a question without text, options or an answer among them; an unknown source.
    """
    for name in raw.names:
        for row in array_rows(Part.of(raw, name)):
            yield _item(row)


def _item(row: Row) -> Item:
    source = row.text("source")
    if source not in _SOURCES:
        raise row.error(f"source {source[:40]!r} is none of {', '.join(_SOURCES)}")
    options = _options(row)
    answer = letters(row.text("answer").strip("()"))
    if fault := choice.answer_fault(answer, options):
        raise row.error(fault)
    return Item(
        id=f"{source}-{row.number}",
        benchmark="apollo_zh",
        split="test",
        kind="choice",
        category=_SOURCES[source],
        subcategory=_SOURCES[source],
        question=row.text("question"),
        options=options,
        answer=answer,
        multiple=len(answer) > 1,
        meta={"question_type": MULTIPLE if len(answer) > 1 else SINGLE},
    ).at(*row.place_in_file)


def _options(row: Row) -> dict[str, str]:
    """Options of one text; a line without a letter continues the option before."""
    found: dict[str, str] = {}
    name = ""
    for line in row.text("options").splitlines():
        match = _OPTION.match(line.strip())
        if match and match[1] not in found:
            name = match[1]
            found[name] = match[2].strip()
        elif name:
            found[name] = f"{found[name]} {line.strip()}".strip()
    return {name: text for name, text in found.items() if text}


def prompt(item: Item, style: choice.Style, preset: choice.Preset) -> str:
    """Ask as CMB does, with the physicians' examination as the exam."""
    return choice.render("中国医师考试", item, style, preset)


target = choice.reply
