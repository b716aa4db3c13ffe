"""CMMLU, nine medical subjects: real four-option questions, asked in CMB's protocol."""

from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Any

from collectivesft.datasets.cmmlu_medical import SUBJECTS
from collectivesft.readers import choice
from collectivesft.readers.mcqa import letters
from collectivesft.readers.row import Row
from collectivesft.readers.table_rows import csv_rows
from collectivesft.schema.item import Item
from collectivesft.schema.prompts import SINGLE
from collectivesft.sources.archive import Part
from collectivesft.sources.folder import RawFolder
from collectivesft.sources.spec import Https, RawFile, Source

_BASE = (
    "https://raw.githubusercontent.com/haonan-li/CMMLU/"
    "d6e7b716d8ac694f38969a6c0407437d1fded799/data/"
)

SOURCE = Source(
    name="cmmlu_medical",
    title="CMMLU, medical subjects",
    homepage="https://github.com/haonan-li/CMMLU",
    licence="CC BY-NC-SA 4.0",
    citation="li2024cmmlu",
    files=tuple(
        RawFile(f"{split}/{name}.csv", (Https(f"{_BASE}{split}/{name}.csv"),))
        for split in ("dev", "test")
        for name in SUBJECTS
    ),
    rows=1_815,
    notes=("dev (45 questions) serves as few-shot examples, test (1,815) is scored.",),
)

KINDS = ("choice",)

CATEGORIES = {chinese: name.replace("_", " ") for name, chinese in SUBJECTS.items()}
_OPTIONS = ("A", "B", "C", "D")
# lm-evaluation-harness's names of subjects, where they differ from ours.
_LM_EVAL = {"医学统计学": "大学医学统计"}


def items(raw: RawFolder) -> Iterator[Item]:
    """Yield the questions of every CSV file that the manifest lists.

    Raises:
        InputError: a row with a wrong number of fields, an empty text or a wrong answer.
    """
    for name in raw.names:
        path = PurePosixPath(name)
        split = "val" if path.parent.name == "dev" else "test"
        for row in csv_rows(Part.of(raw, name), ("Question", *_OPTIONS, "Answer")):
            yield _item(row, path.stem, split)


def _item(row: Row, subject: str, split: str) -> Item:
    if row.value is None:
        raise row.error("another number of fields than the header")
    options = {name: row.text(name) for name in _OPTIONS}
    if empty := [name for name in ("Question", *_OPTIONS) if not row.text(name)]:
        raise row.error(f"{', '.join(empty)} is empty")
    answer = letters(row.text("Answer"))
    if answer not in options:
        raise row.error(f"the answer {answer!r} is not one of {', '.join(options)}")
    chinese = SUBJECTS.get(subject, subject)
    meta: dict[str, Any] = {"question_type": SINGLE}
    written = {name: str(row.value[name]) for name in _OPTIONS}
    if written != options:  # blanks at an end, which lm-evaluation-harness shows
        meta["published"] = {"options": written}
    return Item(
        id=f"{subject}-{split}-{row.number}",
        benchmark="cmmlu_medical",
        split=split,
        kind="choice",
        category=chinese,
        subcategory=chinese,
        question=row.text("Question"),
        options=options,
        answer=answer,
        meta=meta,
    ).at(*row.place_in_file)


def prompt(item: Item, style: choice.Style, preset: choice.Preset) -> str:
    """CMB's prompt with the subject's name as the exam."""
    return choice.render(f"中国{item.category}考试", item, style, preset)


target = choice.reply


def lm_eval_subject(item: Item) -> str:
    """Return the subject's name in lm-evaluation-harness's tasks of CMMLU."""
    return _LM_EVAL.get(item.category, item.category)
