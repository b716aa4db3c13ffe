"""MedBench: it keeps its answers, so a run ends with a file to upload and no score of ours."""

from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Any

from collectivesft.common.errors import InputError
from collectivesft.readers.json_rows import jsonl_rows
from collectivesft.readers.row import REMEDY, Row
from collectivesft.schema.item import Item
from collectivesft.sources.archive import Part
from collectivesft.sources.folder import RawFolder
from collectivesft.sources.spec import RawFile, Source

# Kind of task to its tasks, as OpenCompass's loader groups them (opencompass @ 24f6ab02,
# opencompass/datasets/medbench/dataset_loader.py, and its config medbench_gen).
_GROUPS = {
    "选择题": ("Med-Exam", "DDx-basic", "DDx-advanced", "MedSafety"),
    "开放式问答": ("MedHC", "MedMC", "MedDG", "MedSpeQA", "MedTreat", "CMB-Clin"),
    "限定域问答": ("MedHG",),
    "正误判断": ("DrugCA",),
    "信息抽取": (
        "DBMHG", "CMeEE", "CMeIE", "CHIP-CDEE", "CHIP-CDN", "CHIP-CTC", "SMDoc", "IMCS-V2-MRG",
    ),
}  # fmt: skip
TASKS = {task: group for group, tasks in _GROUPS.items() for task in tasks}
CATEGORIES = {group: group for group in _GROUPS}

SOURCE = Source(
    name="medbench",
    title="MedBench",
    homepage="https://medbench.opencompass.org.cn",
    licence="not stated; the platform's terms apply",
    citation="liu2024medbench",
    access="form",
    files=tuple(RawFile(f"{task}/{task}.jsonl") for task in TASKS),
    notes=(
        "The test inputs come from the platform's page, under an account: place them as "
        "<task>/<task>.jsonl, or name them under sources (files).",
        "A row is {question, options, answer, other}; options is null or may be missing, answer "
        "is null or empty, other names source and number.",
        "The upload is the same rows with answers, one file a task under the name that it came "
        "with. Unverified: whether the platform takes them today as one zip (OpenCompass issue "
        "2320 reports a failed upload).",
    ),
)

KINDS = ("upload",)


def items(raw: RawFolder) -> Iterator[Item]:
    """Yield the rows of every task file that the manifest lists.

    Raises:
        InputError: a row that is not one of MedBench's.
    """
    for name in raw.names:
        rows = list(jsonl_rows(Part.of(raw, name)))
        if not rows:
            raise InputError(raw.path(name), "an empty file", REMEDY, row=1)
        questions = [_question(row) for row in rows]
        shared = _shared(questions)
        for row, question in zip(rows, questions, strict=True):
            yield _item(row, name, question, shared)


def _question(row: Row) -> str:
    """The whole prompt to the letter: the upload repeats it."""
    if not row.text("question"):
        raise row.error("question is empty")
    if not isinstance(row.get("question"), str):
        raise row.error("question is a number, expected text")
    return row.get("question")


def _shared(questions: list[str]) -> str:
    """The whole lines that all questions of a task begin with: its instruction and examples."""
    # The first and last in their order have least in common.
    first, last = (min(questions), max(questions)) if len(questions) > 1 else ("", "")
    pairs = enumerate(zip(first, last, strict=False))
    end = next((i for i, (one, other) in pairs if one != other), min(len(first), len(last)))
    common = first[:end]
    return common[: common.rfind("\n") + 1]


def _item(row: Row, name: str, question: str, shared: str) -> Item:
    options = row.texts("options") if row.value.get("options") is not None else None
    other = row.fields("other") if "other" in row.value else {}
    task = PurePosixPath(name).stem.removesuffix("_test")
    return Item(
        id=f"{task}-{row.number}",
        benchmark="medbench",
        split="test",
        kind="text",
        category=TASKS.get(task, "其他"),
        subcategory=task,
        question=question.removeprefix(shared),
        meta={"instruction": shared, "file": name, "options": options, "other": other},
    )


def prompt(item: Item, style: str, preset: str) -> str:
    """The question as the platform gives it; it holds instruction, examples and options."""
    return item.meta["instruction"] + item.question


def target(item: Item, style: str) -> str:
    """Never asked for: there are no solved examples beside those within a question."""
    raise LookupError("MedBench publishes no answers")


UPLOAD = "jsonl"


def submission(item: Item, text: str) -> dict[str, Any]:
    """A row of the upload: the row as it came, with the answer."""
    asked = prompt(item, "answer_only", "corrected")
    options, other = item.meta["options"], item.meta["other"]
    return {"question": asked, "options": options, "answer": text, "other": other}
