"""CMB-Clin: 74 clinical cases with 208 open questions, answered turn by turn."""

from collections.abc import Iterator

from collectivesft.readers.json_rows import array_rows
from collectivesft.readers.row import Row
from collectivesft.schema.item import Item
from collectivesft.sources.archive import Part
from collectivesft.sources.folder import RawFolder
from collectivesft.sources.spec import Hub, RawFile, Source

FILE = "CMB-Clin/CMB-Clin-qa.json"
_REVISION = "d74a6543e955a6ee2c8d1ccf413ac1332857f7f6"

SOURCE = Source(
    name="cmb_clin",
    title="CMB-Clin",
    homepage="https://huggingface.co/datasets/FreedomIntelligence/CMB",
    licence="Apache-2.0",
    citation="wang2024cmb",
    files=(RawFile(FILE, (Hub("FreedomIntelligence/CMB", _REVISION, FILE),)),),
    rows=74,
    notes=("An early copy of the file names the reference `answer`, not `solution`.",),
)

KINDS = ("clinical",)


def items(raw: RawFolder) -> Iterator[Item]:
    """Yield the cases of the (one) file that the manifest lists."""
    for name in raw.names:
        for row in array_rows(Part.of(raw, name)):
            yield _item(row)


def _item(row: Row) -> Item:
    turns = [_turn(Row(row.part, row.number, pair)) for pair in row.items("QA_pairs")]
    description = row.text("description")
    if not description:
        raise row.error("a case without description")
    if not turns:
        raise row.error("a case without questions")
    return Item(
        id=row.text("id"),
        benchmark="cmb_clin",
        split="test",
        kind="clinical",
        category="clinical",
        subcategory="clinical",
        question=description,
        turns=turns,
        meta={"title": row.optional("title")},
    ).at(*row.place_in_file)


def _turn(pair: Row) -> dict[str, str]:
    question = pair.text("question")
    reference = pair.optional("solution") or pair.optional("answer")
    if not question:
        raise pair.error("a question is empty")
    if not reference:
        raise pair.error("a question without solution")
    return {"question": question, "reference": reference}


def messages(item: Item, answers: list[str]) -> list[tuple[str, str]]:
    """The conversation up to the next question: case, earlier questions with the model's answers.

    The description of the case comes with the first question.
    """
    turns: list[tuple[str, str]] = []
    for number, turn in enumerate(item.turns[: len(answers) + 1]):
        ask = turn["question"]
        turns.append(
            ("user", f"以下是一位病人的病例：\n{item.question}\n{ask}" if number == 0 else ask)
        )
        if number < len(answers):
            turns.append(("assistant", answers[number]))
    return turns
