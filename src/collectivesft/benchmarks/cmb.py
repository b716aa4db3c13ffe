"""CMB-Exam: 11,200 Chinese medical exam questions in 6 categories and 28 sub-categories."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from collectivesft.common.errors import InputError
from collectivesft.readers import choice
from collectivesft.readers.json_rows import array_rows
from collectivesft.readers.mcqa import letters, without_marks
from collectivesft.readers.row import Row
from collectivesft.schema.item import Item, key_digest
from collectivesft.sources.archive import Part
from collectivesft.sources.folder import RawFolder
from collectivesft.sources.spec import Https, Hub, RawFile, Source

_REPO, _REVISION = "FreedomIntelligence/CMB", "d74a6543e955a6ee2c8d1ccf413ac1332857f7f6"
VAL = "CMB-Exam/CMB-val/CMB-val-merge.json"
TEST = "CMB-Exam/CMB-test/CMB-test-choice-question-merge.json"
KEY = "CMB-test-choice-answer.json"
_KEY_URL = (
    "https://raw.githubusercontent.com/FreedomIntelligence/CMB/"
    "6c8ece46097dae736c6805dd3b831e1a38c08971/data/CMB-test-choice-answer.json"
)

SOURCE = Source(
    name="cmb",
    title="CMB-Exam",
    homepage="https://huggingface.co/datasets/FreedomIntelligence/CMB",
    licence="Apache-2.0",
    citation="wang2024cmb",
    files=(
        RawFile(VAL, (Hub(_REPO, _REVISION, VAL),)),
        RawFile(TEST, (Hub(_REPO, _REVISION, TEST),)),
        RawFile(
            KEY,
            (Https(_KEY_URL),),
            git_blob="5a2035e8c6fcb95c868e22675d810eb71e7432b8",
            size=2_601_052,
        ),
    ),
    rows=11_200,
    notes=(
        "The answers lie on GitHub, apart from the questions; 29 were wrong until 2024-02-21.",
        "Four keys of questions with several answers are unsorted (5218, 5255, 5313, 5444).",
        "400 questions (考研政治) are politics, not medicine.",
        "11 questions (C型选择题) lack the background that they share (issue 28, open).",
        "An option beyond A to E that is one digit and not in the key is left out and kept in "
        "`meta.left_out`: by a public audit, 19 questions of 初级中药士 have such an F, a scraped "
        "mark that in 18 of them is the right option's position. Unverified until the real file "
        "is read.",
        "A question whose answer in the key is empty, no letters or no option is not scored, and "
        "counted; a key with more than 1 % of such is refused. Keys known by their digest stay as "
        "they are.",
    ),
)

KINDS = ("choice",)

# The leaderboard's order, with English names for the figures.
CATEGORIES = {
    "医师考试": "Physician",
    "护理考试": "Nurse",
    "药师考试": "Pharmacist",
    "医技考试": "Technician",
    "专业知识考试": "Disciplines",
    "医学考研": "Graduate",
}
# sha256 of the answer key (see scores/measure/answer_key.py) to the date of its last correction.
KEY_DATES = {
    "a84340e22218df78ddb7097e0ea24a4f59564ec2cdded01eeee8b84e83012d09": "2024-02-21",
    "11df2a627ad1ac23aee135429c7c2c1cff716476142635ec6f1437d3feea481f": "before 2024-02-21",
}
_POLITICS = "考研政治"
_NO_CONTEXT = "C型选择题"


def items(raw: RawFolder) -> Iterator[Item]:
    """Yield the val questions (for few-shot examples), then the test questions with their key.

    A question whose answer cannot be scored against is unscored and says why; a key that is known
    (``KEY_DATES``) is taken as it is.

    Raises:
        InputError: a question without options, or without an answer in the key; a val question
            without an answer; a key with more than one unusable answer in a hundred.
    """
    for row, question, options, answer in choice.question_rows(Part.of(raw, VAL)):
        if not answer:
            raise row.error("answer is empty, but val questions are shown with theirs")
        yield _item(row, f"val-{row.number}", "val", question, options, answer)
    key = _key(Part.of(raw, KEY))
    known = key_digest((id, letters(row.text("answer"))) for id, row in key.items()) in KEY_DATES
    total, unusable = 0, []
    for row, question, options, _ in choice.question_rows(Part.of(raw, TEST)):
        id = row.text("id")
        if id not in key:
            raise row.error(f"question {id} has no answer in {KEY}")
        item = _item(row, id, "test", question, options, key[id].text("answer"), known)
        total += 1
        unusable += [(key[id], item)] if item.split == "unscored" else []
        yield item
    _few(unusable, total)


def _key(part: Part) -> dict[str, Row]:
    """The rows of the key by the id of their question.

    Raises:
        InputError: a question is there twice, with different answers.
    """
    found: dict[str, Row] = {}
    for row in array_rows(part):
        other = found.setdefault(row.text("id"), row)
        if other.text("answer") != row.text("answer"):
            said = f"{other.text('answer')[:20]!r}, {row.text('answer')[:20]!r}"
            raise row.error(f"question {row.text('id')} is there twice, with {said}")
    return found


def _few(unusable: list[tuple[Row, Item]], total: int) -> None:
    """Some answers may be unusable; a key of which many are is not the benchmark's."""
    if len(unusable) * 100 > total:
        row, item = unusable[0]
        problem = (
            f"{len(unusable)} of {total} answers are unusable; the first is "
            f"{row.text('answer')[:40]!r} to question {item.id} ({item.meta['unscored']})"
        )
        raise InputError(row.part.label, problem, "Fetch or correct the key", row=row.number)


