"""MedBench: it keeps its answers, so a run ends with a file to upload and no score of ours."""

import re
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Any

from collectivesft.common.errors import InputError
from collectivesft.readers.json_rows import jsonl_rows
from collectivesft.readers.row import REMEDY, Row
from collectivesft.schema.item import Item
from collectivesft.sources.archive import Part, member_names
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
# The tasks of V4 (December 2025): 38 in text, eight of them with names of 2024, and 14 for agents,
# all grouped by the kind of answer. V4 comes as MedBench_LLM.zip, MedBench_Agent.zip and
# MedBench_VLM.zip, each with a file <folder>/TEST/<task>.jsonl for a task. Names and layout are
# from three public repositories of participants; the platform's own pages were not seen.
_V4 = {
    "选择题": (
        "MedExam", "MedLitQA", "MedEthics", "MedRxCheck_SCQ", "MedRxCheck_MSQ",
    ),
    "开放式问答": (
        "CMB-Clin-extended", "MedDiag", "MedDiffer", "MedCare", "MedRxPlan", "MedRehab",
        "MedPsychCare", "MedRxCheck_SQ", "MedOutcome", "MedExplain", "MedAnalysis", "MedPsychQA",
        "MedPopular", "MedTeach", "MedPrimary", "MedPHM", "MedTerm", "MedSynonym",
    ),
    "文书与质控": ("MedChartQC", "MedPathQC", "MedReportQC", "MedRecordGen", "MedSummary"),
    "结构化输出": ("MedInsureCheck", "MedInsureCalc"),
    "智能体": (
        "MedCOT", "MedDecomp", "MedPathPlan", "MedReflect", "MedCallAPI", "MedRetAPI", "MedDBOps",
        "MedCollab", "MedIntentID", "MedRoleAdapt", "MedLongConv", "MedLongQA", "MedShield",
        "MedDefend",
    ),
}  # fmt: skip
# The ten tasks of V4 with pictures: none of their questions is asked.
_PICTURES = {
    "图像": (
        "MedVQA", "MedQC", "MedOCR", "MedDetect", "MedClass", "MedDiffDx", "MedTherapy", "MedGen",
        "MedSeqIm", "MedCourse",
    ),
}  # fmt: skip
TASKS = {
    task: group
    for groups in (_V4, _GROUPS, _PICTURES)
    for group, tasks in groups.items()
    for task in tasks
}
CATEGORIES = {group: group for group in _GROUPS | _V4 | _PICTURES}

SOURCE = Source(
    name="medbench",
    title="MedBench",
    homepage="https://medbench.opencompass.org.cn",
    licence="not stated; the platform's terms apply",
    citation="liu2024medbench",
    access="form",
    files=tuple(RawFile(f"{task}/{task}.jsonl") for task in TASKS if TASKS[task] != "图像"),
    notes=(
        "The test inputs come from the platform's page, under an account: place them as "
        "<task>/<task>.jsonl, or name them under sources (files) as they were downloaded: in 2024 "
        "<task>/<task>_test.jsonl, in V4 <task>.jsonl or the archive itself (MedBench_LLM.zip).",
        "A row is {question, options, answer, other}; options is null or may be missing, answer "
        "is null or empty, other names source and number. V4's rows have no options.",
        "Rows with a picture (img_path) and all of V4's ten picture tasks are not asked, and "
        "counted (needs_image).",
        "The upload is the same rows with answers, one file a task under the name that it came "
        "with; files of an archive keep its folder. Unverified: V4's groups, and whether the "
        "platform takes the files today as one zip (OpenCompass issue 2320 reports a failed "
        "upload).",
    ),
)

KINDS = ("upload",)
_VERSION = re.compile(r"_[Vv]4")


def items(raw: RawFolder) -> Iterator[Item]:
    """Yield the rows of every task file that the manifest lists.

    Raises:
        InputError: a row that is not one of MedBench's.
    """
    for part in (part for name in raw.names for part in _parts(raw, name)):
        rows = list(jsonl_rows(part))
        if not rows:
            raise InputError(part.label, "an empty file", REMEDY, row=1)
        questions = [_question(row) for row in rows]
        shared = _shared(questions)
        for row, question in zip(rows, questions, strict=True):
            yield _item(row, part, question, shared)


def _parts(raw: RawFolder, name: str) -> list[Part]:
    """Return a file of a task, or those of an archive in their order."""
    if not name.endswith(".zip"):
        return [Part.of(raw, name)]
    found = member_names(raw.path(name), ".jsonl")
    if not found:
        raise InputError(raw.path(name), "an archive without a file <task>.jsonl", REMEDY)
    return [Part.of(raw, name, member) for member in found]


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


def _item(row: Row, part: Part, question: str, shared: str) -> Item:
    if row.value.get("options") is not None:
        row.texts("options")  # a list, or an error
    if "other" in row.value:
        row.fields("other")
    name = part.member or part.name
    task = _VERSION.sub("", PurePosixPath(name).stem.removesuffix("_test"))
    picture = bool(row.value.get("img_path")) or TASKS.get(task) in _PICTURES
    facts = {"unscored": "needs_image"} if picture else {}
    facts |= {"archive": part.name} if part.member else {}
    return Item(
        id=f"{task}-{row.number}",
        benchmark="medbench",
        split="unscored" if picture else "test",
        kind="text",
        category=TASKS.get(task, "其他"),
        subcategory=task,
        question=question.removeprefix(shared),
        meta={"instruction": shared, "file": name, "row": row.value} | facts,
    ).at(*row.place_in_file)


def prompt(item: Item, style: str, preset: str) -> str:
    """The question as the platform gives it; it holds instruction, examples and options."""
    return item.meta["instruction"] + item.question


def target(item: Item, style: str) -> str:
    """Never asked for: there are no solved examples but those within a question."""
    raise LookupError("MedBench publishes no answers")


UPLOAD = "jsonl"


def submission(item: Item, text: str) -> dict[str, Any]:
    """A row of the upload: the row as it came, keys in their order, with the answer."""
    return {**item.meta["row"], "answer": text}
