"""CMExam, the Chinese national medical licensing examination, asked in CMB's protocol."""

import re
from collections.abc import Iterator
from itertools import pairwise

from collectivesft.readers import choice
from collectivesft.readers.mcqa import letters
from collectivesft.readers.row import Row, beginnings, letter
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
        "In a few questions upstream lost an option's letter; the letters that are left count.",
    ),
)

KINDS = ("choice",)

CATEGORIES: dict[str, str] = {}
_DISCIPLINE = "Medical Discipline"
_EXAM = "国家医师资格考试"
_LAST = "H"  # no question has more options
# Upstream writes NaN where it has no answer; anything else that is often unusable is a wrong file.
_MOST = {"no answer": 0.1}
_OPTION = re.compile(r"([A-ZＡ-Ｚa-z])[\s.．、:：)）]+(.*)", re.S)


def items(raw: RawFolder) -> Iterator[Item]:
    """Yield the questions of every CSV file that the manifest lists; ``val...`` are examples.

    Raises:
        InputError: a column is missing, a row with a wrong number of fields, or a file whose
            options or answers cannot be read.
    """
    splits = [_split(name) for name in raw.names]
    keys = dict(zip(raw.names, beginnings("", raw.names), strict=True))
    for name, split in zip(raw.names, splits, strict=True):
        part = Part.of(raw, name)
        key = split if splits.count(split) == 1 else keys[name][1].removeprefix(":")
        rows = csv_rows(part, ("Question", "Options", "Answer"))
        pairs = ((row, _item(row, split, key)) for row in rows)
        yield from choice.few_unscored(pairs, _MOST)


def _split(name: str) -> str:
    return "val" if name.rpartition("/")[2].startswith("val") else "test"


def parse_options(text: str) -> dict[str, str]:
    """Options of one text: a line that begins with a letter after the last one begins an option.

    Upstream lost the letter of some options, so a later letter may follow; where a line begins
    with a letter by chance, the longest row of letters counts. Any other line continues the
    option before. Text before A is left out, as are options without text; where the first
    letter is B after one line, that line is A.
    """
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    marked = {}
    for place, line in enumerate(lines):
        match = _OPTION.match(f"{line} ")
        if match and letter(match[1]) <= _LAST:
            marked[place] = (letter(match[1]), match[2].strip())
    starts = _ascending({place: name for place, (name, _) in marked.items()})
    found: dict[str, list[str]] = {}
    if starts and marked[starts[0]][0] == "B" and starts[0] == 1:
        found["A"] = [lines[0]]
    for place, end in pairwise([*starts, len(lines)]):
        name, first = marked[place]
        found[name] = [first, *lines[place + 1 : end]]
    texts = {name: " ".join(filter(None, parts)) for name, parts in found.items()}
    return {name: text for name, text in texts.items() if text}


def _ascending(names: dict[int, str]) -> list[int]:
    """Places of the longest ascending row of letters; of several the one with the fewest gaps."""
    best: dict[int, list[int]] = {}
    for place, name in names.items():
        before = [best[other] for other in best if names[other] < name]
        best[place] = [*max(before, key=lambda row: _worth(row, names), default=[]), place]
    return max(best.values(), key=lambda row: _worth(row, names), default=[])


def _worth(row: list[int], names: dict[int, str]) -> tuple[int, int]:
    return len(row), -ord(names[row[-1]])


def _item(row: Row, split: str, key: str) -> Item:
    if row.value is None:
        raise row.error("another number of fields than the header")
    question, options = _cell(row, "Question"), parse_options(_cell(row, "Options"))
    answer, category = letters(_cell(row, "Answer")), _cell(row, _DISCIPLINE)
    fault = _fault(question, options, answer)
    kind = MULTIPLE if len(answer) > 1 else SINGLE
    return Item(
        id=f"{key}-{row.number}",
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
    ).at(*row.place_in_file)


def _cell(row: Row, column: str) -> str:
    """The text of a cell; "" where there is no such column, or pandas wrote that there is none."""
    text = row.optional(column)
    return "" if text.lower() in ("nan", "null") else text


def _fault(question: str, options: dict[str, str], answer: str) -> str:
    """Return the reason why a question cannot be scored, "" if it can."""
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