def apart(item: Item) -> str:
    """Return the group in which a question is reported separately, "" for most."""
    if item.subcategory == _POLITICS:
        return "politics"
    said = (item.question, *item.meta.values())
    return "no_context" if any(_NO_CONTEXT in text for text in said) else ""


def _item(
    row: Row,
    id: str,
    split: str,
    question: str,
    options: dict[str, str],
    answer: str,
    known: bool = False,
) -> Item:
    """A question; ``known`` says that its key is one of ``KEY_DATES``."""
    kind = row.text("question_type")
    meta: dict[str, Any] = {n: row.optional(n) for n in ("exam_subject", "question_type")}
    gold = letters(answer)
    options, marks = without_marks(options, gold)
    if marks:
        meta["left_out"] = marks
    if answer != gold:  # CMB's own code compares with the letters as its key has them
        meta["published_answer"] = answer
    if fault := "" if known else choice.answer_fault(answer, options):
        meta["unscored"] = fault
    item = Item(
        id=id,
        benchmark="cmb",
        split="unscored" if fault else split,
        kind="choice",
        category=row.text("exam_type"),
        subcategory=row.text("exam_class"),
        question=question,
        options=options,
        answer="" if fault else gold,
        multiple=kind.startswith("多"),
        explanation=row.optional("explanation") if split == "val" else "",
        meta=meta,
    ).at(*row.place_in_file)
    if published := _published(row, item):
        meta["published"] = published
    return item


def _published(row: Row, item: Item) -> dict[str, Any]:
    """Fields of an item that CMB's own code shows otherwise, as its file has them."""
    shown = ("question", "answer", "explanation") if item.split == "val" else ("question",)
    texts = {name: row.value.get(name) for name in shown}
    found = {n: v for n, v in texts.items() if isinstance(v, str) and v != getattr(item, n)}
    options = row.get("option")
    if all(isinstance(text, str) for text in options.values()):
        raw = replace(item, options=options)
        if choice.option_lines(raw, "official") != choice.option_lines(item, "official"):
            found["options"] = options
    return found


def prompt(item: Item, style: choice.Style, preset: choice.Preset) -> str:
    """CMB's prompt, one question."""
    exam = f"中国{item.category}中{item.subcategory}考试"
    return choice.render(exam, item, style, preset)


target = choice.reply


def submission(item: Item, letters: str | None) -> dict[str, Any]:
    """A record as CMB's score.py reads it from model_answer.json."""
    return {"id": int(item.id), "model_answer": letters or ""}
