"""HeadQA (English): questions of Spanish exams for specialised healthcare posts."""

from collections.abc import Iterator

from collectivesft.common.errors import InputError
from collectivesft.common.files import once
from collectivesft.readers.mcqa import by_letter, by_position, mcqa
from collectivesft.readers.reader_options import PAPER_FORM
from collectivesft.readers.row import Ids, Row
from collectivesft.readers.table_rows import lines
from collectivesft.schema.example import Drop, Example
from collectivesft.sources.archive import Part
from collectivesft.sources.folder import RawFolder
from collectivesft.sources.spec import Hub, RawFile, Source

MEMBER = "HEAD_EN/train_HEAD_EN.json"
_ARCHIVE = "head-qa-es-en-pdfs.zip"
_REVISION = "3f6b2048ca3c6e64603b6457142f28407e7ac8b5"

SOURCE = Source(
    name="headqa",
    title="HEAD-QA (English)",
    homepage="https://huggingface.co/datasets/dvilares/head_qa",
    licence="MIT, with the Spanish ministry's terms of reuse",
    citation="vilares2019headqa",
    files=(
        RawFile(
            _ARCHIVE,
            (Hub("dvilares/head_qa", _REVISION, f"data/{_ARCHIVE}"),),
            sha256="6ec29a3f55153d167f0bdf05395558919ba0b1df9c63e79ffceda2a09884ad8b",
            size=79_365_502,
        ),
    ),
    rows=2_657,
    notes=(
        "The Hub repository is a script that today's libraries refuse; its archive is read.",
        "ra, the right answer, is text that matches an answer's aid, counted from 1.",
        "Questions about a picture are dropped (needs_image).",
        "The archive's train_HEAD_EN.json by itself is read too.",
        "Elsewhere, in a different form and not fetched: EleutherAI/headqa on the Hub.",
    ),
    origin="Questions of Spanish exams for healthcare posts, translated into English by a machine.",
    annotation="The answer keys of the exams.",
    synthetic=True,
)

# As the paper's code asks (preprocess/headqa_to_sft.py).
PROMPT = (
    "This is a question about {area} from exams to access a specialized position in healthcare "
    "system.\n\n{question}\n{options}"
)
OPTIONS = (PAPER_FORM,)
# The area by the letter at the end of an exam's name, where the exam does not state it.
AREAS = {
    "B": "biology",
    "E": "nursing",
    "F": "pharmacology",
    "M": "medicine",
    "P": "psychology",
    "Q": "chemistry",
}


def read(raw: RawFolder, form: str = "corrected") -> Iterator[Example | Drop]:
    """Yield an example per question of the training exams."""
    ids = Ids("headqa")
    for name in raw.names:
        part = Part.of(raw, name, MEMBER if name.endswith(".zip") else "")
        for exam, area, row in _questions(part):
            id = ids(f"{exam}:{row.text('qid')}", row)
            yield _example(row, id, area, form == "paper")


def form(raw: RawFolder) -> str:
    """Say whether the archive or its member was read; ra is matched with aid, not counted."""
    kinds = {True: "the archive's member", False: "the member by itself"}
    return "; ".join(f"{name}: {kinds[name.endswith('.zip')]}" for name in raw.names)


def _questions(part: Part) -> Iterator[tuple[str, str, Row]]:
    """Every question with its exam's name and area; rows are counted through the whole file."""
    number = 0
    for exam, content in Row(part, 1, _document(part)).fields("exams").items():
        sheet = Row(part, number + 1, content)
        area = sheet.optional("category") or AREAS.get(exam.rpartition("_")[2], "")
        for value in sheet.items("data"):
            number += 1
            yield exam, area, Row(part, number, value)


def _document(part: Part):
    import json

    text = "".join(line for _, line in lines(part))
    try:
        return json.loads(text, object_pairs_hook=once)
    except (ValueError, RecursionError) as error:
        row = getattr(error, "lineno", None)
        remedy = "Check that this is the archive of the pinned revision"
        raise InputError(part.label, f"not valid JSON ({error})", remedy, row=row) from error


def _example(row: Row, id: str, area: str, paper: bool) -> Example | Drop:
    question = row.text("qtext")
    if row.optional("image"):
        return row.drop(id, "needs_image", question)
    answers = [Row(row.part, row.number, value) for value in row.items("answers")]
    numbers = [answer.text("aid") for answer in answers]
    if len(set(numbers)) < len(numbers):
        return row.drop(id, "bad_options", question, f"numbered {', '.join(numbers)}")
    names = {number: chr(ord("A") + i) for i, number in enumerate(numbers)}
    right = row.text("ra")
    if right and right not in names:
        detail = f"ra is {right} of {', '.join(names)}"
        return row.drop(id, "bad_answer", question, detail)
    texts = [answer.text("atext") for answer in answers]
    options = by_position(texts)
    gold = names.get(right, "")
    facts = {"exam": "a Spanish exam for specialised healthcare posts", "category": area}
    facts |= {"words": {"area": area}, "paper": by_letter(texts) if paper else None}
    return mcqa(row, id, "headqa", "en", PROMPT, question, options, gold, **facts)
