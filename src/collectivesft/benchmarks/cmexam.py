"""CMExam, the Chinese national medical licensing examination, asked in CMB's protocol."""

import re
from collections.abc import Iterator

from collectivesft.readers import choice
from collectivesft.readers.mcqa import letters
from collectivesft.readers.row import Row, letter
from collectivesft.readers.table_rows import csv_rows
from collectivesft.schema.item import Item
from collectivesft.schema.prompts import MULTIPLE, SINGLE
from collectivesft.sources.archive import Part
from collectivesft.sources.folder import RawFolder
from collectivesft.sources.spec import Https, RawFile, Source

_BASE = (
    "https://raw.githubusercontent.com/williamliujl/CMExam/"
    "fadb22c89beb1b7115dc36460ba792eb96b7b972/data/"
)
VAL, TEST = "val.csv", "test_with_annotations.csv"

SOURCE = Source(
    name="cmexam",
    title="CMExam",
    homepage="https://github.com/williamliujl/CMExam",
    licence="Apache-2.0; its README says academic use only",
    citation="liu2023cmexam",
    files=(
        RawFile(VAL, (Https(_BASE + VAL),), git_blob="9e7ca22b5c727749e364b196585d5c355ee2b38f"),
        RawFile(TEST, (Https(_BASE + TEST),), git_blob="e6521e67f44b0f958167c91113a2950cffa681a7"),
    ),
    rows=6_811,
    notes=(
        "val (6,811 questions) serves as few-shot examples, test (6,811) is scored.",
        "A question without a usable answer (NaN, an option that is not there) is not scored, and "
        "counted.",
        "Like CMB, the prompt says whether several answers are right; here the key tells.",
        "Unverified: the columns of annotations (Medical Discipline) are from others' code.",
    ),
)

KINDS = ("choice",)

CATEGORIES: dict[str, str] = {}
_DISCIPLINE = "Medical Discipline"
_EXAM = "国家医师资格考试"
_OPTION = re.compile(r"([A-ZＡ-Ｚa-z])[\s.．、:：)）]+(.*)", re.S)


def items(raw: RawFolder) -> Iterator[Item]:
    """Yield the questions of every CSV file that the manifest lists; ``val...`` are examples.

    Raises:
        InputError: a column is missing, or a row with a wrong number of fields.
    """
    for name in raw.names:
        split = "val" if name.rpartition("/")[2].startswith("val") else "test"
        for row in csv_rows(Part.of(raw, name), ("Question", "Options", "Answer")):
            yield _item(row, split)


def parse_options(text: str) -> dict[str, str]:
    """Options of one text: a line that begins with the next letter begins an option.

    Any other line goes on with the option before; what stands before A is left out, as are
    options without text.
    """
    found: list[list[str]] = []
    for line in text.splitlines():
        match = _OPTION.match(f"{line.strip()} ")
        if match and letter(match[1]) == chr(ord("A") + len(found)):
            found.append([match[2].strip()])
        elif found and line.strip():
            found[-1].append(line.strip())
    texts = {chr(ord("A") + i): " ".join(filter(None, lines)) for i, lines in enumerate(found)}
    return {name: text for name, text in texts.items() if text}


def _item(row: Row, split: str) -> Item:
    if row.value is None:
        raise row.error("another number of fields than the header")
    question, options = _cell(row, "Question"), parse_options(_cell(row, "Options"))
    answer, category = letters(_cell(row, "Answer")), _cell(row, _DISCIPLINE)
    fault = _fault(question, options, answer)
    kind = MULTIPLE if len(answer) > 1 else SINGLE
    return Item(
        id=f"{split}-{row.number}",
        benchmark="cmexam",
        split="unscored" if fault else split,
        kind="choice",
        category=category or "CMExam",
        subcategory=category or "CMExam",
        question=question,
        options=options,
        answer=answer,
        multiple=len(answer) > 1,
        explanation=_cell(row, "Explanation"),
        meta={"question_type": kind} | ({"unscored": fault} if fault else {}),
    )


def _cell(row: Row, column: str) -> str:
    """The text of a cell; "" where there is no such column, or pandas wrote that there is none."""
    text = row.optional(column)
    return "" if text.lower() in ("nan", "null") else text


def _fault(question: str, options: dict[str, str], answer: str) -> str:
    """Why a question cannot be scored, "" if it can."""
    if not question:
        return "no question"
    if len(options) < 2:
        return "too few options"
    if not answer:
        return "no answer"
    return "" if set(answer) <= set(options) else "answer is no option"


def prompt(item: Item, style: choice.Style, preset: choice.Preset) -> str:
    """CMB's prompt with the national licensing examination as the exam."""
    return choice.render(f"中国{_EXAM}", item, style, preset)


target = choice.reply
